//! The provider, the published documents, and the key that signed.

use serde_json::{Value, json};

use super::{
    super::{Check, FetchFailure},
    Case,
    scene::{PROVIDER, Signer},
    try_each,
};

const OTHER: &str = "https://other.example.com";

pub(super) const CASES: &[Case] = &[
    // The provider.
    (
        |scene| scene.evidence.provider = Ok(None),
        Check::ProviderRegistered,
        PROVIDER,
    ),
    (
        |scene| scene.provider().url.push('/'),
        Check::ProviderIssuer,
        "clusters/prod/, and",
    ),
    (
        |scene| scene.provider().client_ids = vec!["vault".to_owned()],
        Check::ClientId,
        "lacks the client ID sts.amazonaws.com",
    ),
    // The documents.
    (
        |scene| scene.evidence.discovery.as_mut().unwrap().outcome = Err(FetchFailure::Status(403)),
        Check::DiscoveryReadable,
        "answers 403",
    ),
    (
        |scene| scene.evidence.discovery.as_mut().unwrap().outcome = Err(FetchFailure::Status(404)),
        Check::DiscoveryReadable,
        "answers 404",
    ),
    (
        |scene| scene.evidence.discovery.as_mut().unwrap().outcome = Err(FetchFailure::Status(503)),
        Check::DiscoveryReadable,
        "HTTP status 503",
    ),
    (
        |scene| scene.evidence.discovery.as_mut().unwrap().outcome = Err(FetchFailure::Redirected(301)),
        Check::DiscoveryReadable,
        "redirect (HTTP status 301)",
    ),
    (
        |scene| scene.evidence.discovery.as_mut().unwrap().outcome = Err(FetchFailure::TimedOut(10)),
        Check::DiscoveryReadable,
        "within 10 s",
    ),
    (
        |scene| {
            scene.evidence.discovery.as_mut().unwrap().outcome =
                Err(FetchFailure::Unreachable("no such host".to_owned()));
        },
        Check::DiscoveryReadable,
        "no such host",
    ),
    (
        |scene| scene.evidence.discovery.as_mut().unwrap().outcome = Ok((b"<html>".to_vec(), None)),
        Check::DiscoveryReadable,
        "a page and no JSON",
    ),
    (
        |scene| scene.evidence.discovery.as_mut().unwrap().took_ms = 5001,
        Check::DiscoveryInTime,
        "took 5001 ms",
    ),
    (
        |scene| scene.discovery["response_types_supported"] = Value::Null,
        Check::DiscoveryComplete,
        "no response_types_supported",
    ),
    (
        |scene| scene.discovery = json!(["x"]),
        Check::DiscoveryComplete,
        "no JSON object",
    ),
    (
        |scene| scene.discovery["jwks_uri"] = json!("http://10.0.0.1:6443/openid/v1/jwks"),
        Check::DiscoveryComplete,
        "no https URL",
    ),
    (
        |scene| scene.discovery["issuer"] = json!(OTHER),
        Check::DiscoveryIssuer,
        OTHER,
    ),
    (
        |scene| scene.evidence.jwks.as_mut().unwrap().outcome = Err(FetchFailure::KmsEncrypted),
        Check::KeysReadable,
        "KMS",
    ),
    (
        |scene| {
            scene.evidence.jwks.as_mut().unwrap().outcome =
                Err(FetchFailure::Unreadable("the answer is too long".to_owned()));
        },
        Check::KeysReadable,
        "too long",
    ),
    (
        |scene| scene.evidence.jwks.as_mut().unwrap().took_ms = 13_700,
        Check::KeysInTime,
        "13700 ms",
    ),
    (|scene| scene.jwks = json!({"key": []}), Check::KeysValid, "no JWKS"),
    (
        |scene| scene.jwks = json!({"keys": [{"kty": "OKP", "kid": "k1"}]}),
        Check::KeysValid,
        "no RSA and no EC key",
    ),
    (
        |scene| scene.jwks = json!({"keys": vec![json!({"kty": "RSA", "kid": "x"}); 101]}),
        Check::KeysValid,
        "101 RSA and 0 EC",
    ),
    (
        |scene| {
            let said = Some("text/plain; charset=utf-8".to_owned());
            scene.evidence.jwks.as_mut().unwrap().outcome = Ok((Vec::new(), said));
        },
        Check::ContentType,
        "text/plain",
    ),
    // The key.
    (
        |scene| scene.header = json!({"alg": "ES256"}),
        Check::KeyPublished,
        "no kid",
    ),
    (
        |scene| scene.jwks["keys"][0]["kid"] = json!("k0"),
        Check::KeyPublished,
        "which the API servers serve and the published set lacks",
    ),
    (
        |scene| {
            let other = Signer::new().jwk("k2");
            let both = json!({"keys": [scene.jwks["keys"][0].clone(), other]});
            scene.servers().keys = crate::jwks::parse(both.to_string().as_bytes()).unwrap();
        },
        Check::ServedKeysPublished,
        "not published: k2.",
    ),
    (
        |scene| scene.header["kid"] = json!("k9"),
        Check::KeyPublished,
        "neither published nor served",
    ),
    (
        |scene| scene.header["alg"] = json!("none"),
        Check::Algorithm,
        "signed with none",
    ),
    (
        |scene| scene.header["alg"] = json!("HS256"),
        Check::Algorithm,
        "signed with HS256",
    ),
    (
        |scene| scene.header["alg"] = json!("RS256"),
        Check::Algorithm,
        "is for ES256",
    ),
    (
        |scene| scene.jwks = json!({"keys": [Signer::new().jwk("k1")]}),
        Check::Signature,
        "did not sign the token",
    ),
];

#[test]
fn each_fault_of_what_is_published_is_named() {
    try_each(CASES);
}

#[test]
fn the_issuer_is_judged_without_a_role_a_token_or_a_pod() {
    let mut scene = super::Scene::sound();
    let why = || super::Unseen::because("not looked at");
    scene.evidence.token = Err(why());
    scene.evidence.role = Err(why());
    scene.evidence.pod = None;
    let explanation = super::super::explain_issuer(&scene.evidence());
    assert!(
        explanation.is_proven() && explanation.findings().len() > 12,
        "{explanation:#?}"
    );
    let mut scene = super::Scene::sound();
    scene.evidence.provider = Ok(None);
    let explanation = super::super::explain_issuer(&scene.evidence());
    assert_eq!(
        explanation.cause().map(|finding| finding.check),
        Some(Check::ProviderRegistered)
    );
}
