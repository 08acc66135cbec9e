//! Trust policies that let others in, written into AWS by hand: caught by what STS must refuse.

use std::time::Duration;

use irsa_testkit::{
    aws::{Fault, FaultRule},
    controlplane::SigningKey,
};
use irsa_tests::world::{ACCOUNT, ISSUER, World, objects::condition};
use serde_json::{Value, json};

use crate::{APP, ASSUME, iam, is_verified, message, role_of, says, write_trust};

fn statement(conditions: &Value) -> Value {
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{}", issuer());
    json!({
        "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": {"Federated": provider},
        "Condition": conditions,
    })
}

fn issuer() -> &'static str {
    ISSUER.trim_start_matches("https://")
}

fn policy(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn pinned(account: &str, audience: &str) -> Value {
    json!({"StringEquals": {
        format!("{}:sub", issuer()): format!("system:serviceaccount:default:{account}"),
        format!("{}:aud", issuer()): audience,
    }})
}

/// A condition of which the operator cannot know whether it holds, and it does.
fn with_a_time(mut conditions: Value) -> Value {
    conditions["DateGreaterThan"] = json!({"aws:CurrentTime": "2020-01-01T00:00:00Z"});
    conditions
}

#[tokio::test]
async fn a_role_of_terraforms_that_lets_others_in_is_caught_whatever_its_policy_looks_like() {
    let mut world = World::start_signing_with(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    let federation = r#"{"spec":{"audiences":["sts.amazonaws.com","other.example"]}}"#;
    world.allow_tokens_for(&["other.example"]).await.unwrap();
    world.start_operator().await.unwrap();
    world.apply_samples().await.unwrap();
    world
        .kubectl(&[
            "patch",
            "oidcfederation",
            "default",
            "--type",
            "merge",
            "-p",
            federation,
        ])
        .await
        .unwrap();
    world
        .wait_for("both audiences", APP, |binding| {
            message(binding, "Verified").ends_with("the audience other.example.")
        })
        .await
        .unwrap();

    let good = statement(&pinned("borrower", "sts.amazonaws.com"));
    let made = iam(&world)
        .await
        .create_role()
        .role_name("borrowed")
        .path("/irsa/fe5f1263/");
    let made = made.assume_role_policy_document(policy(std::slice::from_ref(&good)).to_string());
    let arn = made.send().await.unwrap().role.unwrap().arn;
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "borrower", "namespace": "default"}}),
        json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": "borrowed", "namespace": "default"},
            "spec": {"serviceAccounts": [{"name": "borrower"}], "existingRole": {"arn": arn}},
        }),
    ] {
        world.cluster.apply_yaml(&object.to_string()).await.unwrap();
    }
    let name = ("iamrolebinding", "default", "borrowed");
    world.wait_for("Verified=True", name, is_verified).await.unwrap();
    // IAM may show for a while what was there when the process began.
    tokio::time::sleep(Duration::from_secs(75)).await;

    let no_subject = with_a_time(json!({"StringEquals": {format!("{}:aud", issuer()): "sts.amazonaws.com"}}));
    let pattern = with_a_time(json!({"StringLike": {format!("{}:sub", issuer()): "system:serviceaccount:*"}}));
    let no_audience = json!({"StringEquals": {format!("{}:sub", issuer()): "system:serviceaccount:default:borrower"}});
    let other_audience = statement(&pinned("borrower", "other.example"));
    for (what, document, reason) in [
        (
            "a second statement without sub",
            policy(&[good.clone(), statement(&no_subject)]),
            "sub",
        ),
        (
            "a second statement with a pattern",
            policy(&[good.clone(), statement(&pattern)]),
            "sub",
        ),
        ("no aud", policy(&[statement(&no_audience)]), "aud"),
        (
            "a second statement for another audience",
            policy(&[good.clone(), other_audience]),
            "aud",
        ),
    ] {
        write_trust(&world, "borrowed", &document).await;
        world.request_pass(&[name], &what.replace(' ', "-")).await.unwrap();
        let caught = world.wait_for(what, name, says("TooPermissive")).await.unwrap();
        let words = message(&caught, "Verified");
        assert!(words.contains(&format!("does not pin {reason}")), "{what}: {words}");
        assert!(words.contains("Whoever keeps the role must correct it"), "{words}");
        let ready = condition(&caught, "Ready").unwrap();
        assert_eq!(
            (&ready["status"], &ready["reason"]),
            (&json!("False"), &json!("TooPermissive")),
            "{what}"
        );
        write_trust(&world, "borrowed", &policy(std::slice::from_ref(&good))).await;
        world.wait_for("Verified=True", name, is_verified).await.unwrap();
    }
    let events = world.kubectl(&["get", "events", "-A", "-o", "json"]).await.unwrap();
    assert!(events.contains("TooPermissive: STS lets"), "{events}");
}

#[tokio::test]
async fn a_role_of_ours_that_is_widened_behind_our_back_is_caught_closed_and_proven_again() {
    let world = World::with_samples(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    let role = role_of(&world.binding_ready("default", "app").await.unwrap());
    // What the process itself has just written may be shown late, and so be to blame.
    tokio::time::sleep(Duration::from_secs(80)).await;
    // The role was read and is as it must be, and while STS takes the first token somebody widens it.
    let slow = Fault::Delay(Duration::from_secs(4));
    world.aws.add_fault(FaultRule::new(ASSUME, 1, slow));
    let mark = world.aws.mark();
    let annotation = "irsa-anywhere.dev/reconcile-requested-at=look";
    world.kubectl(&["annotate", "irb", "app", annotation]).await.unwrap();
    let asked = |world: &World| world.aws.faults_unmet() == 0;
    world.wait_until("the first token", asked).await.unwrap();
    let wide = statement(&json!({"StringEquals": {format!("{}:aud", issuer()): "sts.amazonaws.com"}}));
    write_trust(&world, &role, &policy(&[wide])).await;
    let put_back = move |world: &World| {
        let calls = world.aws.since(mark).into_iter();
        let ours = calls.filter(|call| call.user_agent.starts_with("irsa-anywhere/"));
        ours.filter(|call| call.operation == "iam:UpdateAssumeRolePolicy")
            .count()
            == 1
    };
    world.wait_until("the policy to be put back", put_back).await.unwrap();
    world.wait_for("Verified=True", APP, is_verified).await.unwrap();
    world.binding_ready("default", "app").await.unwrap();
    let events = world.kubectl(&["get", "events", "-A", "-o", "json"]).await.unwrap();
    assert!(events.contains("TooPermissive: STS lets"), "{events}");
    assert!(events.contains("DriftRepaired"), "{events}");
}
