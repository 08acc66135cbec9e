//! What is retained works on, and is taken up again by an object of the same name.

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{ACCOUNT, ISSUER, World};
use serde_json::json;

use super::{BINDING, FEDERATION, account_app, apply, binding, federation, patch};

#[tokio::test]
async fn what_was_retained_is_taken_up_by_an_object_of_the_same_name() {
    let mut world = World::start_signing_with(SigningKey::generate_rsa().unwrap())
        .await
        .unwrap();
    world.start_operator().await.unwrap();
    let spec = json!({"policies": {"managed": ["AmazonS3ReadOnlyAccess"]}, "deletionPolicy": "Retain"});
    let rules = json!({
        "bindings": {"allowedNamespaces": {"from": "All"}, "allowedManagedPolicies": ["AmazonS3ReadOnlyAccess"], "allowRetain": true},
        "deletionPolicy": "Retain",
    });
    let all = [federation(ISSUER, &rules), account_app(), binding(&spec)];
    apply(&world, &all).await;
    world.federation_ready("default").await.unwrap();
    let made = world.binding_ready("default", "app").await.unwrap();
    let pod = world.pod_identity("default", "app").await.unwrap();

    for (kind, name) in [("iamrolebinding", "app"), ("oidcfederation", "default")] {
        // What was made a moment ago is let go once IAM must show it.
        world.kubectl(&["delete", kind, name, "--timeout=120s"]).await.unwrap();
    }
    world.assume(&pod.role_arn, &pod.token).await.unwrap();

    let mark = world.mark().await.unwrap();
    apply(&world, &all).await;
    world.federation_ready("default").await.unwrap();
    let again = world.binding_ready("default", "app").await.unwrap();
    assert_eq!(again["status"]["roleId"], made["status"]["roleId"]);
    assert_ne!(again["metadata"]["uid"], made["metadata"]["uid"]);
    let writes = world.counts_since(&mark).await.unwrap().aws_writes;
    let tags: Vec<&String> = writes.keys().collect();
    assert_eq!(
        tags,
        ["iam:TagOpenIDConnectProvider", "iam:TagRole"],
        "the new uid, and nothing else"
    );

    for object in [BINDING, FEDERATION] {
        patch(&world, object, &json!({"spec": {"deletionPolicy": "Delete"}})).await;
        world
            .kubectl(&["delete", object.0, object.2, "--timeout=60s"])
            .await
            .unwrap();
    }
    let account = world.aws.account(ACCOUNT);
    assert!(account.provider_arns().is_empty() && account.role_names().is_empty());
}
