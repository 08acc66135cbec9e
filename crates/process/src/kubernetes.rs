//! How the Kubernetes API is reached.

use std::time::Duration;

use http::{HeaderValue, header};
use irsa_core::vocabulary::USER_AGENT;
use kube::Config;

/// A request that is no watch is answered within this or given up: kube has no limit of its own.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The configuration of the pod's ServiceAccount, or of KUBECONFIG.
///
/// # Errors
/// When there is neither.
pub async fn config() -> Result<Config, kube::config::InferConfigError> {
    Ok(introduced(bounded(Config::infer().await?)))
}

/// How we introduce ourselves, to Kubernetes and to AWS: as kubectl and the controllers of Kubernetes do.
pub fn user_agent() -> String {
    let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{USER_AGENT} ({os}/{architecture})")
}

/// With our name in each request: kube sends none, and the audit log would show nobody.
pub fn introduced(mut config: Config) -> Config {
    if let Ok(value) = HeaderValue::from_str(&user_agent()) {
        config.headers.push((header::USER_AGENT, value));
    }
    config
}

/// Every request bounded in time, and none through a proxy of the environment: HTTPS_PROXY is the way to AWS, and the
/// API server is not there.
fn bounded(mut config: Config) -> Config {
    config.proxy_url = None;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    // Watches send a bookmark about once a minute and are resumed when they are cut.
    config.read_timeout = Some(READ_TIMEOUT.saturating_mul(10));
    config.write_timeout = Some(READ_TIMEOUT);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_names_us_and_our_version() {
        let config = introduced(Config::new("https://10.0.0.1:6443".parse().unwrap()));
        let [(name, value)] = config.headers.as_slice() else {
            panic!("{:?}", config.headers)
        };
        assert_eq!(name, "user-agent");
        let expected = concat!("irsa-anywhere/", env!("CARGO_PKG_VERSION"), " (");
        assert!(value.to_str().unwrap().starts_with(expected), "{value:?}");
    }

    #[test]
    fn the_api_server_is_never_reached_through_a_proxy() {
        let mut config = Config::new("https://10.0.0.1:6443".parse().unwrap());
        config.proxy_url = Some("http://proxy:3128".parse().unwrap());
        let config = bounded(config);
        assert_eq!(config.proxy_url, None);
        assert!(config.connect_timeout.is_some() && config.read_timeout.is_some() && config.write_timeout.is_some());
    }
}
