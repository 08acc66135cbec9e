//! A cluster that works: nothing fights, a mistake is told at once, and what leaves Git leaves AWS.

use std::time::Duration;

use irsa_testkit::aws::{AwsError, Fault, FaultRule};
use irsa_tests::{
    gitops::REFUSED,
    world::{ACCOUNT, objects::says},
};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    controller::USER,
    fleet::{Fleet, KUSTOMIZATIONS, STEPS, is_held_back, message},
};

const BINDING: (&str, &str, &str) = ("iamrolebinding", "shop", "checkout");
const FEDERATION_FILE: &str = "irsa/federation/oidcfederation.yaml";
const BINDINGS_FILE: &str = "irsa/bindings/kustomization.yaml";

/// The shortest interval of a federation, so that the operator compares everything more than once meanwhile.
fn often(fleet: &Fleet) {
    let federation = fleet.read(FEDERATION_FILE);
    fleet.write(FEDERATION_FILE, &format!("{federation}  interval: 10s\n"));
}

fn roles(fleet: &Fleet) -> usize {
    fleet.world.aws.account(ACCOUNT).role_names().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_where_nothing_changed_and_a_stalled_binding_fails_its_step_at_once() {
    let fleet = Fleet::ready(often).await;
    fleet.world.roles_inventoried("default").await.unwrap();
    // Flux takes away what kubectl has annotated for that.
    for step in STEPS {
        fleet.reconcile(step, "settled").await;
    }
    let (mark, audit) = (
        fleet.world.mark().await.unwrap(),
        fleet.world.cluster.mark().await.unwrap(),
    );
    let begun = Instant::now();
    let mut rounds = 0;
    while rounds < 3 || begun.elapsed() < Duration::from_secs(30) {
        rounds += 1;
        for step in STEPS {
            fleet.reconcile(step, &format!("round-{rounds}")).await;
        }
    }
    let by_flux = fleet.world.cluster.audit_since(&audit).await.unwrap().by_user(USER);
    let compared = by_flux.filter(|entry| entry.resource == "iamrolebindings" && entry.uri.contains("dryRun="));
    assert!(compared.len() >= rounds, "Flux compared {:?}", by_flux.summary());
    let written = by_flux
        .writes()
        .filter(|entry| entry.group != "kustomize.toolkit.fluxcd.io" && entry.resource != "events");
    assert!(written.is_empty(), "Flux wrote {:?}", written.summary());
    let by_us = fleet.world.counts_since(&mark).await.unwrap();
    assert!(by_us.aws() > 0, "the operator did not look");
    assert!(by_us.no_writes(), "{by_us:?}");

    // A mistake: told by the step, long before the timeout of five minutes.
    let bindings = fleet.read(BINDINGS_FILE);
    fleet.write("irsa/bindings/refunds.yaml", REFUSED);
    fleet.write(BINDINGS_FILE, &format!("{bindings}  - refunds.yaml\n"));
    let begun = Instant::now();
    fleet.publish().await;
    let failed = fleet
        .becomes("irsa-bindings", "a failed health check", |step| {
            says(step, "Ready", "HealthCheckFailed")
        })
        .await;
    let took = begun.elapsed();
    assert!(took < Duration::from_mins(1), "{took:?}");
    let refunds = fleet
        .world
        .get("iamrolebinding", "shop", "refunds")
        .await
        .unwrap()
        .unwrap();
    assert!(says(&refunds, "Stalled", "True"), "{refunds:#}");
    // Flux names the object, and leaves what is wrong with it to the object.
    let said = message(&failed, "Ready");
    assert!(
        said.contains("failed early due to stalled resources: [IamRoleBinding/shop/refunds status: 'Failed']"),
        "{said}"
    );
    assert!(
        message(&refunds, "Stalled").contains("AdministratorAccess"),
        "{refunds:#}"
    );
    fleet.becomes("apps", "its dependency", is_held_back).await;
    fleet.world.binding_ready("shop", "checkout").await.unwrap();

    // Corrected by a commit.
    fleet.write(BINDINGS_FILE, &bindings);
    fleet.publish().await;
    fleet
        .world
        .wait_until_gone(("iamrolebinding", "shop", "refunds"))
        .await
        .unwrap();
    for step in ["irsa-bindings", "apps"] {
        fleet
            .becomes(step, "Ready=True", |step| says(step, "Ready", "True"))
            .await;
    }
    assert_eq!(roles(&fleet), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_git_leaves_aws_and_a_deleted_step_waits_for_its_roles() {
    let fleet = Fleet::ready(|_| {}).await;
    assert_eq!(roles(&fleet), 1);
    let bindings = fleet.read(BINDINGS_FILE);

    // A binding whose file is gone.
    fleet.write(BINDINGS_FILE, &bindings.replace("  - checkout.yaml\n", ""));
    fleet.publish().await;
    fleet.world.wait_until_gone(BINDING).await.unwrap();
    assert_eq!(roles(&fleet), 0);
    assert!(fleet.world.get("namespace", "default", "shop").await.unwrap().is_some());

    // And back, so that there is something to wait for.
    fleet.write(BINDINGS_FILE, &bindings);
    fleet.publish().await;
    fleet.world.binding_ready(BINDING.1, BINDING.2).await.unwrap();
    fleet
        .becomes("irsa-bindings", "Ready=True", |step| says(step, "Ready", "True"))
        .await;
    assert_eq!(roles(&fleet), 1);

    taken_away_in_the_documented_order(&fleet).await;
}

/// deploy/README.md, "To take it away", up to the operator.
async fn taken_away_in_the_documented_order(fleet: &Fleet) {
    fleet.delete("apps").await;
    fleet
        .world
        .wait_until_gone((KUSTOMIZATIONS, "flux-system", "apps"))
        .await
        .unwrap();

    // AWS refuses the deletion of the role for a while.
    let denied = Fault::ErrorBefore(AwsError::new(403, "AccessDenied", "not now"));
    fleet
        .world
        .aws
        .add_fault(FaultRule::new("iam:DeleteRole", 1_000_000, denied));
    fleet.delete("irsa-bindings").await;
    let going = |object: &Value| object["metadata"]["deletionTimestamp"].is_string();
    fleet.world.wait_for("its deletion", BINDING, going).await.unwrap();
    for _ in 0..10 {
        let step = fleet.step("irsa-bindings").await;
        assert!(step.as_ref().is_some_and(going), "{step:#?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(roles(fleet), 1);

    fleet.world.aws.clear_faults();
    let again = "irsa-anywhere.dev/reconcile-requested-at=again";
    fleet
        .world
        .kubectl(&["annotate", BINDING.0, BINDING.2, "-n", BINDING.1, again])
        .await
        .unwrap();
    fleet
        .world
        .wait_until_gone((KUSTOMIZATIONS, "flux-system", "irsa-bindings"))
        .await
        .unwrap();
    assert_eq!(fleet.world.get(BINDING.0, BINDING.1, BINDING.2).await.unwrap(), None);
    assert_eq!(roles(fleet), 0);
    assert!(fleet.world.get("namespace", "default", "shop").await.unwrap().is_some());

    // The federation stays until somebody deletes it.
    fleet.delete("irsa-federation").await;
    fleet
        .world
        .wait_until_gone((KUSTOMIZATIONS, "flux-system", "irsa-federation"))
        .await
        .unwrap();
    let federation = fleet.world.federation_ready("default").await.unwrap();
    assert_eq!(federation["metadata"].get("deletionTimestamp"), None);
    fleet
        .world
        .kubectl(&["delete", "oidcfederations", "--all", "--timeout=90s"])
        .await
        .unwrap();
    assert_eq!(fleet.world.aws.account(ACCOUNT).provider_arns(), Vec::<String>::new());

    // And so does the operator.
    fleet.delete("irsa-anywhere").await;
    fleet
        .world
        .wait_until_gone((KUSTOMIZATIONS, "flux-system", "irsa-anywhere"))
        .await
        .unwrap();
    let operator = fleet
        .world
        .get("deployment", "irsa-anywhere-system", "irsa-anywhere")
        .await
        .unwrap();
    assert!(operator.is_some_and(|operator| !going(&operator)));
}
