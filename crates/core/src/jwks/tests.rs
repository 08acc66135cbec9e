use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    JwksError, KeyKind, KeySet, parse,
    samples::{ed25519, p256, p384, p521, rsa, set},
};

fn parse_keys(keys: &[Value]) -> Result<KeySet, JwksError> {
    parse(json!({ "keys": keys }).to_string().as_bytes())
}

fn with(mut key: Value, member: &str, value: Value) -> Value {
    key[member] = value;
    key
}

#[test]
fn the_thumbprint_is_the_digest_that_kubernetes_takes_for_the_kid() {
    for key in [rsa(), p256(), p384(), p521()] {
        let keys = set(&[key]);
        let key = &keys.keys()[0];
        let digest = URL_SAFE_NO_PAD.decode(key.kid()).unwrap();
        let thumbprint: Vec<u8> = (0..64)
            .step_by(2)
            .map(|at| u8::from_str_radix(&key.thumbprint().as_str()[at..at + 2], 16).unwrap())
            .collect();
        assert_eq!(thumbprint, digest, "{}", key.alg());
    }
}

#[test]
fn every_kind_that_kubernetes_signs_with_is_read_with_its_algorithm() {
    let keys = set(&[rsa(), p256(), p384(), p521()]);
    let mut algorithms: Vec<&str> = keys.keys().iter().map(super::PublicKey::alg).collect();
    algorithms.sort_unstable();
    assert_eq!(algorithms, ["ES256", "ES384", "ES512", "RS256"]);
}

#[test]
fn a_kid_is_kept_as_it_is_served() {
    let keys = set(&[with(rsa(), "kid", json!("vault-7"))]);
    assert_eq!(keys.keys()[0].kid(), "vault-7");
    assert_eq!(keys.keys()[0].to_jwk()["kid"], "vault-7");
    let longest = "k".repeat(1024);
    assert_eq!(set(&[with(rsa(), "kid", json!(longest))]).keys()[0].kid(), longest);
}

#[test]
fn a_set_with_anything_secret_in_it_publishes_nothing() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
        let refused = parse_keys(&[p256(), with(rsa(), member, json!("c2VjcmV0"))]).unwrap_err();
        assert_eq!(
            refused,
            JwksError::Secret {
                position: 1,
                member: member.to_owned()
            }
        );
        assert!(!refused.to_string().contains("c2VjcmV0"));
    }
    let symmetric = parse_keys(&[json!({"kty": "oct", "kid": "s"})]).unwrap_err();
    assert!(matches!(symmetric, JwksError::Secret { .. }));
}

#[test]
fn one_kid_with_two_keys_publishes_nothing_but_the_same_key_twice_is_one() {
    let refused = parse_keys(&[with(rsa(), "kid", json!("a")), with(p256(), "kid", json!("a"))]).unwrap_err();
    assert_eq!(refused, JwksError::KidTaken { kid: "a".to_owned() });
    assert_eq!(set(&[rsa(), rsa()]).keys().len(), 1);
    let two_names = set(&[rsa(), with(rsa(), "kid", json!("other"))]);
    assert_eq!(
        two_names.keys().len(),
        2,
        "one key under two names is served under both"
    );
}

#[test]
fn a_kind_that_aws_does_not_take_is_flagged() {
    for key in [
        ed25519(),
        with(p256(), "crv", json!("secp256k1")),
        with(rsa(), "alg", json!("PS256")),
        with(p256(), "alg", json!("ES384")),
        with(rsa(), "use", json!("enc")),
        with(p256(), "key_ops", json!(["deriveKey"])),
        json!({"kty": "AKP", "alg": "ML-DSA-65", "kid": "pq", "pub": "AAAA"}),
    ] {
        let keys = set(&[with(key, "kid", json!("odd")), rsa()]);
        let unsupported: Vec<_> = keys
            .keys()
            .iter()
            .filter(|key| key.kind() == KeyKind::Unsupported)
            .collect();
        assert_eq!(unsupported.len(), 1);
    }
}

#[test]
fn what_is_no_set_of_keys_is_refused_with_its_cause() {
    let broken = |key: Value| parse_keys(&[key]).unwrap_err();
    assert!(matches!(parse(b"<html>").unwrap_err(), JwksError::Unreadable(_)));
    assert!(matches!(parse(b"{}").unwrap_err(), JwksError::Unreadable(_)));
    assert!(matches!(broken(json!("key")), JwksError::Unreadable(_)));
    assert_eq!(parse_keys(&[]).unwrap_err(), JwksError::Empty);
    assert_eq!(broken(with(rsa(), "kid", json!(""))), JwksError::Kid { position: 0 });
    assert_eq!(
        broken(with(rsa(), "kid", json!("k".repeat(1025)))),
        JwksError::Kid { position: 0 }
    );
    for key in [
        with(rsa(), "n", json!("!")),
        with(rsa(), "n", json!("AQAB")),
        with(rsa(), "e", json!("")),
        with(rsa(), "e", json!("AA")),
        with(rsa(), "e", json!("AQ")),
        with(rsa(), "e", json!("AQAA")),
        with(p256(), "x", json!("AQAB")),
        with(p384(), "y", json!(null)),
    ] {
        assert!(matches!(broken(key), JwksError::Malformed { .. }));
    }
}

#[test]
fn what_is_published_has_public_members_only_and_does_not_depend_on_order() {
    let chatty = with(with(rsa(), "x5c", json!(["certificate"])), "key_ops", json!(["verify"]));
    let published = set(&[chatty]).to_jwks();
    let members: Vec<&String> = published["keys"][0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!(set(&[rsa(), p256()]).to_jwks(), set(&[p256(), rsa()]).to_jwks());
}

#[test]
fn an_rsa_key_without_alg_is_rs256_and_its_size_counts_from_its_first_set_bit() {
    let mut silent = rsa();
    silent.as_object_mut().unwrap().remove("alg");
    assert_eq!(set(&[silent]).keys()[0].alg(), "RS256");
    let of = |first: u8| {
        let mut modulus = vec![0xff_u8; 128];
        modulus[0] = first;
        with(rsa(), "n", json!(URL_SAFE_NO_PAD.encode(modulus)))
    };
    assert_eq!(set(&[of(0x80)]).keys().len(), 1, "exactly 1024 bits");
    let refused = parse_keys(&[of(0x7f)]).unwrap_err();
    assert!(refused.to_string().contains("1024"), "{refused}");
}

#[test]
fn two_keys_of_a_kind_that_aws_does_not_take_are_told_apart() {
    let other = with(ed25519(), "x", json!(URL_SAFE_NO_PAD.encode([7_u8; 32])));
    assert!(parse_keys(&[ed25519(), other]).is_err(), "one kid with two keys");
    let again = with(ed25519(), "alg", json!("EdDSA"));
    assert_eq!(set(&[ed25519(), again]).keys().len(), 1, "one key, said in two ways");
}

#[test]
fn a_thumbprint_is_shown_as_it_is() {
    let keys = set(&[rsa()]);
    let thumbprint = keys.keys()[0].thumbprint();
    assert_eq!(thumbprint.to_string(), thumbprint.as_str());
}

#[test]
fn a_point_that_is_not_on_its_curve_publishes_nothing() {
    for key in [p256(), p384(), p521()] {
        let moved = with(key.clone(), "y", key["x"].clone());
        assert!(
            matches!(parse_keys(&[moved]).unwrap_err(), JwksError::Malformed { .. }),
            "{key}"
        );
    }
}
