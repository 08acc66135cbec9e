//! The two public documents as bytes, deterministic so that equal content is equal bytes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    issuer::IssuerUrl,
    json,
    jwks::{KeySet, PublicKey},
};

/// Content type of both; what kube-apiserver itself says of its discovery document.
pub const CONTENT_TYPE: &str = "application/json";

/// Our own discovery document for these keys.
///
/// The API server's cannot be copied: its `jwks_uri` is an address inside the cluster. STS needs `issuer`, `jwks_uri`,
/// `response_types_supported`, `subject_types_supported` and `id_token_signing_alg_values_supported` (seen by several
/// projects to fail without); `authorization_endpoint` and `claims_supported` are what kOps and OpenShift add.
pub fn discovery(issuer: &IssuerUrl, keys: &KeySet) -> Vec<u8> {
    let algorithms: BTreeSet<&str> = keys.keys().iter().map(PublicKey::alg).collect();
    let document = json!({
        "issuer": issuer.as_str(),
        "jwks_uri": issuer.jwks_url(),
        "authorization_endpoint": "urn:kubernetes:programmatic_authorization",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "claims_supported": ["sub", "iss"],
    });
    rendered(&document)
}

/// Whether a discovery document, byte for byte ours or not, sends its readers to our issuer and our keys.
pub fn leads_to(discovery: &[u8], issuer: &IssuerUrl) -> bool {
    let served = json::read(discovery).unwrap_or_default();
    let names = |member: &str, wanted: &str| served.get(member).and_then(Value::as_str) == Some(wanted);
    names("issuer", issuer.as_str()) && names("jwks_uri", &issuer.jwks_url())
}

/// Where a discovery document says that the keys are; `None` for one that does not say.
pub fn keys_url(discovery: &[u8]) -> Option<String> {
    let served = json::read(discovery).ok()?;
    served.get("jwks_uri")?.as_str().map(str::to_owned)
}

/// Whether these bytes are a page of a proxy or a portal, and to nobody a document: no reader of JSON, however lenient,
/// takes what begins like HTML or XML, or is empty.
pub fn is_markup(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    text.is_empty() || text.starts_with(b"<")
}

/// The keys as a JWKS.
pub fn jwks(keys: &KeySet) -> Vec<u8> {
    rendered(&keys.to_jwks())
}

/// Object members in alphabetical order (`serde_json`'s map is sorted), no white space, one line break at the end.
fn rendered(document: &serde_json::Value) -> Vec<u8> {
    let mut text = document.to_string();
    text.push('\n');
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::jwks::samples::{numbered, p256, rsa, set};

    fn issuer() -> IssuerUrl {
        IssuerUrl::parse("https://acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod").unwrap()
    }

    #[test]
    fn a_page_is_told_from_whatever_may_be_read_as_a_document() {
        for page in ["<html>", " \n<?xml", "\u{feff}<!DOCTYPE html>", "", "\n"] {
            assert!(is_markup(page.as_bytes()), "{page:?}");
        }
        for other in ["{", "\u{feff}{}", "[]", "text", "// <\n{}"] {
            assert!(!is_markup(other.as_bytes()), "{other:?}");
        }
    }

    #[test]
    fn the_discovery_document_has_all_that_sts_reads_with_the_public_address_of_the_keys() {
        let document: Value = serde_json::from_slice(&discovery(&issuer(), &set(&[rsa(), p256()]))).unwrap();
        assert_eq!(document["issuer"], issuer().as_str());
        assert_eq!(document["jwks_uri"], format!("{}/openid/v1/jwks", issuer()));
        assert_eq!(
            document["id_token_signing_alg_values_supported"],
            serde_json::json!(["ES256", "RS256"])
        );
        let members: Vec<&String> = document.as_object().unwrap().keys().collect();
        assert_eq!(
            members,
            [
                "authorization_endpoint",
                "claims_supported",
                "id_token_signing_alg_values_supported",
                "issuer",
                "jwks_uri",
                "response_types_supported",
                "subject_types_supported"
            ]
        );
    }

    #[test]
    fn what_is_published_can_be_read_back_as_the_same_keys() {
        let keys = set(&[rsa(), p256()]);
        assert_eq!(crate::jwks::parse(&jwks(&keys)).unwrap(), keys);
    }

    proptest! {
        #[test]
        fn bytes_do_not_depend_on_the_order_of_the_keys(mut numbers in prop::collection::vec(0_u8..20, 1..8)) {
            let one = KeySet::of(numbers.iter().map(|number| numbered(*number))).unwrap();
            numbers.reverse();
            let other = KeySet::of(numbers.iter().map(|number| numbered(*number))).unwrap();
            prop_assert_eq!(jwks(&one), jwks(&other));
            prop_assert_eq!(discovery(&issuer(), &one), discovery(&issuer(), &other));
        }
    }
}
