//! One API server process over a given etcd.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tokio::net::TcpStream;

use super::{
    ApiClient, ControlPlaneError, PublicKey, SigningKey,
    files::{self, Pki},
    ports::free_port,
    process::{Launch, Process},
};

const READY_WITHIN: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(50);
const PORT_ATTEMPTS: usize = 5;

/// What every API server of one control plane has in common.
#[derive(Debug, Clone)]
pub(super) struct ServerSettings {
    pub(super) binary: PathBuf,
    pub(super) issuers: Vec<String>,
    pub(super) api_audiences: Vec<String>,
    pub(super) jwks_uri: Option<String>,
    pub(super) audit: bool,
    pub(super) extra_flags: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) admin_token: String,
}

/// The keys of one API server.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) signing: SigningKey,
    pub(super) accepted: Vec<PublicKey>,
}

/// One API server of a control plane. Its address stays the same over restarts.
#[derive(Debug)]
pub struct ApiServer {
    directory: PathBuf,
    port: u16,
    keys: Keys,
    client: ApiClient,
    process: Option<Process>,
}

impl ApiServer {
    /// `https://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// `127.0.0.1:<port>`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The key that it signs tokens with.
    pub fn signing_key(&self) -> &SigningKey {
        &self.keys.signing
    }

    /// Whether it was started and not stopped since.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Pid of kube-apiserver while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref()?.pid()
    }

    /// This server as the administrator.
    pub fn client(&self) -> &ApiClient {
        &self.client
    }

    /// Makes the server's files and starts it on a free port; a port lost to somebody else is replaced.
    pub(super) async fn create(
        directory: PathBuf,
        settings: &ServerSettings,
        pki: &Pki,
        etcd_url: &str,
        keys: Keys,
    ) -> Result<Self, ControlPlaneError> {
        fs::create_dir_all(&directory).map_err(ControlPlaneError::io(format!("creating {}", directory.display())))?;
        files::write(&directory.join("tls.crt"), &pki.certificate)?;
        files::write(&directory.join("tls.key"), &pki.key)?;
        files::write(&directory.join("audit-policy.yaml"), files::AUDIT_POLICY)?;
        files::write(&directory.join("audit.log"), "")?;
        let token_line = format!("{},admin,admin,system:masters\n", settings.admin_token);
        files::write(&directory.join("tokens.csv"), &token_line)?;

        let mut attempt = 1;
        loop {
            let port = free_port()?;
            let client = ApiClient::new(port, &pki.ca, Some(settings.admin_token.clone()))?;
            let mut server = Self {
                directory: directory.clone(),
                port,
                keys: keys.clone(),
                client,
                process: None,
            };
            match server.start(settings, etcd_url).await {
                Err(ControlPlaneError::Ended { tail, .. }) if lost_port(&tail) && attempt < PORT_ATTEMPTS => {
                    attempt += 1;
                }
                started => return started.map(|()| server),
            }
        }
    }

    pub(super) async fn start(&mut self, settings: &ServerSettings, etcd_url: &str) -> Result<(), ControlPlaneError> {
        if self.process.is_some() {
            return Ok(());
        }
        self.write_keys()?;
        let arguments = self.arguments(settings, etcd_url);
        let mut process = Process::spawn(&Launch {
            name: "kube-apiserver",
            directory: &self.directory,
            program: &settings.binary,
            arguments: &arguments,
            environment: &settings.environment,
        })?;
        let client = self.client.clone();
        wait_until(
            &mut process,
            async || matches!(client.get("/readyz").await, Ok(reply) if reply.is_success()),
        )
        .await?;
        self.process = Some(process);
        Ok(())
    }

    pub(super) async fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop().await;
        }
    }

    pub(super) async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill().await;
        }
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) fn set_keys(&mut self, keys: Keys) {
        self.keys = keys;
    }

    pub(super) fn audit_log(&self) -> PathBuf {
        self.directory.join("audit.log")
    }

    pub(super) fn log_tail(&self) -> String {
        self.process.as_ref().map(Process::tail).unwrap_or_default()
    }

    fn write_keys(&self) -> Result<(), ControlPlaneError> {
        files::write(&self.directory.join("sa-signing.key"), self.keys.signing.pem())?;
        for (index, key) in self.public_keys().enumerate() {
            files::write(&self.public_key_path(index), key.pem())?;
        }
        Ok(())
    }

    /// The signing key's public half first: the API server refuses tokens that it could not verify itself.
    fn public_keys(&self) -> impl Iterator<Item = &PublicKey> {
        let own = self.keys.signing.public();
        std::iter::once(own).chain(self.keys.accepted.iter().filter(move |key| *key != own))
    }

    fn public_key_path(&self, index: usize) -> PathBuf {
        self.directory.join(format!("sa-{index}.pub"))
    }

    fn arguments(&self, settings: &ServerSettings, etcd_url: &str) -> Vec<String> {
        let file = |name: &str| self.directory.join(name).display().to_string();
        let mut arguments = vec![
            format!("--etcd-servers={etcd_url}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", self.port),
            format!("--tls-cert-file={}", file("tls.crt")),
            format!("--tls-private-key-file={}", file("tls.key")),
            format!("--cert-dir={}", file("certs")),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            // It would write our loopback address into an object that refuses it, for ever.
            "--endpoint-reconciler-type=none".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            format!("--token-auth-file={}", file("tokens.csv")),
            format!("--service-account-signing-key-file={}", file("sa-signing.key")),
            "--profiling=false".to_owned(),
        ];
        arguments.extend(
            (0..self.public_keys().count())
                .map(|index| format!("--service-account-key-file={}", self.public_key_path(index).display())),
        );
        arguments.extend(
            settings
                .issuers
                .iter()
                .map(|issuer| format!("--service-account-issuer={issuer}")),
        );
        if !settings.api_audiences.is_empty() {
            arguments.push(format!("--api-audiences={}", settings.api_audiences.join(",")));
        }
        if let Some(uri) = &settings.jwks_uri {
            arguments.push(format!("--service-account-jwks-uri={uri}"));
        }
        if settings.audit {
            arguments.extend([
                format!("--audit-log-path={}", file("audit.log")),
                format!("--audit-policy-file={}", file("audit-policy.yaml")),
                "--audit-log-maxsize=0".to_owned(),
            ]);
        }
        arguments.extend(settings.extra_flags.iter().cloned());
        arguments
    }
}

