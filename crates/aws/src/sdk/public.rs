//! [`PublicReader`]: what the public sees, over the way out that the calls to AWS take.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};

use tracing::debug;

use super::{
    call::{find, root_cause},
    metered::{TooLong, read_body},
    settings::Timeouts,
};
use crate::{
    ports::{Document, PublicDocument, PublicRead, PublicReadError, PublicReader},
    sanitize::sanitize,
};

/// The longest refusal that is read; S3's are a few hundred bytes long.
const MAX_REFUSAL_BYTES: usize = 4096;

/// Reads URLs anonymously. Clones share connections.
#[derive(Debug, Clone)]
pub struct SdkPublicReader {
    connector: Arc<Mutex<SharedHttpConnector>>,
    timeout: Duration,
    user_agent: String,
}

impl SdkPublicReader {
    pub(super) fn new(connector: SharedHttpConnector, timeouts: &Timeouts, user_agent: String) -> Self {
        Self {
            connector: Arc::new(Mutex::new(connector)),
            timeout: timeouts.public_read,
            user_agent: if user_agent.is_empty() {
                "irsa-anywhere".to_owned()
            } else {
                user_agent
            },
        }
    }

    /// From now on connections are this one's.
    pub(super) fn renew(&self, connector: SharedHttpConnector) {
        *self.connector.lock().unwrap_or_else(PoisonError::into_inner) = connector;
    }

    fn connector(&self) -> SharedHttpConnector {
        self.connector.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn fetch(&self, request: HttpRequest) -> Result<PublicRead, PublicReadError> {
        let mut answer = self
            .connector()
            .call(request)
            .await
            .map_err(|error| self.failed(&error))?;
        match answer.status().as_u16() {
            200 => {}
            304 => return Ok(PublicRead::NotModified),
            status @ 300..=399 => return Err(PublicReadError::Redirected { status }),
            400 if is_kms_encrypted(&mut answer).await => return Err(PublicReadError::KmsEncrypted),
            status => return Err(PublicReadError::Status(status)),
        }
        if let Some(encoding) = header(&answer, "content-encoding").filter(|encoding| encoding != "identity") {
            return Err(PublicReadError::Encoded(sanitize(&encoding)));
        }
        let body = answer.take_body();
        let bytes = read_body(body, Document::MAX_BYTES)
            .await
            .map_err(|error| self.failed(&error))?;
        Ok(PublicRead::Document(PublicDocument {
            bytes,
            etag: header(&answer, "etag"),
            content_type: header(&answer, "content-type"),
            date: header(&answer, "date"),
            age: header(&answer, "age"),
        }))
    }

    fn failed(&self, error: &ConnectorError) -> PublicReadError {
        if let Some(TooLong(limit)) = find::<TooLong>(error) {
            return PublicReadError::TooLarge(*limit);
        }
        if error.is_timeout() {
            return self.timed_out();
        }
        PublicReadError::Unreachable(sanitize(&root_cause(error)))
    }

    fn timed_out(&self) -> PublicReadError {
        PublicReadError::TimedOut(self.timeout.as_secs())
    }
}

/// Whether S3 says that it would have to ask KMS. It has no code of its own for it: `InvalidArgument`, "Requests specifying
/// Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4.".
async fn is_kms_encrypted(answer: &mut HttpResponse) -> bool {
    let body = read_body(answer.take_body(), MAX_REFUSAL_BYTES)
        .await
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    text.contains("<Code>InvalidArgument</Code>") && text.contains("AWS KMS managed keys")
}

fn header(answer: &HttpResponse, name: &str) -> Option<String> {
    answer.headers().get(name).map(str::to_owned)
}

impl PublicReader for SdkPublicReader {
    async fn read(&self, url: &str, if_none_match: Option<&str>) -> Result<PublicRead, PublicReadError> {
        if !url.starts_with("https://") {
            return Err(PublicReadError::NotHttps);
        }
        let mut request = HttpRequest::get(url).map_err(|error| PublicReadError::Unreachable(error.to_string()))?;
        let headers = request.headers_mut();
        let broken = |error: &dyn std::fmt::Display| PublicReadError::Unreachable(error.to_string());
        headers
            .try_insert("user-agent", self.user_agent.clone())
            .map_err(|error| broken(&error))?;
        if let Some(etag) = if_none_match {
            headers
                .try_insert("if-none-match", etag.to_owned())
                .map_err(|error| broken(&error))?;
        }
        let read = tokio::time::timeout(self.timeout, self.fetch(request)).await;
        let read = read.unwrap_or_else(|_| Err(self.timed_out()));
        let outcome = match &read {
            Ok(PublicRead::Document(_)) => "read",
            Ok(PublicRead::NotModified) => "not_modified",
            Err(_) => "failed",
        };
        debug!(url, outcome, "read a public document");
        read
    }
}
