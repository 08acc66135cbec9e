//! Checks of documents that are published under our issuer, against the keys that the cluster is known to have: our own as the
//! public gets them, and those that somebody else publishes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    history::{KeyPhase, KnownKey},
    issuer::IssuerUrl,
    json,
    jwks::{self, JwksError, PublicKey},
};

/// Whether a key set has nothing but keys that the cluster knows, each under its own kid, and none that is revoked.
pub fn is_known(jwks: &[u8], known: &[KnownKey]) -> bool {
    jwks::parse(jwks).is_ok_and(|set| set.keys().iter().all(|key| is_one_of(key, known)))
}

fn is_one_of(key: &PublicKey, known: &[KnownKey]) -> bool {
    known
        .iter()
        .any(|known| is(key, known) && known.state != KeyPhase::Revoked)
}

fn is(key: &PublicKey, known: &KnownKey) -> bool {
    known.kid == key.kid() && known.thumbprint == *key.thumbprint()
}

/// The kids of the keys in a set that the cluster does not know. Of a set that cannot be read as one, those kids that can
/// be made out and that the cluster does not use.
pub fn foreign_kids(set: &[u8], known: &[KnownKey]) -> Vec<String> {
    if let Ok(set) = jwks::parse(set) {
        let foreign = set.keys().iter().filter(|key| !is_one_of(key, known));
        return foreign.map(|key| key.kid().to_owned()).collect();
    }
    let known: BTreeSet<&str> = known.iter().map(|key| key.kid.as_str()).collect();
    let set: Value = serde_json::from_slice(set).unwrap_or_default();
    let keys = set.get("keys").and_then(Value::as_array).into_iter().flatten();
    keys.filter_map(|key| key.get("kid").and_then(Value::as_str))
        .filter(|kid| !known.contains(kid))
        .map(str::to_owned)
        .collect()
}

/// The kids of the revoked keys in a set that has nothing else which it must not have: an old version of ours. None of any other
/// set.
pub fn revoked_kids(set: &[u8], known: &[KnownKey]) -> Vec<String> {
    let set = jwks::parse(set).unwrap_or_default();
    let ours = |key: &PublicKey| known.iter().any(|known| is(key, known));
    if !set.keys().iter().all(ours) {
        return Vec::new();
    }
    let revoked = set.keys().iter().filter(|key| !is_one_of(key, known));
    revoked.map(|key| key.kid().to_owned()).collect()
}

/// Why documents that somebody else publishes do not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExternalMismatch {
    /// Not a discovery document for our issuer.
    #[error("is no discovery document whose issuer is {0}")]
    Issuer(String),
    /// No address of keys that AWS would read.
    #[error("names no jwks_uri that is an https URL")]
    NoAddress,
    /// No set of keys.
    #[error("has no usable keys: {0}")]
    Keys(#[from] JwksError),
    /// Keys that the API servers sign with are not there: AWS refuses their tokens.
    #[error("lacks keys that the API servers sign with: {}", .0.join(", "))]
    Missing(Vec<String>),
    /// Keys that must not be there any more: AWS accepts tokens that somebody signed with them.
    #[error("still has keys that spec.signingKeys.revoke lists: {}", .0.join(", "))]
    Revoked(Vec<String>),
}

/// Where the keys are, by somebody else's discovery document.
///
/// # Errors
/// [`ExternalMismatch::Issuer`] and [`ExternalMismatch::NoAddress`].
pub fn keys_address(discovery: &[u8], issuer: &IssuerUrl) -> Result<String, ExternalMismatch> {
    let document = json::read(discovery).unwrap_or_default();
    let member = |name: &str| document.get(name).and_then(Value::as_str);
    if member("issuer") != Some(issuer.as_str()) {
        return Err(ExternalMismatch::Issuer(issuer.to_string()));
    }
    let address = member("jwks_uri").filter(|address| address.starts_with("https://"));
    address.map(str::to_owned).ok_or(ExternalMismatch::NoAddress)
}

