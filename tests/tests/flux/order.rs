//! Nothing is applied before what it needs, on a cluster that does not sign as the issuer yet.

use std::time::Duration;

use irsa_tests::{
    gitops::{ready_since, the_pod_has_its_role},
    world::{ISSUER, objects::says},
};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    controller::USER,
    fleet::{Fleet, is_held_back, message},
};

const OLD: &str = "https://kubernetes.default.svc.cluster.local";
const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");
const BINDING: (&str, &str, &str) = ("iamrolebinding", "shop", "checkout");

/// How long a federation that waits is looked at: Flux looks every five seconds, and gives up at once on what is stalled.
const LOOKS: u32 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn each_step_waits_for_the_one_before_it_and_the_pod_has_its_role() {
    let mut fleet = Fleet::start(&[OLD], |_| {}).await;
    let checks = |step: &Value| message(step, "Reconciling").contains("Running health checks");

    // Kinds and rights are there, and no pod of the operator is ready.
    fleet.becomes("irsa-anywhere", "health checks", checks).await;
    fleet.becomes("irsa-federation", "its dependency", is_held_back).await;
    let (kind, namespace, name) = FEDERATION;
    assert!(fleet.world.get(kind, namespace, name).await.unwrap().is_none());

    fleet.start_operator().await;
    fleet
        .becomes("irsa-anywhere", "Ready=True", |step| says(step, "Ready", "True"))
        .await;
    let deployment = ("deployment", "irsa-anywhere-system", "irsa-anywhere");
    let deployment = fleet.world.wait_for("it", deployment, |_| true).await.unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let image = concat!(
        "registry.example.com/platform/irsa-anywhere:v",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(container["image"], image);

    // The API servers sign as somebody else: Flux waits, and fails nothing.
    let prepared = |federation: &Value| {
        says(federation, "ProviderRegistered", "True") && says(federation, "Ready", "IssuerMismatch")
    };
    fleet
        .world
        .wait_for("all but the issuer", FEDERATION, prepared)
        .await
        .unwrap();
    fleet.becomes("irsa-federation", "health checks", checks).await;
    for _ in 0..LOOKS {
        let federation = fleet.step("irsa-federation").await.unwrap();
        assert!(
            checks(&federation) && says(&federation, "Ready", "Unknown"),
            "{federation:#}"
        );
        let bindings = fleet.step("irsa-bindings").await.unwrap();
        assert!(is_held_back(&bindings), "{bindings:#}");
        assert!(fleet.world.get("namespace", "default", "shop").await.unwrap().is_none());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    fleet
        .world
        .cluster
        .restart_with_issuers(0, &[ISSUER, OLD])
        .await
        .unwrap();
    fleet.world.request_pass(&[FEDERATION], "signing").await.unwrap();
    for step in ["irsa-federation", "irsa-bindings", "apps"] {
        fleet
            .becomes(step, "Ready=True", |step| says(step, "Ready", "True"))
            .await;
    }
    let federation = fleet.world.federation_ready("default").await.unwrap();
    let binding = fleet.world.binding_ready(BINDING.1, BINDING.2).await.unwrap();
    assert!(ready_since(&federation).unwrap() <= first_write(&fleet, "iamrolebindings").await);
    assert!(ready_since(&binding).unwrap() <= first_write(&fleet, "deployments").await);

    the_pod_has_its_role(&fleet.world, &binding).await.unwrap();
}

/// When Flux wrote the first object of the fleet's own namespace.
async fn first_write(fleet: &Fleet, resource: &str) -> Timestamp {
    let log = fleet.world.cluster.audit().await.unwrap();
    let writes = log
        .by_user(USER)
        .writes()
        .filter(|entry| entry.resource == resource && entry.namespace == "shop");
    writes.entries().iter().map(|entry| entry.at).min().unwrap()
}
