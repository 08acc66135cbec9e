//! Error answers: the words in which each service refuses a signature, and the format of any error.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::aws::wire::{AwsError, Service, xml_escape};

/// Why a signature is refused.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal<'a> {
    Missing,
    Incomplete(&'static str),
    Algorithm,
    NoDate,
    Terminator,
    ScopeDate,
    ScopeService(&'static str),
    ScopeRegion {
        sent: &'a str,
        expected: &'a str,
    },
    HostNotSigned,
    HeaderNotSigned(&'a str),
    Skewed {
        stamp: &'a str,
        at: Timestamp,
        now: Timestamp,
    },
    PresignExpired,
    UnknownKey(&'a str),
    Signature,
    Token,
    TokenExpired,
    PayloadHash(&'a str),
    NoPayloadHash,
}

/// The refusal in the words of `service`.
pub(super) fn of(service: Service, refusal: Refusal<'_>) -> AwsError {
    match service {
        Service::Iam | Service::Sts => query(refusal),
        Service::S3 | Service::S3Control => s3(refusal),
    }
}

/// Codes and messages of the query services: [IAM-model] common errors, AWS General Reference "Troubleshoot Signature
/// Version 4" and [VGW iamerr/errors.go].
fn query(refusal: Refusal<'_>) -> AwsError {
    let mismatch = |message: String| AwsError::new(403, "SignatureDoesNotMatch", message);
    match refusal {
        Refusal::Missing => AwsError::new(
            403,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        ),
        Refusal::Incomplete("Credential") => AwsError::new(
            400,
            "IncompleteSignature",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term",
        ),
        Refusal::Incomplete(part) => AwsError::new(
            400,
            "IncompleteSignature",
            format!("Authorization header requires '{part}' parameter."),
        ),
        Refusal::Algorithm => AwsError::new(
            400,
            "IncompleteSignature",
            "The request signature does not conform to AWS standards.",
        ),
        Refusal::NoDate => AwsError::new(
            400,
            "IncompleteSignature",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        ),
        Refusal::Terminator => {
            mismatch("Credential should be scoped with a valid terminator: 'aws4_request'.".to_owned())
        }
        Refusal::ScopeDate => mismatch(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.".to_owned(),
        ),
        Refusal::ScopeService(service) => {
            mismatch(format!("Credential should be scoped to correct service: '{service}'. "))
        }
        Refusal::ScopeRegion { .. } => mismatch("Credential should be scoped to a valid region. ".to_owned()),
        Refusal::HostNotSigned => {
            mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned())
        }
        Refusal::HeaderNotSigned(name) => AwsError::new(
            400,
            "IncompleteSignature",
            format!("The request signature does not conform to AWS standards. Header(s) not signed: {name}."),
        ),
        Refusal::Skewed { stamp, at, now } => mismatch(skewed(stamp, at, now)),
        // UNSOURCED for presigned calls to STS.
        Refusal::PresignExpired => mismatch("Signature expired".to_owned()),
        Refusal::UnknownKey(_) | Refusal::Token => AwsError::new(
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ),
        Refusal::TokenExpired => AwsError::new(
            403,
            "ExpiredToken",
            "The security token included in the request is expired",
        ),
        Refusal::Signature | Refusal::PayloadHash(_) | Refusal::NoPayloadHash => mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
                .to_owned(),
        ),
    }
}

/// S3's codes and messages [S3 API reference, Error Responses].
fn s3(refusal: Refusal<'_>) -> AwsError {
    let malformed = |message: &str| AwsError::new(400, "AuthorizationHeaderMalformed", message);
    match refusal {
        Refusal::Missing => AwsError::new(403, "AccessDenied", "Access Denied"),
        Refusal::Incomplete(part) if part.starts_with("X-Amz-") => AwsError::new(
            400,
            "AuthorizationQueryParametersError",
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
             X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        ),
        Refusal::Incomplete(_) | Refusal::Terminator | Refusal::ScopeDate => {
            malformed("The authorization header is malformed; the Credential is mal-formed.")
        }
        Refusal::Algorithm => AwsError::new(400, "InvalidArgument", "Unsupported Authorization Type"),
        Refusal::NoDate => AwsError::new(
            403,
            "AccessDenied",
            "AWS authentication requires a valid Date or x-amz-date header",
        ),
        Refusal::ScopeService(_) => {
            malformed("The authorization header is malformed; incorrect service. This endpoint belongs to \"s3\".")
        }
        Refusal::ScopeRegion { sent, expected } => AwsError {
            extra: vec![("Region".to_owned(), expected.to_owned())],
            ..malformed(&format!(
                "The authorization header is malformed; the region '{sent}' is wrong; expecting '{expected}'"
            ))
        },
        Refusal::HostNotSigned | Refusal::HeaderNotSigned(_) => AwsError::new(
            403,
            "AccessDenied",
            "There were headers present in the request which were not signed",
        ),
        Refusal::Skewed { stamp, now, .. } => AwsError {
            extra: vec![
                ("RequestTime".to_owned(), stamp.to_owned()),
                ("ServerTime".to_owned(), now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
                ("MaxAllowedSkewMilliseconds".to_owned(), "900000".to_owned()),
            ],
            ..AwsError::new(
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            )
        },
        Refusal::PresignExpired => AwsError::new(403, "AccessDenied", "Request has expired"),
        Refusal::UnknownKey(key) => AwsError {
            extra: vec![("AWSAccessKeyId".to_owned(), key.to_owned())],
            ..AwsError::new(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            )
        },
        Refusal::Signature => AwsError::new(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and \
             signing method.",
        ),
        Refusal::Token => AwsError::new(
            400,
            "InvalidToken",
            "The provided token is malformed or otherwise invalid.",
        ),
        Refusal::TokenExpired => AwsError::new(400, "ExpiredToken", "The provided token has expired."),
        Refusal::PayloadHash(hash) => AwsError {
            extra: vec![("ClientComputedContentSHA256".to_owned(), hash.to_owned())],
            ..AwsError::new(
                400,
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
        },
        Refusal::NoPayloadHash => AwsError::new(
            400,
            "InvalidRequest",
            "Missing required header for this request: x-amz-content-sha256",
        ),
    }
}

fn skewed(stamp: &str, at: Timestamp, now: Timestamp) -> String {
    let allowed = SignedDuration::from_mins(15);
    let show = |time: Timestamp| time.strftime("%Y%m%dT%H%M%SZ").to_string();
    if at > now {
        format!(
            "Signature not yet current: {stamp} is still later than {} ({} + 15 min.)",
            show(now + allowed),
            show(now)
        )
    } else {
        format!(
            "Signature expired: {stamp} is now earlier than {} ({} - 15 min.)",
            show(now - allowed),
            show(now)
        )
    }
}

/// Throttled: IAM and STS say `Throttling` [IAM-model common errors], S3 `SlowDown` [S3 Error Responses].
pub(super) fn throttled(service: Service) -> AwsError {
    match service {
        Service::Iam | Service::Sts => AwsError::new(400, "Throttling", "Rate exceeded"),
        Service::S3 | Service::S3Control => AwsError::new(503, "SlowDown", "Please reduce your request rate."),
    }
}

/// Whether an extra of an error is a response header rather than an element of the body.
pub(super) fn is_header(name: &str) -> bool {
    name.starts_with("x-amz-") || matches!(name, "etag" | "last-modified" | "location")
}

/// The error's body, in the format of its service.
pub(super) fn body(service: Service, error: &AwsError, request_id: &str) -> String {
    let code = xml_escape(&error.code);
    let message = xml_escape(&error.message);
    let mut extra = String::new();
    for (name, value) in error.extra.iter().filter(|(name, _)| !is_header(name)) {
        let _ = write!(extra, "<{name}>{}</{name}>", xml_escape(value));
    }
    let fault = if error.status < 500 { "Sender" } else { "Receiver" };
    match service {
        Service::Iam | Service::Sts => {
            let namespace = match service {
                Service::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
                _ => "https://sts.amazonaws.com/doc/2011-06-15/",
            };
            format!(
                "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{fault}</Type><Code>{code}</Code>\
                 <Message>{message}</Message>{extra}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
            )
        }
        Service::S3 => format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{extra}\
             <RequestId>{request_id}</RequestId><HostId>{request_id}</HostId></Error>"
        ),
        Service::S3Control => format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <ErrorResponse xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\"><Error><Code>{code}</Code>\
             <Message>{message}</Message>{extra}</Error><RequestId>{request_id}</RequestId>\
             <HostId>{request_id}</HostId></ErrorResponse>"
        ),
    }
}
