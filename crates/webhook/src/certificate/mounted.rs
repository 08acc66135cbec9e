//! A certificate that somebody else makes and mounts, such as cert-manager.

use std::{path::Path, time::Duration};

use tracing::{info, warn};

use super::held::{Unusable, certified};
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

/// Shows `tls.crt` with `tls.key` of this directory for ever, and what replaces them; `shown` is called once there is one.
pub(crate) async fn follow(
    directory: &Path,
    certificate: ShownCertificate,
    metrics: CertificateMetrics,
    mut shown: impl FnMut(),
) {
    let mut last = (String::new(), String::new());
    loop {
        match read(directory, &last).await {
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

type Found = ((String, String), rustls::sign::CertifiedKey, jiff::Timestamp);

async fn read(directory: &Path, last: &(String, String)) -> Result<Option<Found>, MountedError> {
    let text = async |name: &'static str| {
        let read = tokio::fs::read_to_string(directory.join(name)).await;
        read.map_err(|error| MountedError::File(name, error))
    };
    let texts = (text("tls.crt").await?, text("tls.key").await?);
    if texts == *last {
        return Ok(None);
    }
    // Between the two reads they may have been exchanged: then they do not fit together, and the next look finds both new.
    let (key, validity) = certified(&texts.0, &texts.1)?;
    Ok(Some((texts, key, validity.until)))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{super::issue, *};

    #[tokio::test]
    async fn what_is_mounted_is_read_again_only_when_it_has_changed() {
        let directory = std::env::temp_dir().join(format!("irsa-mounted-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let nothing = (String::new(), String::new());
        let problem = read(&directory, &nothing).await.unwrap_err().to_string();
        assert!(problem.contains("cannot read tls.crt"), "{problem}");

        let authority = issue::authority(Timestamp::now()).unwrap();
        let leaf = || issue::leaf(&authority.key, &["a.b.svc".to_owned()], Timestamp::now()).unwrap();
        let (first, second) = (leaf(), leaf());
        let put = |certificate: &str, key: &str| {
            std::fs::write(directory.join("tls.crt"), certificate).unwrap();
            std::fs::write(directory.join("tls.key"), key).unwrap();
        };
        put(&first.certificate, &first.key);
        let (texts, _, until) = read(&directory, &nothing).await.unwrap().unwrap();
        assert!(until > Timestamp::now());
        assert!(read(&directory, &texts).await.unwrap().is_none());
        put(&second.certificate, &first.key);
        let problem = read(&directory, &texts).await.unwrap_err().to_string();
        assert!(problem.contains("do not fit together"), "{problem}");
        put(&second.certificate, &second.key);
        assert!(read(&directory, &texts).await.unwrap().is_some());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
