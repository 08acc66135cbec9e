//! Two clusters over two copies of one etcd: the same kube-system UID, and both operators run.

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{
    ACCOUNT, ISSUER, World,
    objects::{condition, says},
};
use serde_json::{Value, json};

use super::{BINDING, FEDERATION, account_app, apply, binding, federation};

/// The API servers' own record of their addresses, which ours cannot keep for themselves on loopback.
async fn serve_at(world: &World, address: &str) {
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "ports": [{"name": "https", "port": 6443}], "endpoints": [{"addresses": [address]}],
    });
    apply(world, &[slice]).await;
}

async fn original() -> World {
    let mut world = World::start_signing_with(SigningKey::generate_rsa().unwrap())
        .await
        .unwrap();
    serve_at(&world, "192.0.2.1").await;
    world.start_operator().await.unwrap();
    let policies = json!({"policies": {"managed": ["AmazonS3ReadOnlyAccess"]}});
    let often = json!({"interval": "10s"});
    apply(&world, &[federation(ISSUER, &often), account_app(), binding(&policies)]).await;
    world.federation_ready("default").await.unwrap();
    world.binding_ready("default", "app").await.unwrap();
    world
}

/// The claim that the federation's condition asks for, once it says this.
async fn claim(world: &World, fragment: &str) -> String {
    let message = |object: &Value| {
        condition(object, "Ready")
            .map(|ready| ready["message"].to_string())
            .unwrap_or_default()
    };
    let says = |object: &Value| says(object, "Ready", "ClusterCopied") && message(object).contains(fragment);
    let copied = world.wait_for(fragment, FEDERATION, says).await.unwrap();
    let message = message(&copied);
    let (_, claim) = message.split_once("irsa-anywhere.dev/claim=").unwrap();
    claim.chars().take_while(char::is_ascii_hexdigit).collect()
}

async fn delete_binding(world: &World) {
    world
        .kubectl(&["delete", BINDING.0, BINDING.2, "-n", BINDING.1, "--wait=false"])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_binding_that_is_deleted_in_a_copy_of_the_cluster_leaves_the_originals_role() {
    let mut original = original().await;
    let pod = original.pod_identity("default", "app").await.unwrap();
    let mut copy = original.copy().await.unwrap();
    serve_at(&copy, "192.0.2.2").await;
    delete_binding(&copy).await;
    let mark = original.mark().await.unwrap();
    copy.start_operator().await.unwrap();

    claim(&copy, "may be a copy").await;
    let waits = |object: &Value| says(object, "Ready", "FederationNotReady");
    copy.wait_for("to wait", BINDING, waits).await.unwrap();
    let other = claim(&original, "Stop the operator there").await;
    claim(&copy, "was here first").await;
    original.assume(&pod.role_arn, &pod.token).await.unwrap();
    let counts = original.counts_since(&mark).await.unwrap();
    let written: Vec<&String> = counts.aws_writes.keys().collect();
    assert!(written.iter().all(|call| call.contains("PutObject")), "{counts:#?}");

    // docs/ownership.md, "A cluster that was copied".
    copy.stop_operator().await.unwrap();
    let annotation = format!("irsa-anywhere.dev/claim={other}");
    original
        .kubectl(&["annotate", FEDERATION.0, FEDERATION.2, &annotation])
        .await
        .unwrap();
    original.federation_ready("default").await.unwrap();
    delete_binding(&original).await;
    original.wait_until_gone(BINDING).await.unwrap();
    assert!(original.aws.account(ACCOUNT).role_names().is_empty());
}

#[tokio::test]
async fn a_cluster_whose_api_servers_have_all_moved_goes_on_by_itself_once_nobody_has_objected() {
    let mut before = original().await;
    before.stop_operator().await.unwrap();
    let mut moved = before.copy().await.unwrap();
    serve_at(&moved, "192.0.2.2").await;
    delete_binding(&moved).await;
    moved.start_operator().await.unwrap();
    claim(&moved, "may be a copy").await;
    // Two intervals and two minutes.
    for _ in 0..2 {
        if moved.federation_ready("default").await.is_ok() {
            break;
        }
    }
    moved.wait_until_gone(BINDING).await.unwrap();
    assert!(moved.aws.account(ACCOUNT).role_names().is_empty());
}
