//! What travels between the double's front (listener, proxy, SigV4) and its services.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;

/// The services that the double has. Chosen by the request's host name, never by a header of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// `iam.amazonaws.com`
    Iam,
    /// `sts.amazonaws.com`, `sts.<region>.amazonaws.com`
    Sts,
    /// `<bucket>.s3.<region>.amazonaws.com`, `s3.<region>.amazonaws.com`
    S3,
    /// `<account>.s3-control.<region>.amazonaws.com`
    S3Control,
}

/// Who makes a call, as the front established it from the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// No signature at all.
    Anonymous,
    /// A signature that was checked.
    Principal(Principal),
}

/// An identity whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Twelve digits.
    pub account: String,
    /// As GetCallerIdentity shows it (`arn:aws:iam::…:user/x`, `arn:aws:sts::…:assumed-role/r/s`, `arn:aws:iam::…:root`).
    pub arn: String,
    /// `AIDA…`, `AROA…:session`, or the account id for root.
    pub user_id: String,
    /// What kind of identity.
    pub kind: PrincipalKind,
}

/// What kind of identity a principal is; decides which policies limit it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalKind {
    /// The account's root: everything in its own account.
    Root,
    /// An IAM user of this name.
    User(String),
    /// A session of the role of this name; the session policy (JSON) narrows it further.
    AssumedRole {
        /// Role name as it was created.
        role: String,
        /// Session policy document given at AssumeRole, if any.
        session_policy: Option<String>,
    },
}

/// One call as a service sees it: authenticated, not yet authorized.
#[derive(Debug, Clone)]
pub struct Call {
    /// Service, from the host name.
    pub service: Service,
    /// Signing region, or the one in the host name for an anonymous call.
    pub region: String,
    /// HTTP method.
    pub method: Method,
    /// Host name without port, lower case.
    pub host: String,
    /// Path as sent (still percent-encoded), starting with `/`.
    pub raw_path: String,
    /// Query parameters in order, decoded.
    pub query: Vec<(String, String)>,
    /// Headers as sent.
    pub headers: HeaderMap,
    /// Whole body, `aws-chunked` already undone.
    pub body: Bytes,
    /// Who calls.
    pub caller: Caller,
    /// The double's time when the call arrived.
    pub now: Timestamp,
    /// `x-amzn-RequestId` of the answer.
    pub request_id: String,
}

impl Call {
    /// Form parameters of a query-protocol call (`Action=…&Version=…`), decoded. A later duplicate wins.
    pub fn form(&self) -> BTreeMap<String, String> {
        let text = String::from_utf8_lossy(&self.body);
        text.split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode_form(key), decode_form(value))
            })
            .collect()
    }

    /// A header's value, when present and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

fn decode_form(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

/// A service's answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers besides the ones that the front adds (request id, date, server, length).
    pub headers: Vec<(String, String)>,
    /// Whole body.
    pub body: Bytes,
}

impl Reply {
    /// 200 with a body of this content type.
    pub fn ok(content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    /// An answer without body.
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }
}

/// A refusal. The front renders it in the service's own error format (query XML for IAM and STS, S3 XML for S3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} ({status}): {message}")]
pub struct AwsError {
    /// HTTP status.
    pub status: u16,
    /// AWS's error code as on the wire (`NoSuchEntity`, `AccessDenied`).
    pub code: String,
    /// Message as AWS words it, where known.
    pub message: String,
    /// Extra elements of S3's error body (`BucketName`, `Key`); names in lower case that begin with `x-amz-`, and `etag`,
    /// `last-modified`, `location`, go as headers instead. Empty for others.
    pub extra: Vec<(String, String)>,
}

impl AwsError {
    /// A refusal with no extra elements.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            extra: Vec::new(),
        }
    }
}

/// The outcome of one call.
pub type Outcome = Result<Reply, AwsError>;

/// Escapes text for an XML element.
pub fn xml_escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