/// etcd on a free port, ready to be dialled.
pub(super) async fn start_etcd(binary: &Path, directory: &Path) -> Result<(Process, String), ControlPlaneError> {
    fs::create_dir_all(directory).map_err(ControlPlaneError::io(format!("creating {}", directory.display())))?;
    let mut attempt = 1;
    loop {
        let port = free_port()?;
        let url = format!("http://127.0.0.1:{port}");
        let arguments = [
            format!("--data-dir={}", directory.join("data").display()),
            format!("--listen-client-urls={url}"),
            format!("--advertise-client-urls={url}"),
            // The only member never dials a peer, so nobody needs to know this port.
            "--listen-peer-urls=http://127.0.0.1:0".to_owned(),
            // A crash of the machine may lose the data: it is a test's.
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
        ];
        let mut process = Process::spawn(&Launch {
            name: "etcd",
            directory,
            program: binary,
            arguments: &arguments,
            environment: &[],
        })?;
        let connected = async || TcpStream::connect(("127.0.0.1", port)).await.is_ok();
        match wait_until(&mut process, connected).await {
            Ok(()) => return Ok((process, url)),
            Err(ControlPlaneError::Ended { tail, .. }) if lost_port(&tail) && attempt < PORT_ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

fn lost_port(tail: &str) -> bool {
    tail.contains("address already in use")
}

/// Polls `ready` while the process lives.
///
/// The process is looked at after a positive answer too: on a lost port, the answer came from whoever has it.
async fn wait_until(process: &mut Process, ready: impl AsyncFn() -> bool) -> Result<(), ControlPlaneError> {
    let started = Instant::now();
    loop {
        let is_ready = ready().await;
        if let Some(status) = process.ended() {
            return Err(process.end_error(status));
        }
        if is_ready {
            return Ok(());
        }
        if started.elapsed() > READY_WITHIN {
            return Err(process.late_error(started.elapsed()));
        }
        tokio::time::sleep(POLL).await;
    }
}
