//! `spec.serviceAccountTemplate` on a real API server: a cluster's rule is met, drift is repaired, and nothing of anybody else's
//! is overwritten.

use irsa_tests::world::{World, objects::condition, objects::says};
use serde_json::{Value, json};

use crate::admission::{AUTOMOUNT, apply, in_force, policy, rule};

fn binding(namespace: &str, template: &Value) -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": "made", "namespace": namespace},
        "spec": {
            "serviceAccounts": [{"name": "made"}], "serviceAccountMode": "Create", "serviceAccountTemplate": template,
        },
    })
}

fn template() -> Value {
    json!({
        "labels": {"team": "payments"}, "annotations": {"example.com/owner": "Payments, room 5"},
        "automountServiceAccountToken": false,
    })
}

fn carries_it(account: &Value) -> bool {
    let metadata = &account["metadata"];
    metadata["labels"]["team"] == "payments"
        && metadata["annotations"]["example.com/owner"] == "Payments, room 5"
        && account["automountServiceAccountToken"] == false
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_template_a_cluster_that_forbids_automounting_gets_its_service_account_and_pods_their_token() {
    let mut world = World::start().await.unwrap();
    world.start_operator().await.unwrap();
    world.apply_samples().await.unwrap();
    apply(
        &world,
        &[json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "strict"}})],
    )
    .await;
    let accounts = rule("", "v1", "serviceaccounts");
    apply(
        &world,
        &policy("no-automount", Some("strict"), &accounts, AUTOMOUNT, None),
    )
    .await;
    in_force(&world, "strict").await;
    apply(&world, &[binding("strict", &json!({"labels": {"team": "payments"}}))]).await;
    let object = ("iamrolebinding", "strict", "made");
    let denied = |object: &Value| says(object, "ServiceAccountsSynced", "AdmissionDenied");
    let refused = world.wait_for("the rule", object, denied).await.unwrap();
    let message = condition(&refused, "Reconciling").unwrap()["message"].as_str().unwrap();
    assert!(message.contains("spec.serviceAccountTemplate"), "{message}");

    apply(&world, &[binding("strict", &template())]).await;
    world.binding_ready("strict", "made").await.unwrap();
    let account = world.get("serviceaccount", "strict", "made").await.unwrap().unwrap();
    assert!(carries_it(&account), "{account:#}");
    let identity = world.pod_identity("strict", "made").await.unwrap();
    world.assume(&identity.role_arn, &identity.token).await.unwrap();

    world.request_pass(&[object], "settled").await.unwrap();
    let mark = world.mark().await.unwrap();
    world.request_pass(&[object], "again").await.unwrap();
    let counts = world.counts_since(&mark).await.unwrap();
    assert!(counts.aws_writes.is_empty(), "{counts:#?}");
    let echo = [("patch iamrolebindings/status".to_owned(), 1)];
    assert_eq!(counts.kubernetes_writes, echo.into(), "only the echo");

    world
        .kubectl(&["delete", "iamrolebinding", "made", "-n", "strict"])
        .await
        .unwrap();
    world
        .wait_until_gone(("serviceaccount", "strict", "made"))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_comes_back_what_is_set_otherwise_stays_and_what_is_asked_for_no_more_goes() {
    let mut world = World::start().await.unwrap();
    world.start_operator().await.unwrap();
    world.apply_samples().await.unwrap();
    apply(&world, &[binding("default", &template())]).await;
    world.binding_ready("default", "made").await.unwrap();
    let account = ("serviceaccount", "default", "made");
    let removals = r#"[
        {"op": "remove", "path": "/metadata/labels/team"},
        {"op": "remove", "path": "/metadata/annotations/example.com~1owner"},
        {"op": "remove", "path": "/automountServiceAccountToken"}
    ]"#;
    world
        .kubectl(&["patch", "sa", "made", "-n", "default", "--type=json", "-p", removals])
        .await
        .unwrap();
    world.wait_for("the template again", account, carries_it).await.unwrap();
    let not_mounted = r#"[{"op": "remove", "path": "/automountServiceAccountToken"}]"#;
    world
        .kubectl(&["patch", "sa", "made", "-n", "default", "--type=json", "-p", not_mounted])
        .await
        .unwrap();
    world.wait_for("the field alone", account, carries_it).await.unwrap();

    let label = ["label", "sa", "made", "-n", "default", "--overwrite", "team=billing"];
    world.kubectl(&label).await.unwrap();
    let told = |object: &Value| {
        says(object, "Ready", "AnnotationConflict")
            && condition(object, "Ready").unwrap()["message"]
                .as_str()
                .is_some_and(|message| message.contains("kubectl-label keeps another value of the label team"))
    };
    let object = ("iamrolebinding", "default", "made");
    world.wait_for("the other owner", object, told).await.unwrap();
    let identity = world.pod_identity("default", "made").await.unwrap();
    world.assume(&identity.role_arn, &identity.token).await.unwrap();

    let less = json!({"annotations": {"example.com/owner": "Payments, room 6"}});
    apply(&world, &[binding("default", &less)]).await;
    world.binding_ready("default", "made").await.unwrap();
    let after = world.get(account.0, account.1, account.2).await.unwrap().unwrap();
    assert_eq!(
        after["metadata"]["annotations"]["example.com/owner"],
        "Payments, room 6"
    );
    assert_eq!(
        after["metadata"]["labels"]["team"], "billing",
        "it is somebody else's now"
    );
    assert_eq!(after.get("automountServiceAccountToken"), None, "{after:#}");

    // Somebody else uses it: it stays when the binding goes, without what gives pods a role.
    world
        .kubectl(&["delete", "iamrolebinding", "made", "-n", "default"])
        .await
        .unwrap();
    let left = world.get(account.0, account.1, account.2).await.unwrap().unwrap();
    assert_eq!(left["metadata"]["labels"], json!({"team": "billing"}));
    assert_eq!(
        left["metadata"]["annotations"],
        json!({"example.com/owner": "Payments, room 6"})
    );
}
