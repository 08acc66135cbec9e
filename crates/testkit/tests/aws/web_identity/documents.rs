//! An issuer's documents, good and bad.

use irsa_testkit::aws::Service;
use serde_json::{Value, json};

use super::{
    NO_KEY, refused,
    tokens::{INVALID, set, without},
};
use crate::{
    issuer::discovery,
    stage::{SITE, Stage},
};

#[tokio::test]
async fn documents_that_are_not_as_aws_wants_them_are_refused() {
    let stage = Stage::with_site().await;
    let (issuer, key) = (stage.issuer.as_str(), stage.key.jwk("k1"));
    let site = stage.site.as_ref().unwrap();
    let (well_known, jwks) = ("/.well-known/openid-configuration", "/openid/v1/jwks");
    let filler = |kind: &str, count: usize| vec![json!({"kty": kind, "kid": "x", "n": "AQAB", "e": "AQAB"}); count];
    let with = |mut keys: Vec<Value>| {
        keys.push(key.clone());
        json!({"keys": keys})
    };
    let documents: Vec<(&str, Value, Value, &str)> = vec![
        ("as they should be", discovery(issuer), with(vec![]), "200"),
        (
            "another issuer",
            discovery("https://other.example.com"),
            with(vec![]),
            INVALID,
        ),
        (
            "issuer with a slash",
            set(discovery(issuer), "issuer", json!(format!("{issuer}/"))),
            with(vec![]),
            INVALID,
        ),
        (
            "no jwks_uri",
            without(discovery(issuer), "jwks_uri"),
            with(vec![]),
            INVALID,
        ),
        (
            "no response types",
            without(discovery(issuer), "response_types_supported"),
            with(vec![]),
            INVALID,
        ),
        (
            "no subject types",
            without(discovery(issuer), "subject_types_supported"),
            with(vec![]),
            INVALID,
        ),
        (
            "no algorithms",
            without(discovery(issuer), "id_token_signing_alg_values_supported"),
            with(vec![]),
            INVALID,
        ),
        (
            "keys over http",
            set(discovery(issuer), "jwks_uri", json!(format!("http://{SITE}{jwks}"))),
            with(vec![]),
            INVALID,
        ),
        (
            "keys nowhere",
            set(discovery(issuer), "jwks_uri", json!("https://nowhere.example.com/jwks")),
            with(vec![]),
            "400 IDPCommunicationError",
        ),
        ("discovery is a text", json!("hello"), with(vec![]), INVALID),
        ("no keys", discovery(issuer), json!({"keys": []}), INVALID),
        ("keys missing", discovery(issuer), json!({}), INVALID),
        ("99 RSA keys besides", discovery(issuer), with(filler("RSA", 99)), "200"),
        (
            "100 RSA keys besides",
            discovery(issuer),
            with(filler("RSA", 100)),
            INVALID,
        ),
        ("100 EC keys besides", discovery(issuer), with(filler("EC", 100)), "200"),
        (
            "101 EC keys besides",
            discovery(issuer),
            with(filler("EC", 101)),
            INVALID,
        ),
        (
            "only a symmetric key",
            discovery(issuer),
            json!({"keys": [{"kty": "oct", "kid": "k1", "k": "AA"}]}),
            INVALID,
        ),
        (
            "a key for another algorithm",
            discovery(issuer),
            json!({"keys": [set(key.clone(), "alg", json!("RS512"))]}),
            INVALID,
        ),
    ];
    let token = stage.token();
    for (name, discovery, keys, want) in documents {
        site.put(well_known, discovery.to_string());
        site.put(jwks, keys.to_string());
        let answer = stage.assume(&token).await;
        assert_eq!(answer.verdict(), want, "{name}: {}", answer.body);
    }
    stage.publish();
    let redirect = [("location", "https://issuer.example.com/moved")];
    site.put("/moved", discovery(issuer).to_string());
    for (path, status, want) in [
        (well_known, 302, INVALID),
        (jwks, 404, INVALID),
        (jwks, 403, INVALID),
        (jwks, 503, "400 IDPCommunicationError"),
    ] {
        stage.publish();
        site.set(path, http::StatusCode::from_u16(status).unwrap(), &redirect, "");
        assert_eq!(stage.assume(&token).await.verdict(), want, "{path} answers {status}");
    }
    stage.publish();
    assert_eq!(stage.assume(&token).await.status, 200);
}

#[tokio::test]
async fn an_issuer_that_is_gone_or_not_trusted_is_refused() {
    let stage = Stage::with_site().await;
    stage.aws.remove_host(SITE);
    refused(&stage.assume(&stage.token()).await, "400 IDPCommunicationError", "");
    let imposter = stage.aws.untrusted_site(SITE).await.unwrap();
    imposter.put(
        "/.well-known/openid-configuration",
        discovery(&stage.issuer).to_string(),
    );
    imposter.put("/openid/v1/jwks", json!({"keys": [stage.key.jwk("k1")]}).to_string());
    refused(&stage.assume(&stage.token()).await, INVALID, "HTTPS certificate");
}

#[tokio::test]
async fn an_issuer_slower_than_five_seconds_is_given_up() {
    let stage = Stage::with_bucket().await;
    stage
        .aws
        .set_latency(Service::S3, std::time::Duration::from_millis(5300));
    let started = std::time::Instant::now();
    refused(&stage.assume(&stage.token()).await, INVALID, NO_KEY);
    assert!(started.elapsed() < std::time::Duration::from_secs(9));
}
