//! The token walk, and everything that must be refused on it.

use irsa_testkit::aws::{Service, s3::BucketOptions};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    client::{Answer, call},
    issuer::{Key, claims, discovery, encode, rsa},
    stage::{ACCOUNT, AUDIENCE, BUCKET, REGION, ROLE, SITE, STS, SUBJECT, Stage, list_bucket, trust},
};

fn refused(answer: &Answer, want: &str, message: &str) {
    assert_eq!(answer.verdict(), want, "{}", answer.body);
    let found = answer.element("Message").unwrap_or_default();
    assert!(found.contains(message), "{found:?} does not contain {message:?}");
}

const NO_KEY: &str = "Couldn't retrieve verification key from your identity provider";

#[tokio::test]
async fn a_token_of_a_static_issuer_becomes_credentials_that_the_roles_policies_limit() {
    let stage = Stage::with_site().await;
    let account = stage.aws.account(ACCOUNT);
    account.create_bucket("data", BucketOptions::in_region(REGION));
    account.create_bucket("other", BucketOptions::in_region(REGION));
    stage.allow("s3:ListBucket", "arn:aws:s3:::data").await;

    let answer = stage.assume(&stage.token()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.element("SubjectFromWebIdentityToken"), Some(SUBJECT));
    assert_eq!(answer.element("Audience"), Some(AUDIENCE));
    assert_eq!(answer.element("Provider"), Some(stage.issuer.as_str()));
    assert_eq!(
        answer.element("Arn"),
        Some("arn:aws:sts::123456789012:assumed-role/app/test")
    );
    let session = answer.credentials();
    assert!(session.access_key_id.starts_with("ASIA") && session.access_key_id.len() == 20);

    let me = super::client::Request::form(STS, [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]);
    let me = call(&stage.aws, &session, me).await;
    assert_eq!(
        me.element("Arn"),
        Some("arn:aws:sts::123456789012:assumed-role/app/test")
    );
    assert_eq!(me.element("Account"), Some(ACCOUNT));
    assert_eq!(me.element("UserId"), answer.element("AssumedRoleId"));

    assert_eq!(call(&stage.aws, &session, list_bucket("data")).await.status, 200);
    refused(
        &call(&stage.aws, &session, list_bucket("other")).await,
        "403 AccessDenied",
        "s3:ListBucket",
    );
    let fetched: Vec<_> = stage
        .aws
        .requests()
        .into_iter()
        .filter(|entry| entry.user_agent == "aws-sts")
        .collect();
    assert_eq!(fetched, [], "the issuer is not in S3, so S3 must not have been asked");
}

#[tokio::test]
async fn a_token_of_an_issuer_in_s3_works_and_sts_reads_it_as_a_stranger() {
    let stage = Stage::with_bucket().await;
    let mark = stage.aws.mark();
    assert_eq!(stage.assume(&stage.token()).await.status, 200);
    let fetched: Vec<_> = stage
        .aws
        .since(mark)
        .into_iter()
        .filter(|entry| entry.user_agent == "aws-sts")
        .collect();
    let read: Vec<_> = fetched
        .iter()
        .map(|entry| (entry.operation.as_str(), entry.resource.as_str()))
        .collect();
    assert_eq!(
        read,
        [
            (
                "s3:GetObject",
                "arn:aws:s3:::acme-issuer/prod/.well-known/openid-configuration"
            ),
            ("s3:GetObject", "arn:aws:s3:::acme-issuer/prod/openid/v1/jwks"),
        ]
    );
    assert!(fetched.iter().all(|entry| entry.anonymous && entry.status == Some(200)));
}

#[tokio::test]
async fn sts_refuses_while_s3_is_off_the_network() {
    let stage = Stage::with_bucket().await;
    stage.aws.stop(Service::S3);
    refused(
        &stage.assume(&stage.token()).await,
        "400 IDPCommunicationError",
        "could not be reached",
    );
    stage.aws.start(Service::S3);
    assert_eq!(stage.assume(&stage.token()).await.status, 200);
}

