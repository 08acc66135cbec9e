//! The two published documents, as anybody gets them.

use serde_json::Value;

use super::{
    check::CheckResult,
    evidence::{Evidence, Fact, FetchFailure, Fetched, Unseen},
};
use crate::{documents, json, jwks::MAX_KEYS_OF_A_KIND, text::shown};

/// Slower than this and STS gives up (re:Post, "InvalidIdentityToken").
const PATIENCE_MS: u64 = 5000;

/// Members of a discovery document without which STS finds no key (reference of this project, 1.5: seen by several projects).
const MEMBERS: [&str; 5] = [
    "issuer",
    "jwks_uri",
    "response_types_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
];

/// A document's bytes, or why there are none.
fn bytes(fetched: &Fact<Fetched>) -> Fact<&[u8]> {
    let fetched = fetched.as_ref().map_err(Clone::clone)?;
    match &fetched.outcome {
        Ok((bytes, _)) => Ok(bytes),
        Err(_) => Err(Unseen::because(format!("{} cannot be read", shown(&fetched.url)))),
    }
}

/// The discovery document's members.
fn discovery(evidence: &Evidence) -> Fact<Value> {
    let value = json::read(bytes(&evidence.discovery)?).ok().filter(Value::is_object);
    value.ok_or_else(|| Unseen::because("the discovery document is no JSON object"))
}

/// The published keys as JSON, in their order.
pub(super) fn keys(evidence: &Evidence) -> Fact<Vec<Value>> {
    let value = json::read(bytes(&evidence.jwks)?).ok();
    let keys = value.as_ref().and_then(|set| set.get("keys")).and_then(Value::as_array);
    keys.cloned()
        .ok_or_else(|| Unseen::because("what is published as the keys is no JWKS"))
}

pub(super) fn discovery_readable(evidence: &Evidence) -> Fact<CheckResult> {
    readable(evidence.discovery.as_ref())
}

pub(super) fn keys_readable(evidence: &Evidence) -> Fact<CheckResult> {
    readable(evidence.jwks.as_ref())
}

fn readable(fetched: Result<&Fetched, &Unseen>) -> Fact<CheckResult> {
    let fetched = fetched.map_err(Clone::clone)?;
    let url = shown(&fetched.url);
    let failure = match &fetched.outcome {
        Ok((bytes, _)) if documents::is_markup(bytes) => {
            return Ok(CheckResult::fail(
                format!("{url} is a page and no JSON: a proxy or a portal answered."),
                "Have whatever answers for the host hand out the documents of the issuer, to everybody and without a login.",
            ));
        }
        Ok(_) => {
            return Ok(CheckResult::pass(format!(
                "{url} can be read without credentials, from here."
            )));
        }
        Err(failure) => failure,
    };
    Ok(match failure {
        FetchFailure::Status(403) => CheckResult::fail(
            format!("{url} answers 403 to everybody: the bucket is closed, or the object is not there."),
            "See the federation's conditions PubliclyReadable and Published. Block Public Access of the bucket, the account or the \
             organisation closes a bucket whatever its policy says: BlockPublicPolicy and RestrictPublicBuckets must be off.",
        ),
        FetchFailure::Status(404) => CheckResult::fail(
            format!("{url} answers 404: the document is not there."),
            "See the federation's condition Published; the operator publishes both documents again within its interval.",
        ),
        FetchFailure::Status(status) => CheckResult::fail(
            format!("{url} answers HTTP status {status} to everybody."),
            "Have the host of the issuer answer 200 with the document, without credentials.",
        ),
        FetchFailure::Redirected(status) => CheckResult::fail(
            format!("{url} answers with a redirect (HTTP status {status}), and nothing says that AWS follows one."),
            "Serve the document under the issuer's own URL.",
        ),
        FetchFailure::KmsEncrypted => CheckResult::fail(
            format!("{url} is encrypted by a KMS key, so S3 hands it out to nobody who does not sign."),
            "Set the bucket's default encryption to SSE-S3 (AES256), and have the object written again.",
        ),
        FetchFailure::Unreachable(why) => CheckResult::fail(
            format!("No connection to {url}: {}.", shown(why)),
            "AWS must reach the issuer's host on port 443 from the Internet, with a certificate of a public authority (or with the \
             thumbprint of a private one in spec.thumbprints).",
        ),
        FetchFailure::Unreadable(why) => CheckResult::fail(
            format!("{url} answers something that is no document: {}.", shown(why)),
            "Serve the document as it is: not encoded, and no longer than two hundred keys can be.",
        ),
        FetchFailure::TimedOut(seconds) => CheckResult::fail(
            format!("{url} does not answer within {seconds} s; STS waits for 5."),
            "See what is in front of the documents: a cold CDN or a firewall that swallows packets.",
        ),
    })
}

