//! A person with the AWS command line, for what is done by hand: the SDK with the account's root credentials.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{http::SharedHttpClient, runtime_components::RuntimeComponents};
use irsa_testkit::aws::AwsDouble;

/// An SDK configuration with the root credentials of an account, through the double's proxy.
pub(crate) async fn root(aws: &AwsDouble, account: &str, region: &str) -> SdkConfig {
    let root = aws.account(account).root_credentials();
    let credentials = Credentials::new(root.access_key_id, root.secret_access_key, None, None, "root");
    let proxy = ProxyConfig::https(aws.proxy_url()).unwrap();
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(credentials)
        .http_client(http_client(&proxy, std::fs::read(aws.ca_bundle()).unwrap()))
        .load()
        .await
}

/// The SDK's own HTTP client, told about a proxy and a CA as in a corporate network: by itself it knows neither.
pub(crate) fn http_client(proxy: &ProxyConfig, ca_bundle: Vec<u8>) -> SharedHttpClient {
    let trust = TrustStore::empty().with_pem_certificate(ca_bundle);
    let tls = TlsContext::builder().with_trust_store(trust).build().unwrap();
    let proxy = proxy.clone();
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls.clone())
            .build()
    })
}
