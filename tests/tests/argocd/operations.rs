//! A cluster that works: nothing fights, what somebody changes is put back, and Argo CD says of our objects what they say of themselves.

use std::time::Duration;

use irsa_testkit::controlplane::AuditEntry;
use irsa_tests::{
    gitops::REFUSED,
    world::objects::{condition, says},
};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    argo::USER,
    fleet::{Fleet, ROOT, STEPS, has_health, is_done, of_object},
};

const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");
const BINDING: (&str, &str, &str) = ("iamrolebinding", "shop", "checkout");
const ACCOUNT: (&str, &str, &str) = ("serviceaccount", "shop", "checkout");
const FEDERATION_FILE: &str = "irsa/federation/oidcfederation.yaml";
const BINDING_FILE: &str = "irsa/bindings/checkout.yaml";
const BINDINGS_FILE: &str = "irsa/bindings/kustomization.yaml";

/// The shortest interval of a federation, so that the operator compares everything more than once meanwhile.
fn often(fleet: &Fleet) {
    let federation = fleet.read(FEDERATION_FILE);
    fleet.write(FEDERATION_FILE, &format!("{federation}  interval: 10s\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_where_nothing_changed_and_what_somebody_changes_is_put_back() {
    let fleet = Fleet::ready(often).await;
    fleet.world.roles_inventoried("default").await.unwrap();
    let before = versions(&fleet).await;
    let syncs = syncs(&fleet).await;
    let (mark, audit) = (
        fleet.world.mark().await.unwrap(),
        fleet.world.cluster.mark().await.unwrap(),
    );
    let begun = Instant::now();
    let mut rounds = 0;
    while rounds < 3 || begun.elapsed() < Duration::from_secs(30) {
        rounds += 1;
        for step in STEPS.into_iter().chain([ROOT]) {
            fleet.refresh(step).await;
            let application = fleet.application(step).await.unwrap();
            assert!(is_done(&application), "{step}: {:#}", application["status"]);
        }
    }
    let of_applications = |entry: &AuditEntry| entry.group == "argoproj.io" || entry.resource == "events";
    let by_argo = fleet.world.cluster.audit_since(&audit).await.unwrap().by_user(USER);
    let written = by_argo.writes().filter(|entry| !of_applications(entry));
    assert!(written.is_empty(), "Argo CD wrote {:?}", written.summary());
    let by_us = fleet.world.counts_since(&mark).await.unwrap();
    assert!(by_us.aws() > 0, "the operator did not look");
    assert!(by_us.no_writes(), "{by_us:?}");
    assert_eq!(versions(&fleet).await, before);
    assert_eq!(self::syncs(&fleet).await, syncs);

    // That Argo CD is watching all the while: what Git has another opinion of goes back.
    let audit = fleet.world.cluster.mark().await.unwrap();
    let wider = r#"{"spec":{"policies":{"managed":[]}}}"#;
    let (kind, namespace, name) = BINDING;
    fleet
        .world
        .kubectl(&["patch", kind, name, "-n", namespace, "--type=merge", "-p", wider])
        .await
        .unwrap();
    let restored = |binding: &Value| {
        binding["metadata"]["generation"] != before[1].0
            && binding["spec"]["policies"]["managed"] == serde_json::json!(["AmazonS3ReadOnlyAccess"])
    };
    fleet.world.wait_for("what Git says", BINDING, restored).await.unwrap();
    fleet.world.binding_ready(namespace, name).await.unwrap();
    fleet.done("irsa-bindings").await;
    let by_argo = fleet.world.cluster.audit_since(&audit).await.unwrap().by_user(USER);
    let written = by_argo.writes().filter(|entry| entry.resource == "iamrolebindings");
    assert_eq!(written.len(), 1, "{:?}", written.summary());
}

/// Generation and version of our objects, and of the ServiceAccount that two write to.
async fn versions(fleet: &Fleet) -> [(Value, Value); 3] {
    let mut versions = [const { (Value::Null, Value::Null) }; 3];
    for (version, (kind, namespace, name)) in versions.iter_mut().zip([FEDERATION, BINDING, ACCOUNT]) {
        let object = fleet.world.get(kind, namespace, name).await.unwrap().unwrap();
        let field = |name: &str| object["metadata"][name].clone();
        *version = (field("generation"), field("resourceVersion"));
    }
    versions
}

/// When each Application was synced last.
async fn syncs(fleet: &Fleet) -> Vec<Value> {
    let mut syncs = Vec::new();
    for step in STEPS.into_iter().chain([ROOT]) {
        let application = fleet.application(step).await.unwrap();
        syncs.push(application["status"]["operationState"]["finishedAt"].clone());
    }
    syncs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_binding_is_degraded_with_our_sentence_and_a_suspended_one_is_healthy_and_says_so() {
    let fleet = Fleet::ready(|_| {}).await;

    // Against the guard-rails.
    let bindings = fleet.read(BINDINGS_FILE);
    fleet.write("irsa/bindings/refunds.yaml", REFUSED);
    fleet.write(BINDINGS_FILE, &format!("{bindings}  - refunds.yaml\n"));
    fleet.push("irsa-bindings").await;
    let degraded = |application: &Value| has_health(application, "Degraded");
    let application = fleet.becomes("irsa-bindings", "Degraded", degraded).await;
    let refunds = fleet.world.get("iamrolebinding", "shop", "refunds").await.unwrap();
    let refunds = refunds.unwrap();
    assert!(says(&refunds, "Stalled", "True"), "{refunds:#}");
    let sentence = condition(&refunds, "Stalled").unwrap()["message"].clone();
    assert!(sentence.as_str().unwrap().contains("AdministratorAccess"), "{sentence}");
    let health = &of_object(&application, "IamRoleBinding", "refunds")["health"];
    assert_eq!((&health["status"], &health["message"]), (&"Degraded".into(), &sentence));
    let health = &of_object(&application, "IamRoleBinding", "checkout")["health"];
    assert_eq!(health["status"], "Healthy");
    // It is seen from above, too.
    fleet.becomes(ROOT, "Degraded", degraded).await;

    // Corrected by a commit.
    fleet.write(BINDINGS_FILE, &bindings);
    fleet.push("irsa-bindings").await;
    fleet.done("irsa-bindings").await;
    fleet.done(ROOT).await;

    // Suspended, and it works.
    for (path, name, kind, object) in [
        (BINDING_FILE, "irsa-bindings", "IamRoleBinding", "checkout"),
        (FEDERATION_FILE, "irsa-federation", "OidcFederation", "default"),
    ] {
        fleet.edit(path, "\nspec:\n", "\nspec:\n  suspend: true\n");
        fleet.push(name).await;
        let suspended = |application: &Value| {
            let health = &of_object(application, kind, object)["health"];
            let message = health["message"].as_str().unwrap_or_default();
            health["status"] == "Healthy" && message.starts_with("Suspended, as last seen: ") && is_done(application)
        };
        fleet.becomes(name, "Healthy and suspended", suspended).await;
    }
}
