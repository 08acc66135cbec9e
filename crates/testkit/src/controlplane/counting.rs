//! Counts of requests in the API servers' audit logs, in step with what the caller has seen.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{ApiServer, AuditLog, AuditMark, ControlPlane, ControlPlaneError};

/// How long the audit log may lag behind an answer before we look anyway.
const AUDIT_LAG: Duration = Duration::from_secs(2);
/// In the query of our own requests, which are not counted.
const SENTINEL: &str = "irsa-testkit-audit";

impl ControlPlane {
    /// Everything that the API servers have logged so far.
    pub async fn audit(&self) -> Result<AuditLog, ControlPlaneError> {
        self.audit_since(&AuditMark::default()).await
    }

    /// What the API servers have logged since `mark`.
    ///
    /// # Guarantees
    /// Requests answered before the call are in it: the log is written after the answer is sent, so a request of our
    /// own is made first and waited for in the log of every running server.
    pub async fn audit_since(&self, mark: &AuditMark) -> Result<AuditLog, ControlPlaneError> {
        self.settle_audit_logs().await?;
        let paths: Vec<_> = self.servers.iter().map(ApiServer::audit_log).collect();
        let log = AuditLog::read(paths.iter().map(PathBuf::as_path), mark)?;
        Ok(log.filter(|entry| !entry.uri.contains(SENTINEL)))
    }

    /// The present end of the audit logs.
    pub async fn mark(&self) -> Result<AuditMark, ControlPlaneError> {
        self.settle_audit_logs().await?;
        let ends = self.servers.iter().map(|server| {
            let path = server.audit_log();
            let length = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            (path, length)
        });
        Ok(AuditMark(ends.collect()))
    }

    async fn settle_audit_logs(&self) -> Result<(), ControlPlaneError> {
        if !self.settings.audit {
            return Ok(());
        }
        for server in self.servers.iter().filter(|server| server.is_running()) {
            let sentinel = format!("/version?{SENTINEL}={:016x}", rand::random::<u64>());
            server.client().get(&sentinel).await?;
            let path = server.audit_log();
            let started = Instant::now();
            let reading = || ControlPlaneError::io(format!("reading {}", path.display()));
            while !fs::read_to_string(&path).map_err(reading())?.contains(&sentinel) && started.elapsed() < AUDIT_LAG {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(())
    }
}
