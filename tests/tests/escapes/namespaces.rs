//! Deletions of whole namespaces, federations and CRDs, by the controllers that really do it.

use std::time::Duration;

use irsa_testkit::{
    aws::{AwsError, Fault, FaultRule, Service},
    controlplane::SigningKey,
};
use irsa_tests::world::{ACCOUNT, World, http_get, objects::says};
use serde_json::{Value, json};

use crate::{
    objects::federation,
    stage::{FEDERATION, Tenant, create, prepare_account},
};

const FORCE: &str = "irsa-anywhere.dev/force-delete=";
/// Roles in the account that are nobody's here.
const FOREIGN: usize = 2;

async fn managed() -> World {
    let key = SigningKey::generate_ec_p256().unwrap();
    let mut world = World::start_with_controller_manager(key).await.unwrap();
    prepare_account(&world).await;
    world.start_operator().await.unwrap();
    create(&world, &federation(&json!({}))).await;
    world.federation_ready("default").await.unwrap();
    world
}

async fn bound<'a>(world: &'a World, namespace: &str) -> Tenant<'a> {
    let tenant = Tenant::settle(world, namespace, &[]).await;
    tenant.bind("app", &json!({})).await.unwrap();
    tenant.ready("app").await;
    tenant
}

async fn delete_namespace(world: &World, name: &str) {
    world
        .kubectl(&["delete", "namespace", name, "--wait=false"])
        .await
        .unwrap();
}

async fn namespace_is_gone(world: &World, name: &str) {
    world.wait_until_gone(("namespace", "", name)).await.unwrap();
}

/// Waits until the binding says why it cannot go.
async fn waits(tenant: &Tenant<'_>, reason: &str) -> Value {
    let waits =
        |object: &Value| object["metadata"]["deletionTimestamp"].is_string() && says(object, "Reconciling", reason);
    let what = format!("the deletion to wait for {reason}");
    tenant.world.wait_for(&what, tenant.key("app"), waits).await.unwrap()
}

fn broken(world: &World, fault: Fault) {
    world.aws.add_fault(FaultRule::new("iam:*", 1_000_000, fault.clone()));
    world.aws.add_fault(FaultRule::new("sts:*", 1_000_000, fault));
}

fn roles(world: &World) -> usize {
    world.aws.account(ACCOUNT).role_names().len() - FOREIGN
}

