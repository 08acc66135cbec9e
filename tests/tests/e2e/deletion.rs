//! Deletion, in every order: nothing of ours stays, nothing foreign is touched.

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::{
    admin,
    world::{ACCOUNT, ISSUER_BUCKET, REGION, World, objects::says},
};
use serde_json::{Value, json};

const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");
const BINDING: (&str, &str, &str) = ("iamrolebinding", "default", "app");

async fn delete(world: &World, (kind, namespace, name): (&str, &str, &str)) {
    world
        .kubectl(&["delete", kind, name, "-n", namespace, "--wait=false"])
        .await
        .unwrap();
}

async fn nothing_is_left(world: &World) {
    let account = world.aws.account(ACCOUNT);
    assert!(account.role_names().is_empty(), "{:?}", account.role_names());
    assert!(account.provider_arns().is_empty());
    let config = admin::root(&world.aws, ACCOUNT, REGION).await.unwrap();
    let s3 = aws_sdk_s3::Client::new(&config);
    let objects = s3.list_objects_v2().bucket(ISSUER_BUCKET).send().await.unwrap();
    let keys: Vec<_> = objects.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(keys, ["somebody-elses"]);
    let policy = s3.get_bucket_policy().bucket(ISSUER_BUCKET).send().await.unwrap();
    let policy: Value = serde_json::from_str(policy.policy().unwrap()).unwrap();
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 1);
    assert_eq!(policy["Statement"][0]["Sid"], "SomebodyElses");
}

/// Something of somebody else's in the same bucket.
async fn with_neighbours() -> World {
    let world = World::as_shipped(SigningKey::generate_rsa().unwrap()).await.unwrap();
    assert!(world.aws.put_object(ISSUER_BUCKET, "somebody-elses", "x"));
    let config = admin::root(&world.aws, ACCOUNT, REGION).await.unwrap();
    let s3 = aws_sdk_s3::Client::new(&config);
    let policy = s3.get_bucket_policy().bucket(ISSUER_BUCKET).send().await.unwrap();
    let mut policy: Value = serde_json::from_str(policy.policy().unwrap()).unwrap();
    let theirs = json!({"Sid": "SomebodyElses", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket",
                        "Resource": format!("arn:aws:s3:::{ISSUER_BUCKET}")});
    policy["Statement"].as_array_mut().unwrap().push(theirs);
    s3.put_bucket_policy()
        .bucket(ISSUER_BUCKET)
        .policy(policy.to_string())
        .send()
        .await
        .unwrap();
    world
}

#[tokio::test]
async fn binding_first_leaves_nothing_of_ours_and_everything_of_others() {
    let world = with_neighbours().await;
    delete(&world, BINDING).await;
    world.wait_until_gone(BINDING).await.unwrap();
    assert!(world.aws.account(ACCOUNT).role_names().is_empty());
    delete(&world, FEDERATION).await;
    world.wait_until_gone(FEDERATION).await.unwrap();
    nothing_is_left(&world).await;
}

/// The notes of the federation's events of this reason.
async fn told(world: &World, reason: &str) -> Vec<String> {
    let selector = format!("reason={reason}");
    let listing = [
        "get",
        "events.events.k8s.io",
        "-n",
        "default",
        "-o",
        "json",
        "--field-selector",
    ];
    let listed = world.kubectl(&[&listing[..], &[&selector]].concat()).await.unwrap();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let events = listed["items"].as_array().unwrap().iter();
    let of_federation = events.filter(|event| event["regarding"]["kind"] == "OidcFederation");
    of_federation
        .map(|event| event["note"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn that_a_federation_is_ready_and_that_it_is_not_any_more_is_told_once_each() {
    let world = World::as_shipped(SigningKey::generate_rsa().unwrap()).await.unwrap();
    world.request_pass(&[FEDERATION], "ready").await.unwrap();
    assert_eq!(told(&world, "Ready").await.len(), 1);
    assert_eq!(told(&world, "NotReady").await, Vec::<String>::new());
    delete(&world, FEDERATION).await;
    let waits = |federation: &Value| says(federation, "Ready", "BindingsRemain");
    world.wait_for("to wait", FEDERATION, waits).await.unwrap();
    for value in ["once", "twice"] {
        world.request_pass(&[FEDERATION], value).await.unwrap();
        let told_of = told(&world, "NotReady").await;
        assert_eq!(told_of.len(), 1, "{told_of:?}");
        assert!(told_of[0].starts_with("BindingsRemain: "), "{told_of:?}");
    }
    assert_eq!(told(&world, "Ready").await.len(), 1);
}

#[tokio::test]
async fn federation_first_waits_for_its_bindings_and_says_which() {
    let world = with_neighbours().await;
    delete(&world, FEDERATION).await;
    let waiting = world
        .wait_for("to wait", FEDERATION, |federation| {
            says(federation, "Ready", "BindingsRemain")
        })
        .await
        .unwrap();
    assert!(waiting.to_string().contains("default/app"), "{waiting:#}");
    assert_eq!(
        waiting["status"]["observedGeneration"],
        waiting["metadata"]["generation"]
    );
    assert_eq!(world.aws.account(ACCOUNT).provider_arns().len(), 1);
    delete(&world, BINDING).await;
    world.wait_until_gone(FEDERATION).await.unwrap();
    nothing_is_left(&world).await;
}