pub(super) fn discovery_in_time(evidence: &Evidence) -> Fact<CheckResult> {
    in_time(&evidence.discovery)
}

pub(super) fn keys_in_time(evidence: &Evidence) -> Fact<CheckResult> {
    in_time(&evidence.jwks)
}

fn in_time(fetched: &Fact<Fetched>) -> Fact<CheckResult> {
    bytes(fetched)?;
    let fetched = fetched.as_ref().map_err(Clone::clone)?;
    let url = shown(&fetched.url);
    Ok(if fetched.took_ms > PATIENCE_MS {
        CheckResult::fail(
            format!(
                "{url} took {} ms from here, and STS gives up after 5000.",
                fetched.took_ms
            ),
            "Serve the documents from S3 itself, or from a CDN that keeps them warm.",
        )
    } else {
        CheckResult::pass(format!("{url} took {} ms from here.", fetched.took_ms))
    })
}

pub(super) fn discovery_complete(evidence: &Evidence) -> Fact<CheckResult> {
    let text = bytes(&evidence.discovery)?;
    let fix = "The operator publishes a whole document again within a minute; with publish.external, publish all of: issuer, jwks_uri, \
               response_types_supported, subject_types_supported, id_token_signing_alg_values_supported.";
    let Some(document) = json::read(text).ok().filter(Value::is_object) else {
        return Ok(CheckResult::fail(
            "The discovery document is no JSON object with each member once.",
            fix,
        ));
    };
    let missing = MEMBERS
        .into_iter()
        .find(|member| document.get(*member).is_none_or(Value::is_null));
    let keys_at = document.get("jwks_uri").and_then(Value::as_str);
    Ok(match (missing, keys_at) {
        (Some(member), _) => CheckResult::fail(format!("The discovery document has no {member}."), fix),
        (None, Some(url)) if url.starts_with("https://") => CheckResult::pass(format!(
            "The discovery document has all that STS reads; the keys are at {}.",
            shown(url)
        )),
        (None, url) => CheckResult::fail(
            format!(
                "The jwks_uri of the discovery document is {}, which is no https URL.",
                shown(url.unwrap_or_default())
            ),
            fix,
        ),
    })
}

pub(super) fn discovery_issuer(evidence: &Evidence) -> Fact<CheckResult> {
    let document = discovery(evidence)?;
    let expected = evidence.expected.issuer.as_str();
    let found = document.get("issuer").and_then(Value::as_str).unwrap_or_default();
    Ok(if found == expected {
        CheckResult::pass("The discovery document names the federation's issuer, byte for byte.")
    } else {
        CheckResult::fail(
            format!(
                "The discovery document names the issuer {}, and the federation's is {expected}.",
                shown(found)
            ),
            "Publish a discovery document of this issuer: the API server's own cannot be copied while it signs as another one. The \
             operator repairs a document of its own within a minute.",
        )
    })
}

pub(super) fn keys_valid(evidence: &Evidence) -> Fact<CheckResult> {
    bytes(&evidence.jwks)?;
    let fix = "The operator publishes a sound set again within a minute; with publish.external, publish the API servers' \
               /openid/v1/jwks unchanged.";
    let Ok(keys) = keys(evidence) else {
        return Ok(CheckResult::fail("What is published as the keys is no JWKS.", fix));
    };
    let count = |kind: &str| {
        keys.iter()
            .filter(|key| key.get("kty").and_then(Value::as_str) == Some(kind))
            .count()
    };
    let (rsa, ec) = (count("RSA"), count("EC"));
    Ok(match (rsa, ec) {
        (0, 0) => CheckResult::fail(
            "The published set has no RSA and no EC key, and AWS reads no other.",
            fix,
        ),
        (rsa, ec) if rsa.max(ec) > MAX_KEYS_OF_A_KIND => CheckResult::fail(
            format!(
                "The published set has {rsa} RSA and {ec} EC keys, and AWS reads no set with more than 100 of a kind."
            ),
            "Remove keys that sign no token any more.",
        ),
        (rsa, ec) => CheckResult::pass(format!("The published set has {rsa} RSA and {ec} EC keys.")),
    })
}

pub(super) fn content_type(evidence: &Evidence) -> Fact<CheckResult> {
    for fetched in [&evidence.discovery, &evidence.jwks] {
        bytes(fetched)?;
        let fetched = fetched.as_ref().map_err(Clone::clone)?;
        let Ok((_, said)) = &fetched.outcome else { continue };
        let said = said.as_deref().unwrap_or_default();
        let essence = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !["application/json", "application/jwk-set+json"].contains(&essence.as_str()) {
            return Ok(CheckResult::fail(
                format!("{} is served as {}.", shown(&fetched.url), shown(said)),
                "Set its Content-Type to application/json: STS does not look, other verifiers do.",
            ));
        }
    }
    Ok(CheckResult::pass("Both documents are served as JSON."))
}
