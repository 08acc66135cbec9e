//! The connection to the Kubernetes API.

use std::time::Duration;

use kube::{Client, Config};

/// A request that is no watch is answered within this or given up: kube has no limit of its own.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The configuration of the pod's ServiceAccount, or of KUBECONFIG.
///
/// # Errors
/// When there is neither.
pub(crate) async fn config() -> Result<Config, kube::config::InferConfigError> {
    Ok(bounded(Config::infer().await?))
}

/// A client for the lease alone: nobody is asked before it writes, and whoever uses it retries in time by himself.
///
/// # Errors
/// When the configuration's certificates cannot be used.
pub(crate) fn lease_client(config: &Config) -> kube::Result<Client> {
    let mut config = config.clone();
    config.default_retry = false;
    Client::try_from(config)
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
    fn the_api_server_is_never_reached_through_a_proxy() {
        let mut config = Config::new("https://10.0.0.1:6443".parse().unwrap());
        config.proxy_url = Some("http://proxy:3128".parse().unwrap());
        let config = bounded(config);
        assert_eq!(config.proxy_url, None);
        assert!(config.connect_timeout.is_some() && config.read_timeout.is_some() && config.write_timeout.is_some());
    }
}
