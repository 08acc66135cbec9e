//! A transport to AWS that the caller provides, instead of sockets of our own.
//!
//! Everything above it stays: signatures, retries, limits of time, the limiter, the counter. It is for tests that talk to
//! a double in their own process and virtual time; no flag, variable or field of a resource leads here, as whoever could
//! choose the way could have tokens sent to himself.

use std::{fmt, sync::Arc, time::SystemTime};

use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use futures::future::BoxFuture;

use super::metered::read_body;

/// Longest body that is handed over; the documents that we put are far shorter.
const MAX_REQUEST: usize = 16 * 1024 * 1024;

/// No answer: there is no connection, or it broke.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

/// Something that answers HTTP requests to AWS and to issuers.
///
/// # Assumptions
/// Its time goes on as tokio's does: timeouts, retries and the limiter wait by tokio's, and requests are signed by this.
pub trait Wire: fmt::Debug + Send + Sync + 'static {
    /// Answers one request, whose URI has the host. Dropping the future is hanging up.
    fn answer(&self, request: http::Request<Vec<u8>>) -> BoxFuture<'static, Result<http::Response<Vec<u8>>, NoAnswer>>;

    /// What time it is there.
    fn now(&self) -> SystemTime;
}

/// The SDK's side of a wire.
#[derive(Debug, Clone)]
pub(super) struct Wired(pub(super) Arc<dyn Wire>);

impl Wired {
    pub(super) fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    pub(super) fn connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl TimeSource for Wired {
    fn now(&self) -> SystemTime {
        self.0.now()
    }
}

impl HttpClient for Wired {
    fn http_connector(&self, _settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.connector()
    }
}

impl HttpConnector for Wired {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let user = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::user(error);
            let request = request.try_into_http1x().map_err(|error| user(error.into()))?;
            let (parts, body) = request.into_parts();
            let body = read_body(body, MAX_REQUEST).await?;
            let answer = wire
                .answer(http::Request::from_parts(parts, body))
                .await
                .map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(answer.map(SdkBody::from)).map_err(|error| user(error.into()))
        })
    }
}
