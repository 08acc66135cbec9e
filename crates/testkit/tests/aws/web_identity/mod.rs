//! The token walk, and everything that must be refused on it.

mod documents;
mod parameters;
pub(crate) mod tokens;

use irsa_testkit::aws::{Service, s3::BucketOptions};
use jiff::SignedDuration;
use serde_json::json;

use self::tokens::{DENIED, INVALID};
use super::{
    client::{self, Answer, call},
    issuer::{Key, rsa},
    stage::{self, ACCOUNT, AUDIENCE, BUCKET, REGION, ROLE, SITE, STS, SUBJECT, Stage, list_bucket, trust},
};

pub(crate) fn refused(answer: &Answer, want: &str, message: &str) {
    assert_eq!(answer.verdict(), want, "{}", answer.body);
    let found = answer.element("Message").unwrap_or_default();
    assert!(found.contains(message), "{found:?} does not contain {message:?}");
}

pub(crate) const NO_KEY: &str = "Couldn't retrieve verification key from your identity provider";

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

    let me = client::Request::form(STS, [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]);
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
    let signed = |skew| client::Signature {
        skew: SignedDuration::from_secs(skew),
        ..client::Signature::for_host(&session, "data.s3.eu-central-1.amazonaws.com")
    };
    let list = |skew| client::send(&stage.aws, signed(skew).sign(list_bucket("data")));
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
        let request = client::Request::form(stage::IAM, parameters.into_iter().chain([("Version", "2010-05-08")]));
        assert_eq!(call(&stage.aws, &other, request).await.verdict(), "200");
    }
    refused(&stage.assume_with(&stage.token(), &[arn]).await, DENIED, "");
    assert_eq!(
        stage.assume_with(&stage.token(), &[("RoleArn", ROLE)]).await.verdict(),
        "200"
    );
}
