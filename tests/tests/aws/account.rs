//! Whose account it is, and how another one is reached.

use irsa_aws::{CallerIdentity, Connect, Connection, Kind, RoleToAssume, Roles, SdkConnect};
use irsa_tests::world::ACCOUNT;
use serde_json::json;

use crate::bench::{Bench, here, role};

const OTHER: &str = "210987654321";

#[tokio::test]
async fn another_account_than_the_one_allowed_is_refused_before_anything_is_called() {
    let bench = Bench::start().await;
    let guarded = Connection {
        account_id: Some("999999999999".to_owned()),
        ..here()
    };
    let refused = bench.sdk().connect(&guarded).await.err().unwrap();
    assert_eq!(refused.kind(), Kind::WrongAccount);
    let mut settings = bench.settings();
    settings.allowed_accounts = ["999999999999".to_owned()].into();
    let refused = SdkConnect::new(settings).unwrap().connect(&here()).await.err().unwrap();
    assert_eq!(refused.kind(), Kind::WrongAccount);
    let called: Vec<String> = bench.double.requests().into_iter().map(|call| call.operation).collect();
    assert!(called.iter().all(|call| call == "sts:GetCallerIdentity"), "{called:?}");
}

#[tokio::test]
async fn a_forgotten_connection_is_made_anew_and_serves_whoever_still_has_it() {
    let bench = Bench::start().await;
    let sdk = bench.sdk();
    let asked_who = || {
        let called = bench.double.requests().into_iter();
        called.filter(|call| call.operation == "sts:GetCallerIdentity").count()
    };
    let held = sdk.connect(&here()).await.unwrap();
    sdk.connect(&here()).await.unwrap();
    assert_eq!(asked_who(), 1);
    sdk.forget();
    let answered = held.create_role(&role("app", &json!({}))).await;
    assert_eq!(answered.unwrap_err().kind(), Kind::MalformedPolicy, "AWS was reached");
    assert_eq!(asked_who(), 1);
    let anew = sdk.connect(&here()).await.unwrap();
    assert_eq!(asked_who(), 2);
    assert_eq!(anew.caller(), held.caller());
}

#[tokio::test]
async fn a_role_in_another_account_is_assumed_with_its_external_id_and_not_without() {
    let may_assume = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": format!("arn:aws:iam::{OTHER}:role/publisher")}]});
    let bench = Bench::with_policy(&may_assume.to_string()).await;
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")},
        "Condition": {"StringEquals": {"sts:ExternalId": "acme-17"}}}]});
    // The other account's administrator makes the role, with the same adapters.
    let root = bench.double.account(OTHER).root_credentials();
    let mut settings = bench.settings();
    settings.credentials = Some(irsa_aws::StaticCredentials::new(
        &root.access_key_id,
        &root.secret_access_key,
        None,
    ));
    let theirs = SdkConnect::new(settings).unwrap().connect(&here()).await.unwrap();
    theirs.create_role(&role("publisher", &trust)).await.unwrap();

    let through = |external_id: Option<&str>| Connection {
        assume_role: Some(RoleToAssume {
            arn: format!("arn:aws:iam::{OTHER}:role/publisher"),
            external_id: external_id.map(str::to_owned),
        }),
        ..here()
    };
    let aws = bench.sdk().connect(&through(Some("acme-17"))).await.unwrap();
    assert_eq!(aws.caller().account, OTHER);
    for wrong in [None, Some("acme-18")] {
        let refused = bench.sdk().connect(&through(wrong)).await.err().unwrap();
        assert_eq!(refused.kind(), Kind::AccessDenied, "{refused}");
        bench.tells_no_secret(&refused);
    }
}
