//! A certificate that somebody else makes and mounts, such as cert-manager.

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use rustls::sign::CertifiedKey;
use tracing::{info, warn};

use super::held::{Unusable, certified_for};
use crate::{metrics::CertificateMetrics, server::ShownCertificate};

/// Between two looks at the files. The kubelet brings a new Secret within a minute or two.
const LOOK: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
enum MountedError {
    #[error("cannot read {0}: {1}")]
    File(&'static str, std::io::Error),
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

/// Shows `tls.crt` with `tls.key` of this directory for ever, and what replaces them, if it is for this server and not over; `shown` is
/// called once there is one.
pub(crate) async fn follow(
    directory: &Path,
    server_name: &str,
    certificate: ShownCertificate,
    metrics: CertificateMetrics,
    mut shown: impl FnMut(),
) {
    let mut last = (String::new(), String::new());
    loop {
        match read(directory, server_name, &last, Timestamp::now()).await {
            Ok(None) => {}
            Ok(Some((texts, key, until))) => {
                last = texts;
                metrics.shown_until(until.as_second());
                info!(%until, "a certificate is shown");
                certificate.show(key);
                shown();
            }
            Err(problem) => warn!(%problem, directory = %directory.display(), "cannot use the certificate"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

type Found = ((String, String), CertifiedKey, Timestamp);

async fn read(
    directory: &Path,
    server_name: &str,
    last: &(String, String),
    now: Timestamp,
) -> Result<Option<Found>, MountedError> {
    let text = async |name: &'static str| {
        let read = tokio::fs::read_to_string(directory.join(name)).await;
        read.map_err(|error| MountedError::File(name, error))
    };
    let texts = (text("tls.crt").await?, text("tls.key").await?);
    if texts == *last {
        return Ok(None);
    }
    // Between the two reads they may have been exchanged: then they do not fit together, and the next look finds both new.
    let (key, validity) = certified_for(server_name, &texts.0, &texts.1, now)?;
    Ok(Some((texts, key, validity.until)))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::{super::issue, *};

    const SERVER: &str = "a.b.svc";

    #[tokio::test]
    async fn what_is_mounted_is_read_again_only_when_it_has_changed_and_is_for_this_server_and_time() {
        let directory = std::env::temp_dir().join(format!("irsa-mounted-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let nothing = (String::new(), String::new());
        let now = Timestamp::now();
        let problem = read(&directory, SERVER, &nothing, now).await.unwrap_err().to_string();
        assert!(problem.contains("cannot read tls.crt"), "{problem}");

        let authority = issue::authority(now).unwrap();
        let leaf = |name: &str| issue::leaf(&authority.key, &[name.to_owned()], now).unwrap();
        let (first, second, other) = (leaf(SERVER), leaf(SERVER), leaf("c.b.svc"));
        let put = |certificate: &str, key: &str| {
            std::fs::write(directory.join("tls.crt"), certificate).unwrap();
            std::fs::write(directory.join("tls.key"), key).unwrap();
        };
        put(&first.certificate, &first.key);
        let (texts, _, until) = read(&directory, SERVER, &nothing, now).await.unwrap().unwrap();
        assert!(until > now);
        assert!(read(&directory, SERVER, &texts, now).await.unwrap().is_none());
        for (certificate, key, at, complaint) in [
            (&second.certificate, &first.key, now, "do not fit together"),
            (&other.certificate, &other.key, now, "is not for a.b.svc"),
            (&second.certificate, &second.key, until, "is valid from"),
            (
                &second.certificate,
                &second.key,
                now - SignedDuration::from_hours(2),
                "is valid from",
            ),
        ] {
            put(certificate, key);
            let problem = read(&directory, SERVER, &texts, at).await.unwrap_err().to_string();
            assert!(problem.contains(complaint), "{problem}");
        }
        put(&second.certificate, &second.key);
        assert!(read(&directory, SERVER, &texts, now).await.unwrap().is_some());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
