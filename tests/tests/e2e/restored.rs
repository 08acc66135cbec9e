//! A backup of another cluster is restored into this one.

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{ACCOUNT, World, objects::says, pods::variable};
use serde_json::{Value, json};

const ACCOUNT_APP: (&str, &str, &str) = ("serviceaccount", "default", "app");
const THEIRS: &str = "arn:aws:iam::123456789012:role/irsa/0a1b2c3d/irsa-0a1b2c3d-team.app";

/// A ServiceAccount as a restore tool writes it: as its own field manager, with what the backup says.
async fn restore(world: &World, name: &str) {
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {
            "name": name, "labels": {"irsa-anywhere.dev/inject": "true"},
            "annotations": {
                "eks.amazonaws.com/role-arn": THEIRS, "eks.amazonaws.com/audience": "sts.amazonaws.com",
                "irsa-anywhere.dev/confirmed-for": "5e1f2b7c-3d4a-4c5b-8e6f-7a8b9c0d1e2f",
            },
        },
    });
    let path = "/api/v1/namespaces/default/serviceaccounts?fieldManager=velero-server";
    let reply = world.cluster.client().unwrap().post(path, &account).await.unwrap();
    assert!(reply.is_success(), "{}", reply.message());
}

fn bind(names: &[&str], mode: &str) -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": names[0], "namespace": "default"},
        "spec": {
            "serviceAccounts": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
            "serviceAccountMode": mode,
        },
    })
}

async fn apply(world: &World, objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), list.to_string()).unwrap();
    world.cluster.apply_file(file.path(), false).await.unwrap();
}

#[tokio::test]
async fn a_restored_account_gives_pods_nothing_until_its_binding_has_taken_it_over_and_is_clean_after_it() {
    let world = World::with_samples(SigningKey::generate_rsa().unwrap()).await.unwrap();
    restore(&world, "web").await;
    apply(&world, &[bind(&["created"], "Create")]).await;
    world.binding_ready("default", "created").await.unwrap();
    world.pod_identity("default", "created").await.unwrap();
    let pod = world.create_pod("default", "web").await.unwrap();
    assert_eq!(variable(&pod, "AWS_ROLE_ARN"), None, "{pod:#}");

    apply(&world, &[bind(&["web"], "Annotate")]).await;
    let bound = world.binding_ready("default", "web").await.unwrap();
    let confirmed = |account: &Value| {
        let annotations = &account["metadata"]["annotations"];
        annotations["irsa-anywhere.dev/confirmed-for"] == account["metadata"]["uid"]
            && annotations["eks.amazonaws.com/role-arn"] == bound["status"]["roleArn"]
    };
    let account = ("serviceaccount", "default", "web");
    world.wait_for("this cluster's role", account, confirmed).await.unwrap();
    let identity = world.pod_identity("default", "web").await.unwrap();
    world.assume(&identity.role_arn, &identity.token).await.unwrap();

    world
        .kubectl(&["delete", "iamrolebinding", "web", "created", "-n", "default"])
        .await
        .unwrap();
    let account = world.get("serviceaccount", "default", "web").await.unwrap().unwrap();
    let metadata = &account["metadata"];
    assert_eq!(metadata["annotations"], Value::Null, "{account:#}");
    assert_eq!(metadata["labels"], Value::Null, "{account:#}");
    assert!(
        world
            .get("serviceaccount", "default", "created")
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(world.aws.account(ACCOUNT).role_names().len(), 1);
}

#[tokio::test]
async fn an_empty_role_is_no_conflict_and_a_hand_set_one_is() {
    let world = World::with_samples(SigningKey::generate_rsa().unwrap()).await.unwrap();
    let (kind, namespace, name) = ACCOUNT_APP;
    for (role, reason) in [
        ("", "Succeeded"),
        ("arn:aws:iam::123456789012:role/by-hand", "AnnotationConflict"),
    ] {
        let annotation = format!("eks.amazonaws.com/role-arn={role}");
        world
            .kubectl(&["annotate", "--overwrite", kind, name, "-n", namespace, &annotation])
            .await
            .unwrap();
        let settled = |binding: &Value| says(binding, "Ready", reason);
        world
            .wait_for(reason, ("iamrolebinding", "default", "app"), settled)
            .await
            .unwrap();
        let annotated = |account: &Value| {
            let present = account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].as_str();
            present.is_some_and(|present| !present.is_empty() && (role.is_empty() || present == role))
        };
        world.wait_for("the role", ACCOUNT_APP, annotated).await.unwrap();
    }
}