/// Notes of the events of this reason about the federation of this name.
async fn recorded(world: &World, reason: &str) -> Vec<String> {
    let events = world
        .kubectl(&["get", "events.events.k8s.io", "-n", "default", "-o", "json"])
        .await;
    let events: Value = serde_json::from_str(&events.unwrap()).unwrap();
    let about = |event: &&Value| {
        event["reason"] == reason
            && event["regarding"]["kind"] == "OidcFederation"
            && event["regarding"]["name"] == "default"
    };
    let found = events["items"].as_array().unwrap().iter().filter(about);
    found
        .filter_map(|event| event["note"].as_str())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_namespace_goes_with_everything_in_it_whatever_its_bindings_say() {
    let world = managed().await;
    let tenant = bound(&world, "whole").await;
    let made = json!({"serviceAccounts": [{"name": "made"}], "serviceAccountMode": "Create"});
    tenant.bind("made", &made).await.unwrap();
    tenant.ready("made").await;
    let invalid = json!({"serviceAccounts": [{"name": "tenant"}]});
    tenant.bind("invalid", &invalid).await.unwrap();
    tenant.ready("invalid").await;
    let mut deep = json!(1);
    for _ in 0..400 {
        deep = json!({"a": deep});
    }
    let broken = json!({"spec": {"audiences": ["$x"], "policies": {"inline": [{"name": "p", "document": deep}]}}});
    tenant.edit("invalid", &broken).await.unwrap();
    tenant.edit("app", &json!({"spec": {"suspend": true}})).await.unwrap();
    assert_eq!(roles(&world), 3);
    delete_namespace(&world, "whole").await;
    namespace_is_gone(&world, "whole").await;
    assert_eq!(roles(&world), 0);
    assert_eq!(recorded(&world, "Abandoned").await, Vec::<String>::new());

    // Another team gets the name: nothing of the first one's is there, and nothing of theirs is taken for it.
    let other = Tenant::settle(&world, "whole", &[]).await;
    assert!(other.roles().await.is_empty());
    other.bind("app", &json!({})).await.unwrap();
    other.ready("app").await;
    let role = other.role("app").await.unwrap();
    assert!(other.assume(&role.arn, "app").await.is_ok());
}

#[tokio::test]
async fn the_old_tokens_of_a_namespace_open_nothing_in_the_new_one_of_the_same_name() {
    let world = managed().await;
    let tenant = bound(&world, "again").await;
    let (old, token) = (tenant.role("app").await.unwrap(), tenant.token("app").await);
    delete_namespace(&world, "again").await;
    namespace_is_gone(&world, "again").await;
    assert_eq!(world.assume(&old.arn, &token).await, Err("AccessDenied".to_owned()));
    let other = Tenant::settle(&world, "again", &[]).await;
    other
        .bind("app", &json!({"serviceAccounts": [{"name": "tenant"}]}))
        .await
        .unwrap();
    other.ready("app").await;
    let new = other.role("app").await.unwrap();
    assert_ne!(
        new.id, old.id,
        "whatever names the old role by its id does not mean the new one"
    );
    assert_eq!(world.assume(&new.arn, &token).await, Err("AccessDenied".to_owned()));
}

#[tokio::test]
async fn a_namespace_waits_while_aws_refuses_says_why_and_goes_by_force_with_a_record() {
    let world = managed().await;
    let tenant = bound(&world, "refused").await;
    broken(
        &world,
        Fault::ErrorBefore(AwsError::new(403, "AccessDenied", "no identity-based policy allows it")),
    );
    delete_namespace(&world, "refused").await;
    let waiting = waits(&tenant, "AccessDenied").await;
    let message = waiting["status"].to_string();
    assert!(
        message.contains("iam:GetRole") && message.contains("IAM policy"),
        "{message}"
    );
    let told = |namespace: &Value| namespace["status"].to_string().contains("irsa-anywhere.dev/binding");
    world
        .wait_for(
            "the namespace to name the finalizer",
            ("namespace", "", "refused"),
            told,
        )
        .await
        .unwrap();
    // Nothing new begins in it.
    let refusal = world
        .cluster
        .client()
        .unwrap()
        .post(
            &crate::objects::api("iamrolebindings", Some("refused"), ""),
            &json!({"apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding", "metadata": {"name": "late"},
                    "spec": {"serviceAccounts": [{"name": "app"}]}}),
        )
        .await
        .unwrap();
    assert!(refusal.message().contains("being terminated"), "{}", refusal.message());

    world
        .kubectl(&["annotate", "iamrolebinding", "app", "-n", "refused", FORCE])
        .await
        .unwrap();
    namespace_is_gone(&world, "refused").await;
    assert_eq!(roles(&world), 1, "what AWS did not let go");
    let notes = recorded(&world, "Abandoned").await;
    assert!(
        notes
            .iter()
            .any(|note| note.contains("refused/app") && note.contains("irsa-")),
        "{notes:?}"
    );
    let (_, metrics) = http_get(world.operator().unwrap().probes(), "/metrics").unwrap();
    assert!(
        metrics.contains(r#"irsa_anywhere_abandoned_total{kind="binding"} 1"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_namespace_goes_by_itself_once_aws_works_again() {
    let world = managed().await;
    let credentials = AwsError::new(
        403,
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    );
    for (name, fault) in [
        ("wrong-key", Some(Fault::ErrorBefore(credentials))),
        ("hung", Some(Fault::Hang)),
        ("away", None),
    ] {
        let tenant = bound(&world, name).await;
        if let Some(fault) = fault {
            broken(&world, fault);
        } else {
            world.aws.stop(Service::Iam);
            world.aws.stop(Service::Sts);
        }
        delete_namespace(&world, name).await;
        waits(&tenant, "AwsUnavailable").await;
        assert_eq!(roles(&world), 1);
        world.aws.clear_faults();
        world.aws.start(Service::Iam);
        world.aws.start(Service::Sts);
        namespace_is_gone(&world, name).await;
        assert_eq!(roles(&world), 0, "{name}");
    }
}

#[tokio::test]
async fn a_hung_endpoint_does_not_hold_a_namespace_for_ever() {
    let world = managed().await;
    let _tenant = bound(&world, "for-ever").await;
    broken(&world, Fault::Hang);
    delete_namespace(&world, "for-ever").await;
    world
        .kubectl(&["annotate", "iamrolebinding", "app", "-n", "for-ever", FORCE])
        .await
        .unwrap();
    // Force counts after five minutes against what may pass by itself.
    for _ in 0..600 {
        if world.get("namespace", "", "for-ever").await.unwrap().is_none() {
            let notes = recorded(&world, "Abandoned").await;
            assert!(notes.iter().any(|note| note.contains("for-ever/app")), "{notes:?}");
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("{}", world.operator().unwrap().log_tail());
}

/// Takes the federation away without anything that it waits for.
async fn lose_federation(world: &World) {
    world
        .kubectl(&["delete", "oidcfederation", "default", "--wait=false"])
        .await
        .unwrap();
    let none = r#"{"metadata":{"finalizers":null}}"#;
    world
        .kubectl(&["patch", "oidcfederation", "default", "--type=merge", "-p", none])
        .await
        .unwrap();
    world.wait_until_gone(FEDERATION).await.unwrap();
}

#[tokio::test]
async fn a_namespace_whose_federation_is_gone_waits_for_it_or_goes_by_force() {
    let world = managed().await;
    let (waiting, forced) = (bound(&world, "waiting").await, bound(&world, "forced").await);
    lose_federation(&world).await;
    for tenant in [&waiting, &forced] {
        delete_namespace(&world, &tenant.namespace).await;
        // That the federation is not there was also said before the deletion, with other advice.
        let advised = |object: &Value| {
            let message = object["status"].to_string();
            says(object, "Reconciling", "FederationNotFound")
                && message.contains("force-delete")
                && message.contains("create the federation again")
        };
        let what = "the deletion to say what to do without the federation";
        world.wait_for(what, tenant.key("app"), advised).await.unwrap();
    }
    world
        .kubectl(&["annotate", "iamrolebinding", "app", "-n", "forced", FORCE])
        .await
        .unwrap();
    namespace_is_gone(&world, "forced").await;
    let notes = recorded(&world, "Abandoned").await;
    assert!(notes.iter().any(|note| note.contains("forced/app")), "{notes:?}");
    assert_eq!(roles(&world), 2);

    create(&world, &federation(&json!({}))).await;
    namespace_is_gone(&world, "waiting").await;
    assert_eq!(roles(&world), 1, "the one that was left by force");
}

#[tokio::test]
async fn a_federation_waits_for_its_bindings_and_then_goes_provider_first() {
    let world = managed().await;
    let tenant = bound(&world, "last").await;
    world
        .kubectl(&["delete", "oidcfederation", "default", "--wait=false"])
        .await
        .unwrap();
    // Not even force takes it from under its bindings.
    world
        .kubectl(&["annotate", "oidcfederation", "default", FORCE])
        .await
        .unwrap();
    let named =
        |object: &Value| says(object, "Ready", "BindingsRemain") && object["status"].to_string().contains("last/app");
    world.wait_for("to name the binding", FEDERATION, named).await.unwrap();
    let arn = tenant.role("app").await.unwrap().arn;
    assert!(tenant.assume(&arn, "app").await.is_ok(), "and it works until then");
    let mark = world.aws.mark();
    delete_namespace(&world, "last").await;
    namespace_is_gone(&world, "last").await;
    world.wait_until_gone(FEDERATION).await.unwrap();
    let calls = world.aws.since(mark);
    let at = |operation: &str| {
        calls
            .iter()
            .position(|call| call.operation == operation && call.is_effective_write())
    };
    let order = ["iam:DeleteRole", "iam:DeleteOpenIDConnectProvider", "s3:DeleteObject"]
        .map(|operation| at(operation).unwrap());
    assert!(order.is_sorted(), "{order:?}");
    let account = world.aws.account(ACCOUNT);
    assert_eq!((roles(&world), account.provider_arns().len()), (0, 0));
    assert_eq!(recorded(&world, "Abandoned").await, Vec::<String>::new());
}

#[tokio::test]
async fn crds_that_are_deleted_with_objects_in_them_leave_nothing_in_aws() {
    let world = managed().await;
    let _tenant = bound(&world, "crd").await;
    let crds = ["iamrolebindings.irsa-anywhere.dev", "oidcfederations.irsa-anywhere.dev"];
    for crd in crds {
        world
            .kubectl(&["delete", "customresourcedefinition", crd, "--wait=false"])
            .await
            .unwrap();
    }
    for crd in crds {
        world
            .wait_until_gone(("customresourcedefinition", "", crd))
            .await
            .unwrap();
    }
    assert_eq!(
        (roles(&world), world.aws.account(ACCOUNT).provider_arns().len()),
        (0, 0)
    );
}
