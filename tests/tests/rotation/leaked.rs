//! A key that has leaked.

use std::time::Duration;

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::{
    tokens::Token,
    world::{World, objects::says},
};
use serde_json::{Value, json};

use super::{FEDERATION, REFUSED, look};

async fn revoke(world: &World, thumbprints: &[&str]) {
    let listed: Vec<Value> = thumbprints.iter().map(|one| json!({"thumbprint": one})).collect();
    let patch = json!({"spec": {"signingKeys": {"revoke": listed}}}).to_string();
    let arguments = ["patch", FEDERATION.0, FEDERATION.2, "--type", "merge", "-p", &patch];
    world.kubectl(&arguments).await.unwrap();
}

/// Waits until AWS's answer to the token is this.
async fn wait_for_answer(world: &World, role: &str, token: &str, accepted: bool) {
    for _ in 0..120 {
        match world.assume(role, token).await {
            Ok(_) if accepted => return,
            Err(code) if !accepted && code == REFUSED => return,
            _ => tokio::time::sleep(Duration::from_millis(250)).await,
        }
    }
    panic!("still not {}", if accepted { "accepted" } else { "refused" });
}

fn thumbprint_of(federation: &Value, token: &str) -> String {
    let kid = Token::parse(token).unwrap().header["kid"].clone();
    let keys = federation["status"]["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == kid).unwrap();
    key["thumbprint"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_revoked_key_is_refused_by_aws_also_if_it_is_the_only_one_and_comes_back_if_it_was_a_mistake() {
    let mut world = World::with_samples(SigningKey::generate_rsa().unwrap()).await.unwrap();
    let old = world.pod_identity("default", "app").await.unwrap();
    let role = old.role_arn.as_str();
    let old_public = world.cluster.api_servers()[0].signing_key().public().clone();
    let next = SigningKey::generate_ec_p256().unwrap();
    world.cluster.restart_with_keys(next, [old_public]).await.unwrap();
    look(&world, "rotated").await;
    let two = |federation: &Value| federation["status"]["publishedKeys"] == json!(2);
    let federation = world.wait_for("two keys", FEDERATION, two).await.unwrap();
    let new = world.pod_identity("default", "app").await.unwrap();
    let leaked = thumbprint_of(&federation, &old.token);
    let other = thumbprint_of(&federation, &new.token);
    for token in [&old.token, &new.token] {
        assert!(world.assume(role, token).await.is_ok());
    }

    revoke(&world, &[&leaked]).await;
    wait_for_answer(&world, role, &old.token, false).await;
    assert!(world.assume(role, &new.token).await.is_ok());
    let federation = world.federation_ready(FEDERATION.2).await.unwrap();
    let keys = federation["status"]["keys"].as_array().unwrap();
    let state = keys.iter().find(|key| key["thumbprint"] == json!(leaked)).unwrap();
    assert_eq!(state["state"], json!("Revoked"), "the API server still serves it");

    revoke(&world, &[&leaked, &other]).await;
    wait_for_answer(&world, role, &new.token, false).await;
    let told = |federation: &Value| says(federation, "Ready", "KeysUnusable");
    world.wait_for("the reason", FEDERATION, told).await.unwrap();
    let events = [
        "get",
        "events",
        "-A",
        "--field-selector",
        "reason=KeyRevoked",
        "-o",
        "name",
    ];
    let events = world.kubectl(&events).await.unwrap();
    assert_eq!(events.lines().count(), 2, "one for each: {events}");

    revoke(&world, &[]).await;
    for token in [&old.token, &new.token] {
        wait_for_answer(&world, role, token, true).await;
    }
}
