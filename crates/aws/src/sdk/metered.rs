//! The HTTP connector that every attempt passes: the account's limiter, the counter, the time limit of an attempt, and for
//! a write the question whether this process still may.
//!
//! It is a connector and not an interceptor because credentials are fetched by clients that are not ours, and because
//! a connector can wait. The operation is read off the request itself for the same reason.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use percent_encoding::percent_decode_str;
use tokio::time::Instant;
use tracing::debug;

use crate::{
    attempts::{AttemptResult, Attempts, Operation},
    error::Kind,
    gate::{Closed, TimedBody, WriteGate, within},
    limiter::{AccountLimiters, Admitted, Priority},
    ports::Document,
    sdk::{call::find, stranger::Stranger},
};

/// No answer that we ask for is longer; a page of 1,000 roles is about 1 MiB.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// What one connection's attempts pass.
#[derive(Debug)]
pub(crate) struct Meter {
    attempts: Attempts,
    timeout: Duration,
    gate: WriteGate,
    strangers: Arc<AccountLimiters>,
    account: OnceLock<Arc<AccountLimiters>>,
    user_agent: String,
}

impl Meter {
    /// `strangers` are the limiters of those whose account is not known yet.
    pub(crate) fn new(
        attempts: Attempts,
        timeout: Duration,
        strangers: Arc<AccountLimiters>,
        gate: WriteGate,
        user_agent: String,
    ) -> Self {
        Self {
            attempts,
            timeout,
            gate,
            strangers,
            account: OnceLock::new(),
            user_agent,
        }
    }

    /// From now on attempts count against this account.
    pub(crate) fn belongs_to(&self, account: Arc<AccountLimiters>) {
        // Set once, by the guard; a second call would name the same account.
        let _ = self.account.set(account);
    }

    async fn admit(&self, operation: Operation) -> Admitted<'_> {
        let limiters = self.account.get().unwrap_or(&self.strangers);
        limiters.of(operation).admit(operation.priority()).await
    }

    /// One attempt, from the moment at which it may be sent to the answer's last byte.
    ///
    /// # Errors
    /// [`Closed`] when it is a write and this process may not write, or no longer: then it was given up.
    async fn attempt(&self, operation: Option<Operation>, request: Attempted) -> Result<Answer, Closed> {
        let Some(operation) = operation else {
            // What is not known to be a read may be a write.
            let until = self.gate.ask()?;
            return within(until, request.until(until).send()).await;
        };
        // Before the body is wrapped, which hides what it says.
        let resource = resource_of(&request.request);
        let admitted = self.admit(operation).await;
        let until = match operation.priority() {
            Priority::Write => self.gate.ask()?,
            Priority::Read => None,
        };
        within(until, self.counted(operation, admitted, resource, request.until(until))).await
    }

    async fn counted(
        &self,
        operation: Operation,
        admitted: Admitted<'_>,
        resource: String,
        request: Attempted,
    ) -> Answer {
        let mut attempt = self.attempts.begin(operation);
        let answer = tokio::time::timeout(self.timeout, whole(request.send())).await;
        let answer = answer.unwrap_or_else(|_| Err(ConnectorError::timeout("no whole answer in time".into())));
        let answer = answer.and_then(|answer| match Stranger::behind(operation, &answer) {
            // Asked again it would say the same.
            Some(stranger) => Err(ConnectorError::user(stranger.into())),
            None => Ok(answer),
        });
        let result = judge(&answer);
        attempt.ended(result);
        debug!(
            operation = %format_args!("{}:{}", operation.service(), operation.name()),
            resource,
            outcome = result.label(),
            code = answer.as_ref().ok().and_then(refusal),
            "called AWS"
        );
        match result {
            AttemptResult::Throttled => admitted.throttled(),
            AttemptResult::Succeeded | AttemptResult::Refused => admitted.accepted(),
            // Nothing is known of AWS's limits by these.
            AttemptResult::Failed | AttemptResult::TimedOut | AttemptResult::Unreachable | AttemptResult::Cancelled => {
            }
        }
        answer
    }
}

/// A client whose every recognised attempt passes a meter.
#[derive(Debug, Clone)]
pub(crate) struct MeteredClient {
    pub(crate) inner: SharedHttpClient,
    pub(crate) meter: Arc<Meter>,
}

impl HttpClient for MeteredClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Metered {
            inner: self.inner.http_connector(settings, components),
            meter: Arc::clone(&self.meter),
        })
    }
}

type Answer = Result<HttpResponse, ConnectorError>;

/// A request and the way that it goes.
struct Attempted {
    inner: SharedHttpConnector,
    request: HttpRequest,
}

