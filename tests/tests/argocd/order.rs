//! Nothing is applied before what it needs, on a cluster without a working operator, and one that does not sign as the issuer yet.

use std::time::Duration;

use irsa_testkit::controlplane::AuditEntry;
use irsa_tests::{
    gitops::{ready_since, the_pod_has_its_role},
    world::{ISSUER, objects::says},
};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    argo::USER,
    fleet::{APPLICATIONS, Fleet, ROOT, STEPS, has_health, of_object},
};

const OLD: &str = "https://kubernetes.default.svc.cluster.local";
const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");
const BINDING: (&str, &str, &str) = ("iamrolebinding", "shop", "checkout");

/// For how many seconds a wave that waits is looked at. Argo CD looks at a running sync at least each ten, and gives each wave two to settle.
const LOOKS: u32 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn each_wave_waits_for_the_one_before_it_and_the_pod_has_its_role() {
    let mut fleet = Fleet::start(&[OLD], |_| {}).await;

    // Kinds and rights are there, and no pod of the operator is ready.
    let progressing = |application: &Value| has_health(application, "Progressing");
    fleet.becomes("irsa-anywhere", "Progressing", progressing).await;
    fleet.stays_at("irsa-anywhere", "irsa-federation").await;
    let (kind, namespace, name) = FEDERATION;
    assert!(fleet.world.get(kind, namespace, name).await.unwrap().is_none());

    // Pods run, and nobody looks at the federation.
    fleet.run_pods();
    fleet.done("irsa-anywhere").await;
    let unseen = |application: &Value| {
        let federation = &of_object(application, "OidcFederation", "default")["health"];
        let says = "Waiting for the operator to look at this version of the spec";
        has_health(application, "Progressing") && federation["message"] == says
    };
    fleet.becomes("irsa-federation", "an operator", unseen).await;
    fleet.stays_at("irsa-federation", "irsa-bindings").await;
    let federation = fleet.application("irsa-federation").await.unwrap();
    assert!(unseen(&federation), "{:#}", federation["status"]);

    // The API servers sign as somebody else.
    fleet.start_operator().await;
    let prepared = |federation: &Value| {
        says(federation, "ProviderRegistered", "True") && says(federation, "Ready", "IssuerMismatch")
    };
    fleet
        .world
        .wait_for("all but the issuer", FEDERATION, prepared)
        .await
        .unwrap();
    fleet.stays_at("irsa-federation", "irsa-bindings").await;
    assert!(fleet.world.get("namespace", "default", "shop").await.unwrap().is_none());

    fleet
        .world
        .cluster
        .restart_with_issuers(0, &[ISSUER, OLD])
        .await
        .unwrap();
    fleet.world.request_pass(&[FEDERATION], "signing").await.unwrap();
    for step in STEPS.into_iter().chain([ROOT]) {
        fleet.done(step).await;
    }
    let federation = fleet.world.federation_ready("default").await.unwrap();
    let binding = fleet.world.binding_ready(BINDING.1, BINDING.2).await.unwrap();
    let bindings_application = |entry: &AuditEntry| entry.resource == "applications" && entry.name == "irsa-bindings";
    assert!(ready_since(&federation).unwrap() <= first_write(&fleet, bindings_application).await);
    let first_binding = first_write(&fleet, |entry| entry.resource == "iamrolebindings").await;
    assert!(ready_since(&federation).unwrap() <= first_binding);
    let first_pods = first_write(&fleet, |entry| {
        entry.resource == "deployments" && entry.namespace == "shop"
    })
    .await;
    assert!(ready_since(&binding).unwrap() <= first_pods);

    the_pod_has_its_role(&fleet.world, &binding).await.unwrap();
}

impl Fleet {
    /// Looks on while the root's sync waits for one Application, and the next is not there.
    async fn stays_at(&self, step: &str, next: &str) {
        let waits = format!("waiting for healthy state of argoproj.io/Application/{step}");
        self.becomes(ROOT, &waits, |root| {
            root["status"]["operationState"]["message"] == waits.as_str()
        })
        .await;
        for _ in 0..LOOKS {
            let root = self.application(ROOT).await.unwrap();
            assert_eq!(root["status"]["operationState"]["phase"], "Running", "{root:#}");
            let next = self.world.get(APPLICATIONS, "argocd", next).await.unwrap();
            assert_eq!(next, None);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// When Argo CD wrote such an object first.
async fn first_write(fleet: &Fleet, wanted: impl Fn(&AuditEntry) -> bool) -> Timestamp {
    let log = fleet.world.cluster.audit().await.unwrap();
    let writes = log.by_user(USER).writes().filter(wanted);
    writes.entries().iter().map(|entry| entry.at).min().unwrap()
}