#[tokio::test]
async fn sts_refuses_once_the_bucket_policy_is_gone() {
    let stage = Stage::with_bucket().await;
    let policy = stage
        .aws
        .s3(|s3| s3.edit_bucket(BUCKET, |bucket| bucket.policy.take()))
        .unwrap();
    assert!(policy.is_some());
    refused(&stage.assume(&stage.token()).await, "400 InvalidIdentityToken", NO_KEY);
    stage
        .aws
        .s3(|s3| s3.edit_bucket(BUCKET, |bucket| bucket.policy = policy));
    assert_eq!(stage.assume(&stage.token()).await.status, 200);
}

#[tokio::test]
async fn keys_are_not_remembered_unless_a_test_says_so() {
    let stage = Stage::with_bucket().await;
    stage.aws.set_key_cache(SignedDuration::from_mins(1));
    assert_eq!(stage.assume(&stage.token()).await.status, 200);
    stage.aws.stop(Service::S3);
    assert_eq!(stage.assume(&stage.token()).await.status, 200, "remembered");
    stage.aws.clock().advance(SignedDuration::from_secs(61));
    refused(&stage.assume(&stage.token()).await, "400 IDPCommunicationError", "");
}

#[tokio::test]
async fn every_algorithm_that_aws_takes_verifies() {
    let mut stage = Stage::with_site().await;
    for (key, algorithms) in [
        (rsa(1), &["RS256", "RS384", "RS512"][..]),
        (Key::p256(), &["ES256"]),
        (Key::p384(), &["ES384"]),
        (Key::p521(), &["ES512"]),
    ] {
        stage.key = key;
        stage.publish();
        for algorithm in algorithms {
            let token = stage
                .key
                .token(&json!({"alg": algorithm, "kid": "k1"}), &stage.claims());
            assert_eq!(stage.assume(&token).await.verdict(), "200", "{algorithm}");
        }
    }
}

/// What a row changes about the good token.
type Change = fn(&Stage, Value, Value) -> String;

fn set(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name);
    object
}

fn ago(seconds: i64) -> Value {
    json!(jiff::Timestamp::now().as_second() - seconds)
}

const INVALID: &str = "400 InvalidIdentityToken";
const DENIED: &str = "403 AccessDenied";
const EXPIRED: &str = "400 ExpiredTokenException";
const BAD_VALUE: &str = "400 ValidationError";

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
        |s, h, c| s.key.token(&h, &set(c, "exp", ago(290))),
        "200",
        "",
    ),
    (
        "not begun",
        |s, h, c| s.key.token(&h, &set(c, "nbf", ago(-310))),
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

#[tokio::test]
async fn a_deleted_provider_and_a_removed_client_id_end_it() {
    let stage = Stage::with_site().await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{SITE}");
    let arn = ("OpenIDConnectProviderArn", arn.as_str());
    stage
        .iam(&[
            ("Action", "AddClientIDToOpenIDConnectProvider"),
            arn,
            ("ClientID", "vault"),
        ])
        .await;
    stage
        .iam(&[
            ("Action", "RemoveClientIDFromOpenIDConnectProvider"),
            arn,
            ("ClientID", AUDIENCE),
        ])
        .await;
    refused(&stage.assume(&stage.token()).await, INVALID, "Incorrect token audience");
    stage.iam(&[("Action", "DeleteOpenIDConnectProvider"), arn]).await;
    refused(
        &stage.assume(&stage.token()).await,
        INVALID,
        "No OpenIDConnect provider found in your account",
    );
}

#[tokio::test]
async fn the_trust_policy_decides() {
    let stage = Stage::with_site().await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document = trust(&stage.issuer);
        change(&mut document["Statement"][0]);
        document
    };
    let name = |suffix: &str| format!("{SITE}:{suffix}");
    for (what, document, want) in [
        ("as it was", with(&|_| {}), "200"),
        (
            "sub list",
            with(&|s| s["Condition"]["StringEquals"][name("sub")] = json!(["a", SUBJECT])),
            "200",
        ),
        (
            "sub pattern",
            with(&|s| s["Condition"] = json!({"StringLike": {name("sub"): "system:serviceaccount:shop:*"}})),
            "200",
        ),
        (
            "another sub",
            with(&|s| s["Condition"]["StringEquals"][name("sub")] = json!("x")),
            DENIED,
        ),
        (
            "another aud",
            with(&|s| s["Condition"]["StringEquals"][name("aud")] = json!("vault")),
            DENIED,
        ),
        (
            "another provider",
            with(&|s| s["Principal"] = json!({"Federated": "arn:aws:iam::123456789012:oidc-provider/x"})),
            DENIED,
        ),
        (
            "AWS principals only",
            with(&|s| {
                s["Principal"] = json!({"AWS": "*"});
                s["Action"] = json!("sts:AssumeRole");
            }),
            DENIED,
        ),
        (
            "explicit deny",
            json!({"Version": "2012-10-17", "Statement": [trust(&stage.issuer)["Statement"][0],
            {"Effect": "Deny", "Principal": trust(&stage.issuer)["Statement"][0]["Principal"], "Action": "sts:AssumeRoleWithWebIdentity"}]}),
            DENIED,
        ),
        (
            "by session name",
            with(&|s| s["Condition"] = json!({"StringEquals": {"sts:RoleSessionName": "test", name("sub"): SUBJECT}})),
            "200",
        ),
        (
            "by another session name",
            with(&|s| s["Condition"] = json!({"StringEquals": {"sts:RoleSessionName": "x", name("sub"): SUBJECT}})),
            DENIED,
        ),
    ] {
        let text = document.to_string();
        stage
            .iam(&[
                ("Action", "UpdateAssumeRolePolicy"),
                ("RoleName", "app"),
                ("PolicyDocument", &text),
            ])
            .await;
        let answer = stage.assume(&stage.token()).await;
        assert_eq!(answer.verdict(), want, "{what}: {}", answer.body);
    }
}

