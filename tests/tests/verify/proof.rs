//! What is proven, when, and what it costs while nothing changes.

use std::time::Duration;

use irsa_testkit::{
    aws::s3::{Bucket, PublicAccessBlock},
    controlplane::SigningKey,
};
use irsa_tests::world::{ACCOUNT, ISSUER_BUCKET, World, objects::condition};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{APP, FEDERATION, asked, binding, is_verified, message, role_of, says, shown, verified};

const REFUSED: Option<&str> = Some("AccessDenied");

fn told(shown: &[Option<String>]) -> Vec<Option<&str>> {
    shown.iter().map(Option::as_deref).collect()
}

#[tokio::test]
async fn a_binding_is_ready_when_sts_takes_its_token_and_refuses_the_canary_and_never_asks_again() {
    let mut world = World::start_signing_with(SigningKey::generate_rsa().unwrap())
        .await
        .unwrap();
    world.start_operator().await.unwrap();
    let mark = world.aws.mark();
    world.apply_samples().await.unwrap();
    let binding = world.binding_ready("default", "app").await.unwrap();
    assert_eq!(verified(&binding), ("True".to_owned(), "Succeeded".to_owned()));
    let session = format!(
        "arn:aws:sts::{ACCOUNT}:assumed-role/{}/irsa-anywhere-verify",
        role_of(&binding)
    );
    assert!(
        message(&binding, "Verified").contains(&session),
        "{}",
        message(&binding, "Verified")
    );
    assert!(message(&binding, "Ready").starts_with("app may assume the role"));
    assert!(binding["status"]["verifiedAt"].is_string() && binding["status"]["verifiedDigest"].is_string());
    let log = shown(&world, mark);
    assert_eq!(told(&log), [None, REFUSED], "its own token, then the canary's");
    let column = world.kubectl(&["get", "irb", "app"]).await.unwrap();
    let row: Vec<&str> = column.lines().nth(1).unwrap().split_whitespace().collect();
    assert!(
        column.contains("VERIFIED") && row.iter().filter(|cell| **cell == "True").count() == 2,
        "{column}"
    );

    // Neither a pass, nor a restart, nor an edit of what the proof does not rest on.
    let (aws, tokens) = (world.aws.mark(), asked(&world).await.len());
    world.stop_operator().await.unwrap();
    let counted = world.mark().await.unwrap();
    world.start_operator().await.unwrap();
    world.roles_inventoried("default").await.unwrap();
    let counts = world.counts_since(&counted).await.unwrap();
    assert!(counts.aws_writes.is_empty(), "{counts:#?}");
    let patched = counts
        .kubernetes_writes
        .keys()
        .filter(|call| call.contains("iamrolebindings"));
    assert_eq!(patched.count(), 0, "{counts:#?}");
    let wider = json!({"spec": {"role": {"description": "another"}}}).to_string();
    world
        .kubectl(&["patch", "irb", "app", "--type", "merge", "-p", &wider])
        .await
        .unwrap();
    let generation = |object: &Value| object["status"]["observedGeneration"] == object["metadata"]["generation"];
    world.wait_for("the edit", APP, generation).await.unwrap();
    assert_eq!((shown(&world, aws).len(), asked(&world).await.len()), (0, tokens));
    let after = world.binding_ready("default", "app").await.unwrap();
    assert_eq!(after["status"]["verifiedAt"], binding["status"]["verifiedAt"]);

    // Somebody asks.
    let aws = world.aws.mark();
    world.request_pass(&[APP], "again").await.unwrap();
    assert_eq!(told(&shown(&world, aws)), [None, REFUSED]);
    let counted = world.mark().await.unwrap();
    let aws = world.aws.mark();
    world.stop_operator().await.unwrap();
    world.start_operator().await.unwrap();
    world.roles_inventoried("default").await.unwrap();
    assert_eq!(shown(&world, aws).len(), 0, "an answered request stays answered");
    assert!(world.counts_since(&counted).await.unwrap().aws_writes.is_empty());
}

