//! Tokens, good and bad, and what each is answered.

use serde_json::{Value, json};

use super::NO_KEY;
use crate::{
    issuer::{encode, rsa},
    stage::{AUDIENCE, SUBJECT, Stage},
};

/// What a row changes about the good token.
type Change = fn(&Stage, Value, Value) -> String;

pub(crate) fn set(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

pub(crate) fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name);
    object
}

fn ago(seconds: i64) -> Value {
    json!(jiff::Timestamp::now().as_second() - seconds)
}

pub(crate) const INVALID: &str = "400 InvalidIdentityToken";
pub(crate) const DENIED: &str = "403 AccessDenied";
const EXPIRED: &str = "400 ExpiredTokenException";
pub(crate) const BAD_VALUE: &str = "400 ValidationError";

/// Name, change, verdict, part of the message. Codes: reference 1.6 [STS-model]; claims and leeway: reference 1.5.
pub(crate) const TOKENS: &[(&str, Change, &str, &str)] = &[
    ("good", |s, h, c| s.key.token(&h, &c), "200", ""),
    (
        "aud as text",
        |s, h, c| s.key.token(&h, &set(c, "aud", json!(AUDIENCE))),
        "200",
        "",
    ),
    (
        "aud is not a client id",
        |s, h, c| s.key.token(&h, &set(c, "aud", json!(["vault"]))),
        INVALID,
        "Incorrect token audience",
    ),
    (
        "several aud",
        |s, h, c| s.key.token(&h, &set(c, "aud", json!([AUDIENCE, "vault"]))),
        INVALID,
        "more than one audience",
    ),
    (
        "several aud with azp",
        |s, h, c| {
            s.key
                .token(&h, &set(set(c, "aud", json!(["vault", "x"])), "azp", json!(AUDIENCE)))
        },
        "200",
        "",
    ),
    (
        "no aud",
        |s, h, c| s.key.token(&h, &without(c, "aud")),
        INVALID,
        "Missing a required claim: aud",
    ),
    (
        "no iss",
        |s, h, c| s.key.token(&h, &without(c, "iss")),
        INVALID,
        "Missing a required claim: iss",
    ),
    (
        "no sub",
        |s, h, c| s.key.token(&h, &without(c, "sub")),
        INVALID,
        "Missing a required claim: sub",
    ),
    (
        "no iat",
        |s, h, c| s.key.token(&h, &without(c, "iat")),
        INVALID,
        "Missing a required claim: iat",
    ),
    (
        "no exp",
        |s, h, c| s.key.token(&h, &without(c, "exp")),
        INVALID,
        "Missing a required claim: exp",
    ),
    (
        "expired",
        |s, h, c| s.key.token(&h, &set(c, "exp", ago(301 + 5))),
        EXPIRED,
        "Token expired: current date/time",
    ),
    (
        "expired within the leeway",
        |s, h, c| s.key.token(&h, &set(c, "exp", ago(270))),
        "200",
        "",
    ),
    (
        "not begun",
        |s, h, c| s.key.token(&h, &set(c, "nbf", ago(-330))),
        INVALID,
        "",
    ),
    (
        "not begun within the leeway",
        |s, h, c| s.key.token(&h, &set(c, "nbf", ago(-290))),
        "200",
        "",
    ),
    (
        "wrong sub",
        |s, h, c| {
            s.key
                .token(&h, &set(c, "sub", json!("system:serviceaccount:shop:other")))
        },
        DENIED,
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    ),
    (
        "sub in other case",
        |s, h, c| s.key.token(&h, &set(c, "sub", json!(SUBJECT.to_uppercase()))),
        DENIED,
        "",
    ),
    (
        "unregistered issuer",
        |s, h, c| s.key.token(&h, &set(c, "iss", json!("https://other.example.com"))),
        INVALID,
        "No OpenIDConnect provider found in your account for https://other.example.com",
    ),
    (
        "issuer with a slash behind",
        |s, h, c| s.key.token(&h, &set(c, "iss", json!(format!("{}/", s.issuer)))),
        INVALID,
        "No OpenIDConnect provider",
    ),
    (
        "issuer without https",
        |s, h, c| {
            s.key
                .token(&h, &set(c, "iss", json!(s.issuer.replace("https", "http"))))
        },
        INVALID,
        "No OpenIDConnect provider",
    ),
    (
        "signed by another key under the same kid",
        |_, h, c| rsa(1).token(&h, &c),
        INVALID,
        "signature",
    ),
    (
        "payload exchanged",
        |s, h, c| {
            let good = s.key.token(&h, &c);
            let parts: Vec<_> = good.split('.').collect();
            let forged = encode(set(c, "exp", json!(4_000_000_000_u64)).to_string());
            format!("{}.{forged}.{}", parts[0], parts[2])
        },
        INVALID,
        "signature",
    ),
    (
        "signature cut off",
        |s, h, c| s.key.token(&h, &c).rsplit_once('.').unwrap().0.to_owned() + ".",
        INVALID,
        "signature",
    ),
    (
        "unknown kid",
        |s, h, c| s.key.token(&set(h, "kid", json!("k2")), &c),
        INVALID,
        NO_KEY,
    ),
    ("no kid", |s, h, c| s.key.token(&without(h, "kid"), &c), INVALID, NO_KEY),
    (
        "alg none",
        |s, h, c| s.key.token(&set(h, "alg", json!("none")), &c),
        INVALID,
        "algorithm",
    ),
    (
        "the public key as HMAC secret",
        |s, h, c| s.key.token(&set(h, "alg", json!("HS256")), &c),
        INVALID,
        "algorithm",
    ),
    (
        "PS256",
        |s, h, c| s.key.token(&set(h, "alg", json!("PS256")), &c),
        INVALID,
        "algorithm",
    ),
    (
        "EdDSA",
        |s, h, c| s.key.token(&set(h, "alg", json!("EdDSA")), &c),
        INVALID,
        "algorithm",
    ),
    (
        "an EC algorithm with an RSA key",
        |s, h, c| s.key.token(&set(h, "alg", json!("ES256")), &c),
        INVALID,
        "signature",
    ),
    (
        "another RSA algorithm than it was signed with",
        |s, h, c| {
            let good = s.key.token(&h, &c);
            let header = encode(set(h, "alg", json!("RS512")).to_string());
            format!("{header}.{}", good.split_once('.').unwrap().1)
        },
        INVALID,
        "signature",
    ),
    (
        "critical extension",
        |s, h, c| s.key.token(&set(h, "crit", json!(["b64"])), &c),
        INVALID,
        "not a valid JWT",
    ),
    (
        "not a token",
        |_, _, _| "not a token".to_owned(),
        INVALID,
        "not a valid JWT",
    ),
    (
        "two parts",
        |s, h, c| s.key.token(&h, &c).rsplit_once('.').unwrap().0.to_owned(),
        INVALID,
        "not a valid JWT",
    ),
    (
        "header is not JSON",
        |s, h, c| format!("AAAA.{}", s.key.token(&h, &c).split_once('.').unwrap().1),
        INVALID,
        "not a valid JWT",
    ),
    (
        "padded base64",
        |s, h, c| s.key.token(&h, &c) + "==",
        INVALID,
        "not a valid JWT",
    ),
    (
        "too short",
        |_, _, _| "abc".to_owned(),
        BAD_VALUE,
        "greater than or equal to 4",
    ),
    (
        "20,000 characters and no token",
        |_, _, _| "a".repeat(20_000),
        INVALID,
        "not a valid JWT",
    ),
    (
        "too long",
        |_, _, _| "a".repeat(20_001),
        BAD_VALUE,
        "less than or equal to 20000",
    ),
];

/// The token of a row.
pub(crate) fn token_of(stage: &Stage, change: Change) -> String {
    change(stage, stage.header(), stage.claims())
}

#[tokio::test]
async fn tokens_are_accepted_and_refused_as_the_reference_says() {
    let stage = Stage::with_site().await;
    for (name, change, want, message) in TOKENS {
        let answer = stage.assume(&token_of(&stage, *change)).await;
        assert_eq!(answer.verdict(), *want, "{name}: {}", answer.body);
        let found = answer.element("Message").unwrap_or_default();
        assert!(
            found.contains(message),
            "{name}: {found:?} does not contain {message:?}"
        );
    }
}
