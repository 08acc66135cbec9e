//! Calls that are not sent, so that what the SDK makes with the first one and keeps for ever is made at the start.
//!
//! Tables of partitions and of features, trust anchors, connectors: many hundred small allocations. Made while the API server's
//! first list is received each of them would lie among those objects, and keep the allocator from giving back their room when
//! they are gone.

use aws_config::SdkConfig;
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};

/// Calls each service once with this configuration, whose client is to be [`Unsent`], and with the credentials of nobody.
pub(super) async fn rehearse(config: SdkConfig) {
    let nobody = Credentials::new("nobody", "nothing", None, None, "rehearsal");
    let config = config
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(nobody))
        .build();
    let (iam, s3, sts) = (
        aws_sdk_iam::Client::new(&config),
        aws_sdk_s3::Client::new(&config),
        aws_sdk_sts::Client::new(&config),
    );
    // Each fails, as it is not sent.
    let _ = iam.get_role().role_name("none").send().await;
    let _ = s3.get_object().bucket("none").key("none").send().await;
    let _ = sts.get_caller_identity().send().await;
}

/// A client that makes connectors as the other one does, and sends nothing.
#[derive(Debug)]
pub(super) struct Unsent(pub(super) SharedHttpClient);

impl HttpClient for Unsent {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        // The other one keeps it.
        drop(self.0.http_connector(settings, components));
        SharedHttpConnector::new(Nowhere)
    }
}

#[derive(Debug)]
struct Nowhere;

impl HttpConnector for Nowhere {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Err(ConnectorError::user("it is only a rehearsal".into())))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use aws_config::{BehaviorVersion, Region};

    use super::*;

    /// Counts the connectors that it makes, which must not be used.
    #[derive(Debug, Clone, Default)]
    struct Counting(Arc<AtomicUsize>);

    impl HttpClient for Counting {
        fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
            self.0.fetch_add(1, Ordering::Relaxed);
            SharedHttpConnector::new(self.clone())
        }
    }

    impl HttpConnector for Counting {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            panic!("{} was called", request.uri())
        }
    }

    #[tokio::test]
    async fn each_service_gets_as_far_as_a_connection_and_nothing_is_sent() {
        let made = Counting::default();
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .http_client(Unsent(SharedHttpClient::new(made.clone())))
            .build();
        rehearse(config).await;
        assert_eq!(made.0.load(Ordering::Relaxed), 3);
    }
}
