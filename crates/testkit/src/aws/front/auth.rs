//! Authentication: the signature found in header or query, and everything that is checked about it.

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp, civil};

use super::{
    hosts::Endpoint,
    refusal::{self, Refusal},
    sigv4::{Scope, Signable, canonical_request, sha256_hex, signature},
};
use crate::aws::{
    wire::{AwsError, Call, Caller, Principal, Service},
    world::State,
};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How far a request's time may be off [SIGV4].
const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// A signature as it was found on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    access_key_id: String,
    scope: Scope,
    /// Names of the headers that the signature covers.
    covers: Vec<String>,
    signature: String,
    stamp: String,
    at: Timestamp,
    /// Seconds that a presigned request is good for; `None` for one signed by header.
    expires: Option<i64>,
    token: Option<String>,
}

impl Signed {
    /// The region that the caller signed for.
    pub(super) fn region(&self) -> &str {
        &self.scope.region
    }
}

/// The signature on a request, if it has one.
pub(super) fn find(
    service: Service,
    headers: &HeaderMap,
    query: &[(String, String)],
) -> Result<Option<Signed>, AwsError> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let parameter = |name: &str| {
        query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    if let Some(authorization) = header("authorization") {
        let stamp = header("x-amz-date").ok_or_else(|| refusal::of(service, Refusal::NoDate))?;
        let token = header("x-amz-security-token");
        return by_header(service, authorization, stamp, token).map(Some);
    }
    if let Some(signature) = parameter("X-Amz-Signature") {
        let needed = |name| parameter(name).ok_or_else(|| refusal::of(service, Refusal::Incomplete(name)));
        let parts = Parts {
            algorithm: needed("X-Amz-Algorithm")?,
            credential: needed("X-Amz-Credential")?,
            signed_headers: needed("X-Amz-SignedHeaders")?,
            signature,
            stamp: needed("X-Amz-Date")?,
            token: parameter("X-Amz-Security-Token"),
        };
        let expires = match parameter("X-Amz-Expires").map(str::parse::<i64>) {
            // STS takes presigned calls without X-Amz-Expires and gives them 15 minutes: UNSOURCED.
            None if service != Service::S3 => 900,
            // Between 1 second and 7 days [SIGV4 query parameters].
            Some(Ok(seconds)) if (1..=604_800).contains(&seconds) => seconds,
            _ => return Err(refusal::of(service, Refusal::Incomplete("X-Amz-Expires"))),
        };
        return parts.parse(service, Some(expires)).map(Some);
    }
    Ok(None)
}

fn by_header(service: Service, authorization: &str, stamp: &str, token: Option<&str>) -> Result<Signed, AwsError> {
    let (algorithm, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
    if algorithm != ALGORITHM {
        return Err(refusal::of(service, Refusal::Algorithm));
    }
    let field = |name: &'static str| {
        rest.split(',')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
            .ok_or_else(|| refusal::of(service, Refusal::Incomplete(name)))
    };
    let parts = Parts {
        algorithm,
        credential: field("Credential")?,
        signed_headers: field("SignedHeaders")?,
        signature: field("Signature")?,
        stamp,
        token,
    };
    parts.parse(service, None)
}

struct Parts<'a> {
    algorithm: &'a str,
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    stamp: &'a str,
    token: Option<&'a str>,
}

impl Parts<'_> {
    fn parse(&self, service: Service, expires: Option<i64>) -> Result<Signed, AwsError> {
        if self.algorithm != ALGORITHM {
            return Err(refusal::of(service, Refusal::Algorithm));
        }
        let [access_key_id, date, region, scoped, terminator] = self.credential.split('/').collect::<Vec<_>>()[..]
        else {
            return Err(refusal::of(service, Refusal::Incomplete("Credential")));
        };
        let at = civil::DateTime::strptime("%Y%m%dT%H%M%SZ", self.stamp)
            .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC))
            .map_err(|_| refusal::of(service, Refusal::NoDate))?
            .timestamp();
        if terminator != "aws4_request" {
            return Err(refusal::of(service, Refusal::Terminator));
        }
        if !self.stamp.starts_with(date) {
            return Err(refusal::of(service, Refusal::ScopeDate));
        }
        let covers: Vec<String> = self.signed_headers.split(';').map(str::to_ascii_lowercase).collect();
        if !covers.iter().any(|name| name == "host") {
            return Err(refusal::of(service, Refusal::HostNotSigned));
        }
        Ok(Signed {
            access_key_id: access_key_id.to_owned(),
            scope: Scope {
                date: date.to_owned(),
                region: region.to_owned(),
                service: scoped.to_owned(),
            },
            covers,
            signature: self.signature.to_owned(),
            stamp: self.stamp.to_owned(),
            at,
            expires,
            token: self.token.map(ToOwned::to_owned),
        })
    }
}

