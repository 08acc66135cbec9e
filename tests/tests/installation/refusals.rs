//! An organisation's own rules against what the operator writes in Kubernetes, on a real API server: whose rule it is and what it
//! says is in the condition, the whole answer in the log.

use std::time::Duration;

use irsa_tests::world::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, Operator, World, objects::condition};
use serde_json::{Value, json};

use crate::admission::{AUTOMOUNT, SENTENCE, apply, in_force, policy, rule};

fn binding(namespace: &str, name: &str, mode: &str) -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"serviceAccounts": [{"name": name}], "serviceAccountMode": mode},
    })
}

async fn namespace(world: &World, name: &str) {
    let labelled = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "annotate", "namespace": name}});
    apply(world, &[labelled]).await;
    apply(world, &[account]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_on_service_accounts_is_told_by_name_and_in_its_words() {
    let mut world = World::start().await.unwrap();
    world.start_operator().await.unwrap();
    world.apply_samples().await.unwrap();
    for (space, reason) in [("team", None), ("strict", Some("Forbidden"))] {
        namespace(&world, space).await;
        let name = format!("no-automount-{space}");
        apply(
            &world,
            &policy(
                &name,
                Some(space),
                &rule("", "v1", "serviceaccounts"),
                AUTOMOUNT,
                reason,
            ),
        )
        .await;
        in_force(&world, space).await;
        apply(
            &world,
            &[
                binding(space, "annotate", "Annotate"),
                binding(space, "create", "Create"),
            ],
        )
        .await;
        for binding in ["annotate", "create"] {
            let refused = world
                .wait_for("the policy to be told", ("iamrolebinding", space, binding), |object| {
                    condition(object, "ServiceAccountsSynced").is_some_and(|it| it["reason"] == "AdmissionDenied")
                })
                .await
                .unwrap();
            let says = condition(&refused, "Reconciling").unwrap()["message"].as_str().unwrap();
            // Whose rule it is, and its sentence alone: the whole answer has both, too.
            let whose = format!("The cluster's ValidatingAdmissionPolicy {name} does not let");
            for part in [whose, format!("\"{SENTENCE}\"")] {
                assert!(says.contains(&part), "{part} is not in: {says}");
            }
            assert!(!says.contains("ClusterRole"), "{says}");
        }
    }
    let log = world.operator().unwrap().log();
    let told = log
        .lines()
        .any(|line| line.contains("denied request: ServiceAccounts must") && line.contains("error="));
    assert!(told, "the answer itself is not in the log: {log}");
    // Once it is met, the binding comes through by itself.
    let patch = "{\"automountServiceAccountToken\": false}";
    world
        .kubectl(&["patch", "sa", "annotate", "-n", "team", "-p", patch])
        .await
        .unwrap();
    world.binding_ready("team", "annotate").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_on_our_own_kinds_is_told_where_the_status_can_still_be_written_and_in_the_log_else() {
    let mut world = World::start().await.unwrap();
    world.start_operator().await.unwrap();
    world.apply_samples().await.unwrap();
    namespace(&world, "team").await;
    let ours = |resource: &str| rule("irsa-anywhere.dev", "*", resource);
    let no_finalizer = "!has(object.metadata.finalizers)";
    apply(
        &world,
        &policy(
            "no-finalizers",
            Some("team"),
            &ours("iamrolebindings"),
            no_finalizer,
            None,
        ),
    )
    .await;
    let refused = |object: &Value| condition(object, "Ready").is_some_and(|ready| ready["reason"] == "AdmissionDenied");
    // Until it is in force a binding comes through; one of these does not.
    let mut found = None;
    for attempt in 0..20 {
        let name = format!("annotate{attempt}");
        apply(&world, &[binding("team", &name, "None")]).await;
        let looked = tokio::time::timeout(
            Duration::from_secs(4),
            world.wait_for("the policy to be told", ("iamrolebinding", "team", &name), refused),
        );
        if let Ok(Ok(object)) = looked.await {
            found = Some(object);
            break;
        }
    }
    let object = found.expect("the policy was never told");
    let says = condition(&object, "Ready").unwrap()["message"].as_str().unwrap();
    for part in ["ValidatingAdmissionPolicy no-finalizers does", "finalizer", SENTENCE] {
        assert!(says.contains(part), "{part} is not in: {says}");
    }
    world
        .kubectl(&["delete", "validatingadmissionpolicybinding", "no-finalizers"])
        .await
        .unwrap();

    let no_status = "!has(object.status.conditions)";
    apply(
        &world,
        &policy(
            "no-status",
            Some("team"),
            &ours("iamrolebindings/status"),
            no_status,
            None,
        ),
    )
    .await;
    let is_told = || {
        let log = world.operator().map(Operator::log).unwrap_or_default();
        log.lines()
            .any(|line| line.contains("no-status") && line.contains("AdmissionDenied"))
    };
    for attempt in 0..30 {
        if is_told() {
            return;
        }
        apply(&world, &[binding("team", &format!("unsaid{attempt}"), "None")]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!(
        "the log does not tell of the refused status: {}",
        world.operator().unwrap().log_tail()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_says_who_it_is_by_user_agent_and_by_field_manager() {
    let mut world = World::start().await.unwrap();
    world.start_operator().await.unwrap();
    world.apply_samples().await.unwrap();
    world.binding_ready("default", "app").await.unwrap();
    let managers = async |kind: &str, namespace: &str, name: &str| -> Vec<(String, Value)> {
        let object = [
            "get",
            kind,
            name,
            "-n",
            namespace,
            "-o",
            "json",
            "--show-managed-fields",
        ];
        let object: Value = serde_json::from_str(&world.kubectl(&object).await.unwrap()).unwrap();
        let entries = object["metadata"]["managedFields"].as_array().unwrap();
        entries
            .iter()
            .map(|entry| (entry["manager"].as_str().unwrap().to_owned(), entry["fieldsV1"].clone()))
            .collect()
    };
    for (kind, namespace, name, manager) in [
        ("iamrolebinding", "default", "app", "irsa-anywhere"),
        ("iamrolebinding", "default", "app", "irsa-anywhere-status"),
        ("oidcfederation", "default", "default", "irsa-anywhere-status"),
        ("serviceaccount", "default", "app", "irsa-anywhere-serviceaccount"),
        (
            "configmap",
            "irsa-anywhere-system",
            "irsa-anywhere-keys-default",
            "irsa-anywhere",
        ),
    ] {
        let found = managers(kind, namespace, name).await;
        let of_manager = found.iter().find(|(found, _)| found == manager);
        let Some((_, fields)) = of_manager else {
            panic!("{kind}: {found:?}")
        };
        assert!(!found.iter().any(|(found, _)| found == "unknown"), "{kind}: {found:?}");
        // One value: field by field its owner would be a third of what is stored of a binding.
        if manager == "irsa-anywhere-status" {
            assert_eq!(*fields, json!({"f:status": {}}), "{kind}");
        }
    }
    let ours = format!("irsa-anywhere/{} (", env!("CARGO_PKG_VERSION"));
    let user = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}");
    let audit = world.cluster.audit().await.unwrap().by_user(&user);
    assert!(audit.len() > 10, "only {} requests were seen", audit.len());
    for entry in audit.entries() {
        assert!(
            entry.user_agent.starts_with(&ours),
            "{:?} for {}",
            entry.user_agent,
            entry.uri
        );
    }
    let calls = world.aws.requests();
    let by_operator = calls.iter().filter(|call| {
        call.caller
            .as_deref()
            .is_some_and(|arn| arn.ends_with(":user/irsa-anywhere"))
    });
    let mut count = 0;
    for call in by_operator {
        assert!(
            call.user_agent.starts_with(&ours) && call.user_agent.contains("aws-sdk-rust/"),
            "{}: {:?}",
            call.operation,
            call.user_agent
        );
        count += 1;
    }
    assert!(count > 5, "only {count} calls were seen");
    let reads = calls
        .iter()
        .filter(|call| call.anonymous && call.user_agent.starts_with(&ours));
    assert!(reads.count() >= 2, "the anonymous reads do not say who they are");
}
