//! A person with the AWS command line, for what is done by hand: the SDK with the account's root credentials.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{http::SharedHttpClient, runtime_components::RuntimeComponents};
use irsa_testkit::aws::AwsDouble;

use crate::world::{ACCOUNT, Problem, REGION, World};

/// An SDK configuration with the root credentials of an account, through the double's proxy.
///
/// # Errors
/// When the double's CA cannot be read.
pub async fn root(aws: &AwsDouble, account: &str, region: &str) -> Result<SdkConfig, Problem> {
    let root = aws.account(account).root_credentials();
    let credentials = Credentials::new(root.access_key_id, root.secret_access_key, None, None, "root");
    let proxy = ProxyConfig::https(aws.proxy_url())?;
    let client = http_client(&proxy, std::fs::read(aws.ca_bundle())?)?;
    Ok(aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(credentials)
        .http_client(client)
        .load()
        .await)
}

/// The SDK's own HTTP client, told about a proxy and a CA as in a corporate network: by itself it knows neither.
///
/// # Errors
/// When the bundle is none.
pub fn http_client(proxy: &ProxyConfig, ca_bundle: Vec<u8>) -> Result<SharedHttpClient, Problem> {
    let trust = TrustStore::empty().with_pem_certificate(ca_bundle);
    let tls = TlsContext::builder().with_trust_store(trust).build()?;
    let proxy = proxy.clone();
    Ok(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls.clone())
            .build()
    }))
}

/// STS as anybody reaches it: nothing that is asked of it here needs credentials.
#[derive(Debug, Clone)]
pub struct Sts(aws_sdk_sts::Client);

impl Sts {
    /// The STS of a world.
    ///
    /// # Errors
    /// As for [`root`].
    pub async fn of(world: &World) -> Result<Self, Problem> {
        Ok(Self(aws_sdk_sts::Client::new(
            &root(&world.aws, ACCOUNT, REGION).await?,
        )))
    }

    /// The verdict on a token: the assumed role's ARN, or AWS's error code.
    ///
    /// # Errors
    /// The code, or what went wrong without one.
    pub async fn assume(&self, role_arn: &str, token: &str) -> Result<String, String> {
        let call = self.0.assume_role_with_web_identity();
        let call = call
            .role_arn(role_arn)
            .role_session_name("e2e")
            .web_identity_token(token);
        let answer = call.send().await;
        let answer = answer.map_err(|error| error.code().map_or_else(|| format!("{error:?}"), str::to_owned))?;
        let user = answer.assumed_role_user();
        Ok(user.map(|user| user.arn().to_owned()).unwrap_or_default())
    }
}

/// Temporary credentials of a role, for somebody with these.
///
/// # Errors
/// AWS's refusal, as the SDK has it.
pub async fn assume(
    aws: &AwsDouble,
    by: &irsa_testkit::aws::Credentials,
    role: &str,
) -> Result<irsa_testkit::aws::Credentials, Problem> {
    let config = root(aws, ACCOUNT, REGION).await?;
    let credentials = Credentials::new(&by.access_key_id, &by.secret_access_key, None, None, "test");
    let config = config.into_builder();
    let config = config.credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
        credentials,
    ));
    let sts = aws_sdk_sts::Client::new(&config.build());
    let answer = sts
        .assume_role()
        .role_arn(role)
        .role_session_name("test")
        .send()
        .await?;
    let session = answer.credentials.ok_or("the answer has no credentials")?;
    Ok(irsa_testkit::aws::Credentials {
        access_key_id: session.access_key_id,
        secret_access_key: session.secret_access_key,
        session_token: Some(session.session_token),
    })
}