#[tokio::test]
async fn parameters_are_checked_as_the_model_says() {
    let stage = Stage::with_site().await;
    let token = stage.token();
    let long = "x".repeat(65);
    let policy = "x".repeat(2049);
    for (others, want, message) in [
        (&[("RoleSessionName", "")][..], BAD_VALUE, "roleSessionName"),
        (&[("RoleSessionName", "x")], BAD_VALUE, "greater than or equal to 2"),
        (&[("RoleSessionName", &long)], BAD_VALUE, "less than or equal to 64"),
        (&[("RoleSessionName", "a b")], BAD_VALUE, "regular expression"),
        (&[("RoleSessionName", "a.b_c=d,e@f-g+h")], "200", ""),
        (&[("RoleArn", "")], BAD_VALUE, "roleArn"),
        (
            &[("RoleArn", "arn:aws:iam::1:role/x")],
            BAD_VALUE,
            "Request ARN is invalid",
        ),
        (
            &[("RoleArn", "arn:aws:iam::123456789012:user/app")],
            BAD_VALUE,
            "Request ARN is invalid",
        ),
        (
            &[("RoleArn", "arn:aws-cn:iam::123456789012:role/irsa/app")],
            BAD_VALUE,
            "Request ARN is invalid",
        ),
        (
            &[("RoleArn", "arn:aws:iam::123456789012:role/app")],
            DENIED,
            "AssumeRoleWithWebIdentity",
        ),
        (
            &[("RoleArn", "arn:aws:iam::123456789012:role/irsa/none")],
            DENIED,
            "AssumeRoleWithWebIdentity",
        ),
        (
            &[("RoleArn", "arn:aws:iam::210987654321:role/irsa/app")],
            INVALID,
            "No OpenIDConnect provider",
        ),
        (&[("WebIdentityToken", "")], BAD_VALUE, "webIdentityToken"),
        (&[("DurationSeconds", "899")], BAD_VALUE, "greater than or equal to 900"),
        (
            &[("DurationSeconds", "43201")],
            BAD_VALUE,
            "less than or equal to 43200",
        ),
        (&[("DurationSeconds", "900")], "200", ""),
        (&[("DurationSeconds", "7200")], "200", ""),
        (
            &[("DurationSeconds", "7201")],
            BAD_VALUE,
            "exceeds the MaxSessionDuration",
        ),
        (&[("DurationSeconds", "soon")], "400 MalformedInput", ""),
        (&[("Policy", "{")], "400 MalformedPolicyDocument", ""),
        (&[("Policy", &policy)], BAD_VALUE, "less than or equal to 2048"),
        (
            &[("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess")],
            "501 NotImplemented",
            "",
        ),
    ] {
        let answer = stage.assume_with(&token, others).await;
        assert_eq!(answer.verdict(), want, "{others:?}: {}", answer.body);
        assert!(
            answer.body.contains(message),
            "{others:?}: {} does not contain {message:?}",
            answer.body
        );
    }
}

