//! The HTTP client of every call: one TLS stack, the environment's proxy, our own trust anchors beside the system's.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnectorSettings, SharedHttpClient},
    runtime_components::RuntimeComponents,
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::settings::Proxy;

/// How long a connection waits for its next request. A rush leaves as many behind as there were calls at a time, each with
/// buffers of its own.
const IDLE_CONNECTION: Duration = Duration::from_secs(15);

/// Why no client can be made of the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The CA bundle cannot be read.
    #[error("cannot read the CA bundle {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The CA bundle holds something else than certificates.
    #[error("the CA bundle {path} is not a list of PEM certificates: {problem}")]
    NotCertificates {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The proxy's URL is none.
    #[error("invalid proxy URL: {0}")]
    Proxy(String),
}

/// How connections are made.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    proxy: ProxyConfig,
    tls: TlsContext,
}

impl Transport {
    /// Reads the CA bundle: the given one, or the one that `AWS_CA_BUNDLE` names.
    ///
    /// The SDK for Rust reads neither that variable nor the proxy's by itself, and panics on a bundle that it cannot
    /// parse, so it is parsed here first.
    pub(crate) fn new(ca_bundle: Option<&Path>, proxy: &Proxy) -> Result<Self, SettingsError> {
        let from_environment = || {
            env::var_os("AWS_CA_BUNDLE")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
        };
        let mut trust = TrustStore::default();
        if let Some(path) = ca_bundle.map(Path::to_owned).or_else(from_environment) {
            trust = trust.with_pem_certificate(read_bundle(&path)?);
        }
        let problem = |error: &dyn std::fmt::Display| SettingsError::Proxy(error.to_string());
        Ok(Self {
            proxy: match proxy {
                Proxy::FromEnvironment => ProxyConfig::from_env(),
                Proxy::Url(url) => ProxyConfig::all(url.as_str()).map_err(|error| problem(&error))?,
            },
            tls: TlsContext::builder()
                .with_trust_store(trust)
                .build()
                .map_err(|error| problem(&error))?,
        })
    }

    /// A client that keeps one pool of connections per set of timeouts.
    pub(crate) fn client(&self) -> SharedHttpClient {
        let transport = self.clone();
        Builder::new().build_with_connector_fn(move |settings, components| transport.connector(settings, components))
    }

    /// A connector with a pool of its own.
    pub(crate) fn connector(
        &self,
        settings: Option<&HttpConnectorSettings>,
        components: Option<&RuntimeComponents>,
    ) -> Connector {
        let mut builder = Connector::builder().proxy_config(self.proxy.clone());
        builder.set_connector_settings(settings.cloned());
        if let Some(sleep) = components.and_then(RuntimeComponents::sleep_impl) {
            builder.set_sleep_impl(Some(sleep));
        }
        builder
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(self.tls.clone())
            .pool_idle_timeout(IDLE_CONNECTION)
            .build()
    }
}

fn read_bundle(path: &Path) -> Result<Vec<u8>, SettingsError> {
    let pem = fs::read(path).map_err(|source| SettingsError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let not_certificates = |problem: String| SettingsError::NotCertificates {
        path: path.to_owned(),
        problem,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| not_certificates(format!("{error:?}")))?;
        roots
            .add(certificate)
            .map_err(|error| not_certificates(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(not_certificates("it holds no certificate".to_owned()));
    }
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_is_missing_empty_or_broken_is_refused_by_name() {
        let nowhere = Transport::new(Some(Path::new("/nonexistent/ca.pem")), &Proxy::FromEnvironment);
        assert!(nowhere.unwrap_err().to_string().contains("/nonexistent/ca.pem"));
        let empty = Transport::new(Some(Path::new("/dev/null")), &Proxy::FromEnvironment);
        assert!(empty.unwrap_err().to_string().contains("no certificate"));
        let directory = env::temp_dir().join(format!("irsa-anywhere-ca-{}", std::process::id()));
        fs::write(
            &directory,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        let broken = Transport::new(Some(&directory), &Proxy::FromEnvironment);
        fs::remove_file(&directory).unwrap();
        assert!(matches!(broken, Err(SettingsError::NotCertificates { .. })));
    }

    #[test]
    fn a_proxy_that_is_no_url_is_refused() {
        let broken = Transport::new(None, &Proxy::Url("http://[".to_owned()));
        assert!(matches!(broken, Err(SettingsError::Proxy(_))));
    }
}
