//! Tenants who would keep what the guard-rails no longer allow.

use std::time::Duration;

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{World, objects::says};
use serde_json::{Value, json};

const BINDING: (&str, &str, &str) = ("iamrolebinding", "default", "app");

async fn patch(world: &World, kind: &str, name: &str, spec: Value) {
    let patch = json!({ "spec": spec }).to_string();
    let arguments = ["patch", kind, name, "-n", "default", "--type", "merge", "-p", &patch];
    world.kubectl(&arguments).await.unwrap();
}

async fn forbid(world: &World) {
    patch(
        world,
        "oidcfederation",
        "default",
        json!({"bindings": {"allowedManagedPolicies": ["ViewOnlyAccess"]}}),
    )
    .await;
}

/// Waits until the role refuses the token that it took before.
async fn wait_until_refused(world: &World, role: &str, token: &str) {
    for _ in 0..120 {
        if world.assume(role, token).await == Err("AccessDenied".to_owned()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("the role is still open");
}

#[tokio::test]
async fn neither_a_broken_nor_a_suspended_nor_a_lenient_spec_keeps_a_role_open() {
    let world = World::with_samples(SigningKey::generate_rsa().unwrap()).await.unwrap();
    let identity = world.pod_identity("default", "app").await.unwrap();
    let (role, token) = (identity.role_arn.as_str(), identity.token.as_str());
    let tricks = [
        (json!({"suspend": true}), "Ready", "PolicyNotAllowed"),
        (
            json!({"policies": {"managed": ["arn:aws-cn:iam::aws:policy/X"]}}),
            "Ready",
            "InvalidSpec",
        ),
        (
            json!({"policies": {"managed": [], "exclusive": false}}),
            "Admitted",
            "PolicyNotAllowed",
        ),
    ];
    for (trick, condition, reason) in tricks {
        assert!(world.assume(role, token).await.is_ok(), "{trick}");
        patch(&world, BINDING.0, BINDING.2, trick.clone()).await;
        forbid(&world).await;
        wait_until_refused(&world, role, token).await;
        let told = |object: &Value| says(object, condition, reason);
        let binding = world.wait_for("the reason", BINDING, told).await.unwrap();
        assert!(binding.to_string().contains("nobody can assume"), "{binding:#}");

        let allowed = json!({"bindings": {"allowedManagedPolicies": ["AmazonS3ReadOnlyAccess"]}});
        patch(&world, "oidcfederation", "default", allowed).await;
        let mended = json!({"suspend": null, "policies": {"managed": ["AmazonS3ReadOnlyAccess"], "exclusive": true}});
        patch(&world, BINDING.0, BINDING.2, mended).await;
        world.binding_ready(BINDING.1, BINDING.2).await.unwrap();
    }
    assert!(world.assume(role, token).await.is_ok(), "loosened, it opens");
}
