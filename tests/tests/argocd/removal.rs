//! What leaves Git leaves AWS, a deleted Application takes with it what deploy/README.md says, and all of it goes in reverse order.

use std::time::Duration;

use irsa_testkit::{
    aws::{AwsError, Fault, FaultRule},
    controlplane::AuditEntry,
};
use irsa_tests::world::{ACCOUNT, ISSUER_BUCKET};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    argo::USER,
    fleet::{APPLICATIONS, Fleet, ROOT, STEPS, documented},
};

const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");
const BINDING: (&str, &str, &str) = ("iamrolebinding", "shop", "checkout");
const OPERATOR: (&str, &str, &str) = ("deployment", "irsa-anywhere-system", "irsa-anywhere");
const BINDINGS_FILE: &str = "irsa/bindings/kustomization.yaml";
const KINDS: [&str; 2] = ["oidcfederations.irsa-anywhere.dev", "iamrolebindings.irsa-anywhere.dev"];
const FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";

fn roles(fleet: &Fleet) -> usize {
    fleet.world.aws.account(ACCOUNT).role_names().len()
}

fn providers(fleet: &Fleet) -> usize {
    fleet.world.aws.account(ACCOUNT).provider_arns().len()
}

/// How many documents are in the bucket that the federation publishes to.
fn published(fleet: &Fleet) -> usize {
    fleet.world.aws.s3(|s3| s3.bucket(ISSUER_BUCKET).unwrap().objects.len())
}

async fn exists(fleet: &Fleet, (kind, namespace, name): (&str, &str, &str)) -> bool {
    let found = fleet.world.get(kind, namespace, name).await.unwrap();
    found.is_some_and(|object| !is_going(&object))
}

fn is_going(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_git_leaves_aws_and_the_rest_goes_in_the_documented_order() {
    let fleet = Fleet::ready(|_| {}).await;
    assert_eq!(roles(&fleet), 1);
    let bindings = fleet.read(BINDINGS_FILE);

    // A binding whose file is gone.
    fleet.write(BINDINGS_FILE, &bindings.replace("  - checkout.yaml\n", ""));
    fleet.push("irsa-bindings").await;
    fleet.world.wait_until_gone(BINDING).await.unwrap();
    assert_eq!(roles(&fleet), 0);
    fleet.done("irsa-bindings").await;
    assert!(exists(&fleet, ("namespace", "default", "shop")).await);

    // And back, so that there is something to wait for.
    fleet.write(BINDINGS_FILE, &bindings);
    fleet.push("irsa-bindings").await;
    fleet.world.binding_ready(BINDING.1, BINDING.2).await.unwrap();
    fleet.done("irsa-bindings").await;
    assert_eq!(roles(&fleet), 1);

    // And the rest, in the documented order.
    fleet.run(&documented("delete application irsa-anywhere")).await;
    assert_eq!((roles(&fleet), providers(&fleet), published(&fleet)), (0, 0, 0));
    let left = fleet
        .world
        .kubectl(&["get", APPLICATIONS, "-A", "-o", "name"])
        .await
        .unwrap();
    assert_eq!(left, "");
    assert!(!exists(&fleet, OPERATOR).await);
    assert!(exists(&fleet, ("namespace", "default", "shop")).await);
    // The federation did not go with its Application: somebody took it away.
    let deleted = (
        deletions(&fleet, "iamrolebindings").await.len(),
        deletions(&fleet, "oidcfederations").await.len(),
    );
    assert!(deleted.0 >= 2 && deleted.1 == 0, "{deleted:?}");
    for kind in KINDS {
        assert!(!exists(&fleet, ("customresourcedefinition", "default", kind)).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_with_all_that_it_made_goes_wave_by_wave() {
    // Who wants it so: the finalizer at each Application, and no annotation that keeps the federation.
    let fleet = Fleet::ready(|fleet| {
        let applications = STEPS.map(|step| format!("argocd/applications/{step}.yaml"));
        for path in applications.into_iter().chain(["argocd/root.yaml".to_owned()]) {
            let finalizers = format!("\n  namespace: argocd\n  finalizers: [{FINALIZER}]\n");
            fleet.edit(&path, "\n  namespace: argocd\n", &finalizers);
        }
        let kept = "    argocd.argoproj.io/sync-options: Prune=false,Delete=false\n";
        fleet.edit("irsa/federation/oidcfederation.yaml", kept, "");
    })
    .await;
    assert_eq!((roles(&fleet), providers(&fleet), published(&fleet)), (1, 1, 2));

    // AWS refuses the deletion of the role for a while: everything before it waits.
    let denied = Fault::ErrorBefore(AwsError::new(403, "AccessDenied", "not now"));
    fleet
        .world
        .aws
        .add_fault(FaultRule::new("iam:DeleteRole", 1_000_000, denied));
    let delete = ["delete", APPLICATIONS, ROOT, "-n", "argocd", "--wait=false"];
    fleet.world.kubectl(&delete).await.unwrap();
    fleet.world.wait_for("its deletion", BINDING, is_going).await.unwrap();
    for _ in 0..15 {
        assert!(exists(&fleet, FEDERATION).await);
        assert!(exists(&fleet, OPERATOR).await);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!((roles(&fleet), providers(&fleet)), (1, 1));
    fleet.world.aws.clear_faults();
    let again = "irsa-anywhere.dev/reconcile-requested-at=again";
    let (kind, namespace, name) = BINDING;
    fleet
        .world
        .kubectl(&["annotate", kind, name, "-n", namespace, again])
        .await
        .unwrap();

    fleet
        .world
        .wait_until_gone((APPLICATIONS, "argocd", ROOT))
        .await
        .unwrap();
    assert_eq!((roles(&fleet), providers(&fleet), published(&fleet)), (0, 0, 0));
    let (bindings, federations) = (
        deletions(&fleet, "iamrolebindings").await,
        deletions(&fleet, "oidcfederations").await,
    );
    let (last, first) = (*bindings.last().unwrap(), *federations.first().unwrap());
    assert!(last < first, "{bindings:?} {federations:?}");
    assert!(!exists(&fleet, OPERATOR).await);
    // The kinds stay, and so does the namespace of the team.
    for kind in KINDS {
        assert!(exists(&fleet, ("customresourcedefinition", "default", kind)).await);
    }
    assert!(exists(&fleet, ("namespace", "default", "shop")).await);
}

/// When Argo CD deleted objects of a kind.
async fn deletions(fleet: &Fleet, resource: &str) -> Vec<Timestamp> {
    let log = fleet.world.cluster.audit().await.unwrap();
    let of_kind = |entry: &AuditEntry| entry.resource == resource && entry.verb == "delete";
    let deletions = log.by_user(USER).filter(of_kind);
    deletions.entries().iter().map(|entry| entry.at).collect()
}