#[tokio::test]
async fn ready_waits_until_iam_has_shown_the_role_to_sts() {
    let mut world = World::start_signing_with(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    world.start_operator().await.unwrap();
    world.apply_samples().await.unwrap();
    world
        .aws
        .account(ACCOUNT)
        .set_consistency_delay(SignedDuration::from_secs(6));
    let mark = world.aws.mark();
    world.cluster.apply_yaml(&binding("late").to_string()).await.unwrap();
    let name = ("iamrolebinding", "default", "late");
    let verifying = |binding: &Value| {
        let ready = condition(binding, "Ready");
        ready.is_some_and(|ready| ready["reason"] == "Verifying" && ready["status"] == "Unknown")
    };
    let waiting = world.wait_for("STS's refusal", name, verifying).await.unwrap();
    assert!(condition(&waiting, "Reconciling").is_some(), "{waiting:#}");
    let ready = world.binding_ready("default", "late").await.unwrap();
    assert!(is_verified(&ready));
    let log = shown(&world, mark);
    let yes = log.iter().position(Option::is_none).unwrap();
    assert!(
        yes >= 2 && log.len() == yes + 2,
        "refused until IAM shows it, then once taken and the canary: {log:?}"
    );
    // What IAM shows of a role that was just made proves nothing, so it is not asked for.
    let role = role_of(&ready);
    let reads = world.aws.since(mark).into_iter();
    let reads = reads.filter(|call| call.operation == "iam:GetRole" && call.resource.contains(&role));
    assert!(reads.count() <= 3);
}

#[tokio::test]
async fn a_key_rotation_is_proven_by_a_token_of_the_new_key() {
    let first = SigningKey::generate_rsa().unwrap();
    let second = SigningKey::generate_ec_p256().unwrap();
    let mut world = World::with_samples(first.clone()).await.unwrap();
    let before = world.binding_ready("default", "app").await.unwrap();
    let mark = world.aws.mark();
    world
        .cluster
        .restart_with_keys(second, [first.public().clone()])
        .await
        .unwrap();
    world.stop_operator().await.unwrap();
    world.start_operator().await.unwrap();
    world.request_pass(&[FEDERATION], "rotated").await.unwrap();
    let digest = before["status"]["verifiedDigest"].clone();
    let proven = world
        .wait_for("a new proof", APP, |binding| {
            is_verified(binding) && binding["status"]["verifiedDigest"] != digest
        })
        .await
        .unwrap();
    assert!(told(&shown(&world, mark)).ends_with(&[None, REFUSED]));
    assert_ne!(proven["status"]["verifiedDigest"], digest);
}

#[tokio::test]
async fn what_sts_refuses_is_told_with_its_cause_once_patience_ends_and_mends_itself() {
    let mut world = World::with_samples(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    // Somebody closes the bucket: what is proven stands, and a new role cannot be.
    let block = |world: &World, block| {
        let change = |bucket: &mut Bucket| bucket.public_access_block = Some(block);
        world.aws.s3(|s3| s3.edit_bucket(ISSUER_BUCKET, change));
    };
    block(&world, PublicAccessBlock::ALL);
    world.cluster.apply_yaml(&binding("late").to_string()).await.unwrap();
    let name = ("iamrolebinding", "default", "late");
    world.wait_for("STS's refusal", name, says("Verifying")).await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    let refused = world
        .wait_for("the verdict", name, says("AssumeRoleRefused"))
        .await
        .unwrap();
    let ready = condition(&refused, "Ready").unwrap();
    assert_eq!(
        (&ready["status"], &ready["reason"]),
        (&json!("False"), &json!("AssumeRoleRefused"))
    );
    let words = message(&refused, "Verified");
    assert!(
        words.contains("403") && words.contains(".well-known/openid-configuration"),
        "{words}"
    );
    assert!(
        words.contains("STS refuses a token of default/late for sts.amazonaws.com"),
        "{words}"
    );
    let events = world.kubectl(&["get", "events", "-A", "-o", "json"]).await.unwrap();
    assert!(events.contains("AssumeRoleRefused: "), "{events}");
    assert!(is_verified(&world.binding_ready("default", "app").await.unwrap()));

    // A process that finds the verdict does not begin to be patient again.
    world.stop_operator().await.unwrap();
    world.start_operator().await.unwrap();
    world.request_pass(&[name], "again").await.unwrap();
    let still = world.get(name.0, name.1, name.2).await.unwrap().unwrap();
    assert_eq!(verified(&still).1, "AssumeRoleRefused");
    block(&world, PublicAccessBlock::ACLS_ONLY);
    world.wait_for("Verified=True", name, is_verified).await.unwrap();
}