#[tokio::test]
async fn a_session_policy_narrows_and_a_session_ends_in_time() {
    let stage = Stage::with_site().await;
    let account = stage.aws.account(ACCOUNT);
    account.create_bucket("data", BucketOptions::in_region(REGION));
    account.create_bucket("more", BucketOptions::in_region(REGION));
    stage.allow("s3:ListBucket", "*").await;
    let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::data"}});
    let policy = policy.to_string();
    let session = stage
        .assume_with(&stage.token(), &[("Policy", &policy), ("DurationSeconds", "900")])
        .await
        .credentials();
    assert_eq!(call(&stage.aws, &session, list_bucket("data")).await.verdict(), "200");
    assert_eq!(
        call(&stage.aws, &session, list_bucket("more")).await.verdict(),
        "403 AccessDenied"
    );
    stage.aws.clock().advance(SignedDuration::from_secs(899));
    let signed = |skew| super::client::Signature {
        skew: SignedDuration::from_secs(skew),
        ..super::client::Signature::for_host(&session, "data.s3.eu-central-1.amazonaws.com")
    };
    let list = |skew| super::client::send(&stage.aws, signed(skew).sign(list_bucket("data")));
    assert_eq!(list(890).await.unwrap().verdict(), "200");
    stage.aws.clock().advance(SignedDuration::from_secs(2));
    refused(
        &list(901).await.unwrap(),
        "400 ExpiredToken",
        "The provided token has expired.",
    );
}

#[tokio::test]
async fn sts_sees_iam_as_it_was_a_while_ago() {
    let stage = Stage::with_site().await;
    stage
        .aws
        .account(ACCOUNT)
        .set_consistency_delay(SignedDuration::from_secs(10));
    refused(
        &stage.assume(&stage.token()).await,
        INVALID,
        "No OpenIDConnect provider",
    );
    stage.aws.clock().advance(SignedDuration::from_secs(11));
    assert_eq!(stage.assume(&stage.token()).await.verdict(), "200");
}

#[tokio::test]
async fn a_token_of_one_account_is_worth_nothing_in_another() {
    let stage = Stage::with_site().await;
    let other = stage.aws.account("210987654321").root_credentials();
    let arn = ("RoleArn", "arn:aws:iam::210987654321:role/app");
    refused(
        &stage.assume_with(&stage.token(), &[arn]).await,
        INVALID,
        "No OpenIDConnect provider",
    );
    // Registered there too, but the role trusts the first account's provider: denied.
    let trusting = trust(&stage.issuer).to_string();
    for parameters in [
        vec![
            ("Action", "CreateOpenIDConnectProvider"),
            ("Url", stage.issuer.as_str()),
            ("ClientIDList.member.1", AUDIENCE),
        ],
        vec![
            ("Action", "CreateRole"),
            ("RoleName", "app"),
            ("AssumeRolePolicyDocument", &trusting),
        ],
    ] {
        let request = super::client::Request::form(
            super::stage::IAM,
            parameters.into_iter().chain([("Version", "2010-05-08")]),
        );
        assert_eq!(call(&stage.aws, &other, request).await.verdict(), "200");
    }
    refused(&stage.assume_with(&stage.token(), &[arn]).await, DENIED, "");
    assert_eq!(
        stage.assume_with(&stage.token(), &[("RoleArn", ROLE)]).await.verdict(),
        "200"
    );
    assert_ne!(claims("a", "b", "c")["iss"], json!(stage.issuer));
}