/// Checks the signature of a call and says who made it. `body` is the body as sent, before any decoding.
pub(super) fn check(
    signed: &Signed,
    call: &Call,
    body: &[u8],
    endpoint: &Endpoint,
    state: &State,
) -> Result<Caller, AwsError> {
    let service = call.service;
    let scoped_service = match service {
        Service::Iam => "iam",
        Service::Sts => "sts",
        Service::S3 | Service::S3Control => "s3",
    };
    if signed.scope.service != scoped_service {
        return Err(refusal::of(service, Refusal::ScopeService(scoped_service)));
    }
    if signed.scope.region != endpoint.region {
        return Err(refusal::of(
            service,
            Refusal::ScopeRegion {
                sent: &signed.scope.region,
                expected: &endpoint.region,
            },
        ));
    }
    check_time(service, signed, call.now)?;
    let (principal, secret) = look_up(service, signed, state, call.now)?;
    let payload = payload(signed, call, body)?;
    let query: Vec<_> = call
        .query
        .iter()
        .filter(|(key, _)| key != "X-Amz-Signature")
        .cloned()
        .collect();
    let request = Signable {
        method: &call.method,
        raw_path: &call.raw_path,
        query: &query,
        headers: &call.headers,
        signed_headers: &signed.covers,
        payload: &payload,
    };
    let expected = signature(
        &secret,
        &signed.scope,
        &signed.stamp,
        &canonical_request(scoped_service, &request),
    );
    if expected != signed.signature {
        return Err(refusal::of(service, Refusal::Signature));
    }
    // Every x-amz- header must be signed [SIGV4]; an unsigned one could have been added on the way.
    if signed.expires.is_none()
        && let Some(name) = call
            .headers
            .keys()
            .map(http::HeaderName::as_str)
            .find(|name| name.starts_with("x-amz-") && !signed.covers.iter().any(|signed| signed == name))
    {
        return Err(refusal::of(service, Refusal::HeaderNotSigned(name)));
    }
    Ok(Caller::Principal(principal))
}

fn check_time(service: Service, signed: &Signed, now: Timestamp) -> Result<(), AwsError> {
    let age = now.duration_since(signed.at);
    match signed.expires {
        Some(seconds) if age > SignedDuration::from_secs(seconds) => Err(refusal::of(service, Refusal::PresignExpired)),
        _ if age < -SKEW => Err(refusal::of(
            service,
            Refusal::Skewed {
                stamp: &signed.stamp,
                at: signed.at,
                now,
            },
        )),
        None if age > SKEW => Err(refusal::of(
            service,
            Refusal::Skewed {
                stamp: &signed.stamp,
                at: signed.at,
                now,
            },
        )),
        _ => Ok(()),
    }
}

/// The identity behind the access key. A session's token must travel with its key and be its own; a long-lived key
/// takes none [IAMUG-2023 id_credentials_temp_use-resources].
fn look_up(service: Service, signed: &Signed, state: &State, now: Timestamp) -> Result<(Principal, String), AwsError> {
    if let Some(session) = state.sts.session(&signed.access_key_id) {
        if signed.token.as_deref() != Some(session.credentials.session_token.as_deref().unwrap_or_default()) {
            return Err(refusal::of(service, Refusal::Token));
        }
        if session.expires <= now {
            return Err(refusal::of(service, Refusal::TokenExpired));
        }
        return Ok((session.principal.clone(), session.credentials.secret_access_key.clone()));
    }
    let found = state.iam.principal_for_access_key(&signed.access_key_id);
    let found = found.ok_or_else(|| refusal::of(service, Refusal::UnknownKey(&signed.access_key_id)))?;
    if signed.token.is_some() {
        return Err(refusal::of(service, Refusal::Token));
    }
    Ok(found)
}

/// What stands for the body in the canonical request; a hash that the client sent is checked against the body.
fn payload(signed: &Signed, call: &Call, body: &[u8]) -> Result<String, AwsError> {
    let s3 = matches!(call.service, Service::S3 | Service::S3Control);
    match call.header("x-amz-content-sha256") {
        Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD" | "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") => {
            Err(AwsError::new(
                501,
                "NotImplemented",
                "The double does not check signatures of single chunks",
            ))
        }
        Some(word @ ("UNSIGNED-PAYLOAD" | "STREAMING-UNSIGNED-PAYLOAD-TRAILER")) if s3 => Ok(word.to_owned()),
        Some(hash) if hash == sha256_hex(body) => Ok(hash.to_owned()),
        Some(hash) => Err(refusal::of(call.service, Refusal::PayloadHash(hash))),
        None if s3 && signed.expires.is_some() => Ok("UNSIGNED-PAYLOAD".to_owned()),
        None if s3 => Err(refusal::of(call.service, Refusal::NoPayloadHash)),
        None => Ok(sha256_hex(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_request_without_any_signature_is_anonymous() {
        assert_eq!(find(Service::S3, &HeaderMap::new(), &[]), Ok(None));
    }

    #[test]
    fn malformed_signatures_are_refused_by_name() {
        let good = "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/iam/aws4_request, SignedHeaders=host;x-amz-date, Signature=00";
        let stamp = "20260101T000000Z";
        let parsed = find(
            Service::Iam,
            &headers(&[("authorization", good), ("x-amz-date", stamp)]),
            &[],
        )
        .unwrap();
        assert_eq!(parsed.unwrap().region(), "eu-west-1");
        for (authorization, stamp, code) in [
            (
                good.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
                stamp,
                "IncompleteSignature",
            ),
            (good.replace("Signature=", "Sig="), stamp, "IncompleteSignature"),
            (good.replace("/iam/", "/"), stamp, "IncompleteSignature"),
            (good.replace("aws4_request", "aws5"), stamp, "SignatureDoesNotMatch"),
            (good.replace("20260101", "20260102"), stamp, "SignatureDoesNotMatch"),
            (good.replace("host;", ""), stamp, "SignatureDoesNotMatch"),
            (good.to_owned(), "yesterday", "IncompleteSignature"),
        ] {
            let found = find(
                Service::Iam,
                &headers(&[("authorization", &authorization), ("x-amz-date", stamp)]),
                &[],
            );
            assert_eq!(found.unwrap_err().code, code, "{authorization} {stamp}");
        }
    }
}