/// The kids in somebody else's set that the cluster does not know: keys that it has served before this federation was
/// made, or keys with which somebody else signs as this cluster.
///
/// # Errors
/// What makes the set useless or dangerous. A key that is only retained or announced need not be there.
pub fn judge_external(jwks: &[u8], known: &[KnownKey]) -> Result<Vec<String>, ExternalMismatch> {
    let set = jwks::parse(jwks)?;
    let kids = |state: KeyPhase, there: bool| -> Vec<String> {
        let of_state = known.iter().filter(|key| key.state == state);
        of_state
            .filter(|known| set.keys().iter().any(|key| is(key, known)) == there)
            .map(|known| known.kid.clone())
            .collect()
    };
    let revoked = kids(KeyPhase::Revoked, true);
    if !revoked.is_empty() {
        return Err(ExternalMismatch::Revoked(revoked));
    }
    let missing = kids(KeyPhase::Live, false);
    if !missing.is_empty() {
        return Err(ExternalMismatch::Missing(missing));
    }
    Ok(foreign_kids(jwks, known))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        documents,
        jwks::{
            KeySet,
            samples::{numbered, numbered_as},
        },
    };

    fn issuer() -> IssuerUrl {
        IssuerUrl::parse("https://irsa.example.com/prod").unwrap()
    }

    fn known(number: u8, state: KeyPhase) -> KnownKey {
        let key = numbered(number);
        KnownKey {
            kid: key.kid().to_owned(),
            thumbprint: key.thumbprint().clone(),
            alg: key.alg().to_owned(),
            state,
            first_seen: Timestamp::UNIX_EPOCH,
            expires: None,
        }
    }

    fn set(keys: &[PublicKey]) -> Vec<u8> {
        documents::jwks(&KeySet::of(keys.iter().cloned()).unwrap())
    }

    #[test]
    fn the_address_of_the_keys_is_taken_from_a_document_of_our_issuer_only() {
        let document = |issuer: &str, address: &str| format!(r#"{{"issuer":"{issuer}","jwks_uri":"{address}"}}"#);
        let ours = issuer();
        let good = document(ours.as_str(), "https://keys.example.com/k");
        assert_eq!(
            keys_address(good.as_bytes(), &ours).unwrap(),
            "https://keys.example.com/k"
        );
        for other in [
            "",
            "{}",
            &document("https://irsa.example.com/prod/", "https://k"),
            "<html>",
        ] {
            let refused = keys_address(other.as_bytes(), &ours).unwrap_err();
            assert_eq!(refused, ExternalMismatch::Issuer(ours.to_string()), "{other}");
        }
        for address in ["", "http://keys.example.com/k", "file:///etc/passwd"] {
            let refused = keys_address(document(ours.as_str(), address).as_bytes(), &ours).unwrap_err();
            assert_eq!(refused, ExternalMismatch::NoAddress, "{address}");
        }
    }

    /// A published set, whether it is ours, and the kids in it that are foreign and those that are revoked.
    type Row<'a> = (&'a [PublicKey], bool, &'a [&'a str], &'a [&'a str]);

    #[test]
    fn a_set_with_a_revoked_key_is_none_of_ours_and_the_key_is_named() {
        let keys = [
            known(1, KeyPhase::Live),
            known(2, KeyPhase::Retained),
            known(3, KeyPhase::Revoked),
        ];
        let rows: [Row<'_>; 4] = [
            (&[numbered(1), numbered(2)], true, &[], &[]),
            (&[numbered(1), numbered(3)], false, &["key-3"], &["key-3"]),
            (&[numbered(3), numbered(4)], false, &["key-3", "key-4"], &[]),
            (&[numbered_as(9, "key-1")], false, &["key-1"], &[]),
        ];
        for (published, ours, foreign, revoked) in rows {
            let published = set(published);
            assert_eq!(is_known(&published, &keys), ours);
            assert_eq!(foreign_kids(&published, &keys), foreign);
            assert_eq!(revoked_kids(&published, &keys), revoked);
        }
        assert_eq!(revoked_kids(b"<html>", &keys), Vec::<String>::new());
    }

    #[test]
    fn every_key_that_signs_must_be_there_and_no_revoked_one() {
        let keys = [
            known(1, KeyPhase::Live),
            known(2, KeyPhase::Retained),
            known(3, KeyPhase::Revoked),
        ];
        assert_eq!(
            judge_external(&set(&[numbered(1)]), &keys),
            Ok(vec![]),
            "a retained one need not"
        );
        assert_eq!(judge_external(&set(&[numbered(1), numbered(2)]), &keys), Ok(vec![]));
        assert_eq!(
            judge_external(&set(&[numbered(1), numbered(4)]), &keys),
            Ok(vec!["key-4".to_owned()]),
            "an unknown one is told"
        );
        let missing = judge_external(&set(&[numbered(2)]), &keys).unwrap_err();
        assert_eq!(missing, ExternalMismatch::Missing(vec!["key-1".to_owned()]));
        let another = judge_external(&set(&[numbered_as(9, "key-1")]), &keys).unwrap_err();
        assert_eq!(another, missing, "the kid alone is not the key");
        let revoked = judge_external(&set(&[numbered(1), numbered(3)]), &keys).unwrap_err();
        assert_eq!(revoked, ExternalMismatch::Revoked(vec!["key-3".to_owned()]));
        assert!(matches!(judge_external(b"{}", &keys), Err(ExternalMismatch::Keys(_))));
    }
}
