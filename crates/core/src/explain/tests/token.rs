//! What is asked of STS, by whom: session, clocks, the API servers, the token.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{Check, SecretToken},
    Case,
    scene::{ISSUER, NOW, SUBJECT},
    try_each,
};

const OTHER: &str = "https://other.example.com";
const HOUR: i64 = 3600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn shift(claims: &mut Value, by: i64) {
    for claim in ["iat", "nbf", "exp"] {
        claims[claim] = json!(claims[claim].as_i64().unwrap() + by);
    }
}

pub(super) const CASES: &[Case] = &[
    // What is asked of STS.
    (
        |scene| scene.evidence.request.session_name = Ok(Some("a".to_owned())),
        Check::SessionName,
        "no session named a:",
    ),
    (
        |scene| scene.evidence.request.session_name = Ok(Some("x".repeat(65))),
        Check::SessionName,
        "2 to 64",
    ),
    (
        |scene| scene.evidence.request.session_name = Ok(Some("shop/app".to_owned())),
        Check::SessionName,
        "shop/app",
    ),
    // Clocks.
    (
        |scene| {
            scene.evidence.clocks.api_server = Ok(at(NOW + HOUR));
            shift(&mut scene.claims, HOUR);
        },
        Check::ClockAhead,
        "60 minutes ahead of AWS's",
    ),
    (
        |scene| {
            scene.evidence.clocks.api_server = Ok(at(NOW - 2 * HOUR));
        },
        Check::ClockBehind,
        "2 hours behind AWS's",
    ),
    // The API servers.
    (
        |scene| {
            scene.servers().issuer = "https://kubernetes.default.svc".to_owned();
            scene.claims["iss"] = json!("https://kubernetes.default.svc");
        },
        Check::ApiServerIssuer,
        "signs as https://kubernetes.default.svc",
    ),
    (
        |scene| scene.servers().issuer = format!("{ISSUER}/"),
        Check::ApiServerIssuer,
        "clusters/prod/, and",
    ),
    (
        |scene| scene.servers().shares_audience = Ok(true),
        Check::ApiAudiences,
        "for its own",
    ),
    // The token's shape.
    (
        |scene| scene.evidence.token = Ok(SecretToken::new("not a token")),
        Check::TokenShape,
        "1 parts",
    ),
    (
        |scene| scene.evidence.token = Ok(SecretToken::new("abc")),
        Check::TokenShape,
        "has 3 characters",
    ),
    (
        |scene| scene.evidence.token = Ok(SecretToken::new("x".repeat(20_001))),
        Check::TokenShape,
        "20001 characters",
    ),
    (
        |scene| scene.evidence.token = Ok(SecretToken::new("e30.e30=.AAAA")),
        Check::TokenShape,
        "payload that is not base64url",
    ),
    (
        |scene| scene.evidence.token = Ok(SecretToken::new("W10.e30.AAAA")),
        Check::TokenShape,
        "header that is no JSON object",
    ),
    (|scene| scene.header["crit"] = json!(["b64"]), Check::TokenShape, "crit"),
    (
        |scene| scene.header = json!({"kid": "k1"}),
        Check::TokenShape,
        "without alg",
    ),
    // Its claims.
    (|scene| scene.claims["iss"] = Value::Null, Check::TokenClaims, "no iss"),
    (|scene| scene.claims["sub"] = json!(""), Check::TokenClaims, "no sub"),
    (|scene| scene.claims["aud"] = json!([]), Check::TokenClaims, "no aud"),
    (
        |scene| scene.claims["exp"] = json!("soon"),
        Check::TokenClaims,
        "no exp",
    ),
    (|scene| scene.claims["iat"] = Value::Null, Check::TokenClaims, "no iat"),
    // Its times.
    (
        |scene| shift(&mut scene.claims, -2 * HOUR),
        Check::TokenTimes,
        "ended 61 minutes ago",
    ),
    (
        |scene| scene.claims["exp"] = json!(NOW - 301),
        Check::TokenTimes,
        "ended 5 minutes ago",
    ),
    (
        |scene| shift(&mut scene.claims, HOUR),
        Check::TokenTimes,
        "begins only in 59 minutes",
    ),
    (
        |scene| scene.claims["exp"] = json!(NOW + 365 * 24 * HOUR),
        Check::TokenLifetime,
        "lives 365 days",
    ),
    // Of whom it is.
    (
        |scene| scene.claims["iss"] = json!(OTHER),
        Check::TokenIssuer,
        "of the issuer https://other.example.com",
    ),
    (
        |scene| scene.claims["iss"] = json!(format!("{ISSUER}/")),
        Check::TokenIssuer,
        "clusters/prod/, and",
    ),
    (
        |scene| scene.claims["sub"] = json!("system:serviceaccount:shop:default"),
        Check::TokenSubject,
        "shop:default, and",
    ),
    (
        |scene| scene.claims["aud"] = json!([ISSUER]),
        Check::TokenAudience,
        "The token is for https://",
    ),
    (
        |scene| scene.claims["aud"] = json!(["sts.amazonaws.com", "vault"]),
        Check::TokenAudience,
        "has 2 audiences",
    ),
    (
        |scene| scene.claims["azp"] = json!("vault"),
        Check::TokenAudience,
        "for vault",
    ),
];

#[test]
fn each_fault_of_the_token_is_named() {
    try_each(CASES);
}
#[test]
fn what_follows_from_a_cause_comes_after_it() {
    let mut scene = super::Scene::sound();
    scene.servers().issuer = OTHER.to_owned();
    scene.claims["iss"] = json!(OTHER);
    scene.evidence.provider = Ok(None);
    scene.claims["sub"] = json!(SUBJECT.to_owned() + "x");
    let explanation = super::explain(&scene.evidence());
    let failing: Vec<Check> = explanation.failures().map(|finding| finding.check).collect();
    assert_eq!(
        failing,
        [
            Check::ApiServerIssuer,
            Check::TokenIssuer,
            Check::TokenSubject,
            Check::ProviderRegistered,
            Check::TrustSubject,
        ]
    );
}
