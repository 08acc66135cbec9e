//! The key that signed the token, and its signature.

use serde_json::{Value, json};

use super::{
    check::CheckResult,
    documents,
    evidence::{Evidence, Fact, Unseen},
    token::{IdentityToken, token},
};
use crate::{
    jwks::{self, KeyKind, PublicKey, SignatureError},
    text::{listed, sentence, shown},
};

/// What AWS takes (STS API model, `WebIdentityToken`).
const ALGORITHMS: [&str; 6] = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"];

/// The published key of the token's `kid`.
fn named(evidence: &Evidence, token: &IdentityToken) -> Fact<Option<Value>> {
    let Some(kid) = token.kid() else { return Ok(None) };
    let keys = documents::keys(evidence)?;
    let is_named = |key: &Value| {
        let is_read = matches!(key.get("kty").and_then(Value::as_str), Some("RSA" | "EC"));
        is_read && key.get("kid").and_then(Value::as_str) == Some(kid)
    };
    Ok(keys.into_iter().find(is_named))
}

/// The same, where there is one.
fn published_key(evidence: &Evidence, token: &IdentityToken) -> Fact<Value> {
    named(evidence, token)?.ok_or_else(|| Unseen::because("the key that signed the token is not published"))
}

pub(super) fn published(evidence: &Evidence) -> Fact<CheckResult> {
    let token = token(evidence)?;
    let Some(kid) = token.kid() else {
        return Ok(CheckResult::fail(
            "The token's header has no kid, so nobody can tell which key signed it.",
            "Use a token of the API server: it names the key in each.",
        ));
    };
    if named(evidence, &token)?.is_some() {
        return Ok(CheckResult::pass(format!("The key {} is published.", shown(kid))));
    }
    let servers = evidence.api_servers.as_ref();
    let is_served = servers.map(|servers| servers.keys.keys().iter().any(|key| key.kid() == kid));
    Ok(match is_served {
        Ok(true) => CheckResult::fail(
            format!(
                "The token is signed by the key {}, which the API servers serve and the published set lacks.",
                shown(kid)
            ),
            "See the federation's conditions KeysObserved and Published; the operator publishes a new key within a minute, and restores \
             a set that somebody changed. STS may remember the old set for a while.",
        ),
        Ok(false) => CheckResult::fail(
            format!(
                "The token is signed by the key {}, which is neither published nor served by an API server.",
                shown(kid)
            ),
            "It is a token of another cluster, or of a key that was taken away: restart the pod, and compare the key files of all API \
             servers.",
        ),
        Err(_) => CheckResult::fail(
            format!(
                "The token is signed by the key {}, which the published set lacks.",
                shown(kid)
            ),
            "Publish the keys of every API server: GET /openid/v1/jwks from each.",
        ),
    })
}

pub(super) fn served_are_published(evidence: &Evidence) -> Fact<CheckResult> {
    let servers = evidence.api_servers.as_ref().map_err(Clone::clone)?;
    let published = documents::keys(evidence)?;
    // The key itself, whatever its name: another one under its kid is none of the API servers'.
    let is_published = |key: &PublicKey| {
        let jwk = key.to_jwk();
        let parts = ["kid", "kty", "n", "e", "crv", "x", "y"];
        published
            .iter()
            .any(|found| parts.iter().all(|part| found.get(part) == jwk.get(part)))
    };
    let usable = servers
        .keys
        .keys()
        .iter()
        .filter(|key| key.kind() != KeyKind::Unsupported);
    let missing: Vec<String> = usable
        .filter(|key| !is_published(key))
        .map(|key| shown(key.kid()))
        .collect();
    Ok(if missing.is_empty() {
        CheckResult::pass("Every key that the API server which was asked serves, and AWS takes, is published.")
    } else {
        CheckResult::fail(
            format!(
                "An API server serves keys that are not published: {}.",
                listed(missing, 4)
            ),
            "See the federation's conditions KeysObserved and Published; the operator publishes a new key within a minute.",
        )
    })
}

pub(super) fn algorithm(evidence: &Evidence) -> Fact<CheckResult> {
    let token = token(evidence)?;
    let said = token.algorithm();
    if !ALGORITHMS.contains(&said) {
        return Ok(CheckResult::fail(
            format!(
                "The token is signed with {}, and AWS takes RS256, RS384, RS512, ES256, ES384 and ES512.",
                shown(said)
            ),
            "Have the API servers sign with an RSA or an EC key (--service-account-signing-key-file).",
        ));
    }
    let key = published_key(evidence, &token)?;
    let text = |member: &str| key.get(member).and_then(Value::as_str);
    let wanted = text("alg");
    let fits = match (text("kty"), text("crv")) {
        (Some("RSA"), _) => said.starts_with("RS"),
        (Some("EC"), Some("P-256")) => said == "ES256",
        (Some("EC"), Some("P-384")) => said == "ES384",
        (Some("EC"), Some("P-521")) => said == "ES512",
        _ => false,
    };
    Ok(if fits && wanted.is_none_or(|wanted| wanted == said) {
        CheckResult::pass(format!("The token is signed with {said}, and so is the key."))
    } else {
        let of = [wanted, text("crv"), text("kty")]
            .into_iter()
            .flatten()
            .next()
            .unwrap_or_default();
        CheckResult::fail(
            format!(
                "The token is signed with {said}, and the published key of its kid is for {}.",
                shown(of)
            ),
            "Two keys have one kid, or the key is published wrongly: publish what the API servers serve.",
        )
    })
}

pub(super) fn signature(evidence: &Evidence) -> Fact<CheckResult> {
    let token = token(evidence)?;
    let key = published_key(evidence, &token)?;
    let set = jwks::parse(json!({ "keys": [key] }).to_string().as_bytes());
    let key = match &set {
        Ok(set) => set.keys().first(),
        Err(error) => {
            return Err(Unseen::because(format!(
                "the published key is not sound: {}",
                sentence(error)
            )));
        }
    };
    let verified = key.map(|key: &PublicKey| key.verify(token.algorithm(), token.signed(), token.signature()));
    Ok(match verified {
        Some(Ok(())) => CheckResult::pass("The published key signed the token."),
        Some(Err(SignatureError::Mismatch)) => CheckResult::fail(
            "The published key of the token's kid did not sign the token.",
            "The token was changed, or is of another cluster whose key has the same kid: use the token that the API server issued, and \
             publish what the API servers serve.",
        ),
        Some(Err(SignatureError::Algorithm)) | None => {
            return Err(Unseen::because(
                "signatures of this algorithm with this key cannot be checked here",
            ));
        }
    })
}