impl Attempted {
    /// The same, to be sent by then if at all.
    fn until(mut self, until: Option<Instant>) -> Self {
        if let Some(until) = until {
            let body = self.request.take_body();
            *self.request.body_mut() = SdkBody::from_body_1_x(TimedBody::new(body, until));
        }
        self
    }

    fn send(self) -> HttpConnectorFuture {
        self.inner.call(self.request)
    }
}

#[derive(Debug)]
struct Metered {
    inner: SharedHttpConnector,
    meter: Arc<Meter>,
}

impl HttpConnector for Metered {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        introduce(&mut request, &self.meter.user_agent);
        let operation = operation_of(&request);
        if operation.is_none() && !is_signed(&request) {
            // Not AWS's API: instance metadata, a container's credentials.
            return self.inner.call(request);
        }
        let (inner, meter) = (self.inner.clone(), Arc::clone(&self.meter));
        HttpConnectorFuture::new(async move {
            let answer = meter.attempt(operation, Attempted { inner, request }).await;
            // Not of a kind that the SDK would try again.
            answer.unwrap_or_else(|closed| Err(ConnectorError::user(closed.into())))
        })
    }
}

/// Puts our name before the SDK's own. Here and not by an interceptor, so that clients which fetch credentials say it too; the
/// signature leaves this header out.
fn introduce(request: &mut HttpRequest, user_agent: &str) {
    if user_agent.is_empty() {
        return;
    }
    let sdk = request.headers().get("user-agent").unwrap_or_default();
    let both = format!("{user_agent} {sdk}");
    // What is no header value was refused by nobody until now, and is worth no failed call.
    let _ = request
        .headers_mut()
        .try_insert("user-agent", both.trim_end().to_owned());
}

/// The answer with its body read, so that the time limit covers it and a throttling code can be seen in it.
///
/// A document over its limit is left unread: the adapter refuses it by its length.
async fn whole(answer: HttpConnectorFuture) -> Answer {
    let mut answer = answer.await?;
    let announced = answer
        .headers()
        .get("content-length")
        .and_then(|text| text.parse().ok());
    if answer.status().is_success() && announced.is_some_and(|length: usize| length > Document::MAX_BYTES) {
        return Ok(answer);
    }
    let bytes = read_body(answer.take_body(), MAX_ANSWER).await?;
    *answer.body_mut() = SdkBody::from(bytes);
    Ok(answer)
}

