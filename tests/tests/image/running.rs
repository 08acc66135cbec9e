//! That it runs, as the kubelet would run it: nothing around it but what a pod has mounted, and no rights.

use std::{fs, path::Path, time::Duration};

use irsa_core::vocabulary::{EKS_ROLE_ARN, INJECT_LABEL, INJECT_LABEL_MANUAL};
use irsa_testkit::controlplane::{ControlPlane, SigningKey};
use irsa_tests::world::{OPERATOR_NAMESPACE, Webhook, World, objects::says, pods::variable, repository};
use serde_json::json;

use super::{root, unpacked};

/// Sees that this process has a root directory of its own, the image's user and no capability.
fn contained(pid: u32) {
    let of = |file: &str| format!("/proc/{pid}/{file}");
    let its_root = fs::read_link(of("root")).unwrap();
    assert!(
        its_root.starts_with(unpacked()),
        "{} is not of the image",
        its_root.display()
    );
    let status = fs::read_to_string(of("status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    // A user namespace has one user, whom it calls otherwise than this machine does.
    let map = fs::read_to_string(of("uid_map")).unwrap();
    let map: Vec<u64> = map.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let uid = field("Uid:").parse::<u64>().unwrap() - map[1] + map[0];
    assert_eq!(uid, 65532);
    assert_eq!(u64::from_str_radix(&field("CapEff:"), 16).unwrap(), 0);
}

#[tokio::test]
async fn the_operator_of_the_image_makes_a_role_that_a_pod_can_use() {
    let world = World::as_shipped(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    contained(world.operator().unwrap().pid().unwrap());
    let identity = world.pod_identity("default", "app").await.unwrap();
    world.assume(&identity.role_arn, &identity.token).await.unwrap();
}

#[tokio::test]
async fn the_operator_of_the_image_trusts_the_authorities_of_the_image_and_nobody_else() {
    let mut world = World::start_signing_with(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    let samples = repository().join("config/samples");
    world.cluster.apply_file(&samples, true).await.unwrap();
    let federation = ("oidcfederation", "default", "default");

    // Mozilla does not trust the double.
    start_trusting(&mut world, &root().join("etc/ssl/certs/ca-certificates.crt")).await;
    world
        .wait_for("AWS is not trusted", federation, |object| {
            says(object, "Ready", "AwsUnavailable")
        })
        .await
        .unwrap();
    world.stop_operator().await.unwrap();

    let its_own = world.aws.ca_bundle().to_owned();
    start_trusting(&mut world, &its_own).await;
    world.federation_ready("default").await.unwrap();
}

/// Starts the operator from an image that has these authorities.
async fn start_trusting(world: &mut World, authorities: &Path) {
    let variables = [("IRSA_ANYWHERE_IMAGE_ROOTS", authorities.to_str().unwrap())];
    world.start_operator_in(&[], &variables).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_of_the_image_injects_pods() {
    let role = "arn:aws:iam::123456789012:role/app";
    let cluster = ControlPlane::builder().start().await.unwrap();
    cluster.create_namespace(OPERATOR_NAMESPACE).await.unwrap();
    let webhook = repository().join("config/webhook");
    cluster.apply_file(&webhook, true).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let webhook = Webhook::install(&cluster, directory.path()).await.unwrap();
    contained(webhook.process().pid().unwrap());

    let client = cluster.client().unwrap();
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {
            "name": "app", "namespace": "default", "labels": {INJECT_LABEL: INJECT_LABEL_MANUAL}, "annotations": {EKS_ROLE_ARN: role},
        },
    });
    let path = "/api/v1/namespaces/default/serviceaccounts";
    assert!(client.post(path, &account).await.unwrap().is_success());
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "app-"},
        "spec": {"serviceAccountName": "app", "containers": [{"name": "app", "image": "app"}]},
    });
    let mut injected = false;
    for _ in 0..300 {
        let path = "/api/v1/namespaces/default/pods?dryRun=All";
        let reply = client.post(path, &pod).await.unwrap();
        injected = variable(&reply.body, "AWS_ROLE_ARN") == Some(role);
        if injected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(injected, "{}", webhook.process().tail());
}