/// All of a body that is not longer than `limit`.
pub(crate) async fn read_body(body: SdkBody, limit: usize) -> Result<Vec<u8>, ConnectorError> {
    let mut stream = ByteStream::new(body);
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| ConnectorError::io(error.into()))?;
        if bytes.len() + chunk.len() > limit {
            return Err(ConnectorError::user(TooLong(limit).into()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// A body went on and on.
#[derive(Debug, thiserror::Error)]
#[error("the answer is longer than {0} bytes")]
pub(crate) struct TooLong(pub(crate) usize);

fn judge(answer: &Answer) -> AttemptResult {
    let answer = match answer {
        Err(error) if error.is_timeout() => return AttemptResult::TimedOut,
        Err(error) if find::<Stranger>(error).is_some() => return AttemptResult::Failed,
        Err(_) => return AttemptResult::Unreachable,
        Ok(answer) => answer,
    };
    let status = answer.status().as_u16();
    if status < 300 {
        return AttemptResult::Succeeded;
    }
    if Kind::of(error_code(answer.body().bytes()).unwrap_or_default(), status) == Kind::Throttled {
        return AttemptResult::Throttled;
    }
    if status < 500 {
        AttemptResult::Refused
    } else {
        AttemptResult::Failed
    }
}

/// AWS's code of a refusal.
fn refusal(answer: &HttpResponse) -> Option<&str> {
    let refused = answer.status().as_u16() >= 300;
    error_code(answer.body().bytes().filter(|_| refused))
}

/// The text of the first `<Code>`: all three services answer errors in XML with one.
fn error_code(body: Option<&[u8]>) -> Option<&str> {
    let text = std::str::from_utf8(body?).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code.trim())
}

/// What a request to IAM or STS may be about. Nothing else of it is ever looked at for the log: other parameters are
/// documents, tokens and external ids.
const RESOURCES: [&str; 4] = ["RoleName", "OpenIDConnectProviderArn", "RoleArn", "PathPrefix"];

/// What a recognised request is about, for the log: a name or an ARN, or host and path of an object.
fn resource_of(request: &HttpRequest) -> String {
    let is_form = |header: &str| header.starts_with("application/x-www-form-urlencoded");
    if !request.headers().get("content-type").is_some_and(is_form) {
        let uri = request.uri().split_once('?').map_or(request.uri(), |(path, _)| path);
        return uri.split_once("://").map_or(uri, |(_, rest)| rest).to_owned();
    }
    let form = request.body().bytes().and_then(|bytes| std::str::from_utf8(bytes).ok());
    let pairs = form.into_iter().flat_map(|form| form.split('&'));
    let named = pairs
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| RESOURCES.contains(name));
    named.map_or_else(
        || "*".to_owned(),
        |(_, value)| percent_decode_str(value).decode_utf8_lossy().into_owned(),
    )
}

fn is_signed(request: &HttpRequest) -> bool {
    let authorization = request.headers().get("authorization").unwrap_or_default();
    authorization.starts_with("AWS4-")
}

/// Which call it is: IAM and STS say so in the form, S3 by method and subresource; where that leaves a bucket and an object
/// alike, the SDK names the object's operation in `x-id`.
fn operation_of(request: &HttpRequest) -> Option<Operation> {
    let header = |name| request.headers().get(name).unwrap_or_default();
    if header("content-type").starts_with("application/x-www-form-urlencoded") {
        let form = std::str::from_utf8(request.body().bytes()?).ok()?;
        let action = form.split('&').find_map(|pair| pair.strip_prefix("Action="))?;
        return Operation::of_action(action);
    }
    if !header("authorization").contains("/s3/aws4_request") {
        return None;
    }
    let (_, query) = request.uri().split_once('?').unwrap_or_default();
    let parameter = |name: &str| {
        let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let asks_for = |name: &str| parameter(name).is_some();
    let is_object = parameter("x-id").is_some_and(|id| id.ends_with("Object"));
    match (request.method(), asks_for("policy"), asks_for("publicAccessBlock")) {
        ("GET", true, _) => Some(Operation::GetBucketPolicy),
        ("PUT", true, _) => Some(Operation::PutBucketPolicy),
        ("DELETE", true, _) => Some(Operation::DeleteBucketPolicy),
        ("GET", _, true) => Some(Operation::GetPublicAccessBlock),
        ("PUT", _, true) => Some(Operation::PutPublicAccessBlock),
        ("GET", ..) => Some(Operation::GetObject),
        ("PUT", ..) if is_object => Some(Operation::PutObject),
        ("PUT", ..) => Some(Operation::CreateBucket),
        ("DELETE", ..) if is_object => Some(Operation::DeleteObject),
        ("DELETE", ..) => Some(Operation::DeleteBucket),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;

    use super::*;

    fn answered(length: usize) -> HttpConnectorFuture {
        let ok = StatusCode::try_from(200).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(ok, SdkBody::from(vec![b' '; length]))))
    }

    #[tokio::test]
    async fn an_answer_that_goes_on_and_on_is_given_up() {
        assert!(whole(answered(MAX_ANSWER)).await.is_ok());
        let endless = whole(answered(MAX_ANSWER + 1)).await.unwrap_err();
        assert!(crate::sdk::call::find::<TooLong>(&endless).is_some(), "{endless}");
    }

    #[test]
    fn our_name_comes_before_the_sdks() {
        let agent = |ours: &str, sdk: Option<&'static str>| {
            let mut request = HttpRequest::get("https://iam.amazonaws.com/").unwrap();
            if let Some(sdk) = sdk {
                request.headers_mut().insert("user-agent", sdk);
            }
            introduce(&mut request, ours);
            request.headers().get("user-agent").map(str::to_owned)
        };
        let ours = "irsa-anywhere/1.2 (linux/x86_64)";
        assert_eq!(
            agent(ours, Some("aws-sdk-rust/1.3")).unwrap(),
            format!("{ours} aws-sdk-rust/1.3")
        );
        assert_eq!(agent(ours, None).unwrap(), ours);
        assert_eq!(agent("", Some("aws-sdk-rust/1.3")).unwrap(), "aws-sdk-rust/1.3");
    }

    fn form(body: &'static str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request
            .headers_mut()
            .insert("content-type", "application/x-www-form-urlencoded");
        request
    }

    #[test]
    fn the_log_gets_what_a_request_is_about_and_nothing_else_of_it() {
        let assume = form("Action=AssumeRole&ExternalId=secret&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fx");
        assert_eq!(resource_of(&assume), "arn:aws:iam::123456789012:role/x");
        let put = form("Action=PutRolePolicy&PolicyDocument=secret&RoleName=app&PolicyName=p");
        assert_eq!(resource_of(&put), "app");
        assert_eq!(resource_of(&form("Action=GetCallerIdentity&Version=2011-06-15")), "*");
        let web_identity = form("Action=AssumeRoleWithWebIdentity&WebIdentityToken=secret");
        assert_eq!(resource_of(&web_identity), "*");
        let object = HttpRequest::get("https://acme.s3.eu-central-1.amazonaws.com/a/jwks?X-Amz-Security-Token=secret");
        assert_eq!(
            resource_of(&object.unwrap()),
            "acme.s3.eu-central-1.amazonaws.com/a/jwks"
        );
    }
}
