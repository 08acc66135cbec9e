//! Ten things that people break, each by hand.

use std::time::Duration;

use irsa_testkit::aws::s3::PublicAccessBlock;
use irsa_tests::world::{ACCOUNT, ISSUER, ISSUER_BUCKET, objects::is_ready};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{Scene, name};

const JWKS_KEY: &str = "clusters/demo/openid/v1/jwks";

fn provider_arn() -> String {
    format!(
        "arn:aws:iam::{ACCOUNT}:oidc-provider/{}",
        ISSUER.trim_start_matches("https://")
    )
}

async fn create(scene: &Scene, pod: &Value) -> String {
    let reply = scene
        .world
        .cluster
        .client()
        .unwrap()
        .post("/api/v1/namespaces/default/pods", pod)
        .await
        .unwrap();
    assert!(reply.is_success(), "{}", reply.message());
    name(&reply.body)
}

fn pod(account: &str, env: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "broken-"},
        "spec": {"serviceAccountName": account, "containers": [{"name": "app", "image": "app", "env": env}]},
    })
}

#[tokio::test]
async fn ten_breakages_are_each_named_first() {
    let mut scene = Scene::start().await;
    let late = pod_older_than_its_binding(&scene).await;
    scene.world.stop_operator().await.unwrap();
    scene.is_well().await;

    let (cause, message) = scene.cause_in_words(&late).await;
    assert_eq!(cause, "pod-injected");
    assert!(message.contains("The pod is older than"), "{message}");
    of_pods(&scene).await;
    of_aws(&scene).await;
    of_documents(&scene).await;
    scene.is_well().await;
    of_the_clock(&scene).await;
    of_the_issuer(&mut scene).await;
}

/// A pod that was there before its ServiceAccount was bound.
async fn pod_older_than_its_binding(scene: &Scene) -> String {
    scene
        .world
        .cluster
        .ensure_service_account("default", "late")
        .await
        .unwrap();
    let pod = create(scene, &pod("late", &json!([]))).await;
    // The API server tells times in seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let binding = json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding", "metadata": {"name": "late", "namespace": "default"},
        "spec": {"serviceAccounts": [{"name": "late"}]},
    });
    scene.world.cluster.apply_yaml(&binding.to_string()).await.unwrap();
    scene
        .world
        .wait_for("Ready", ("iamrolebinding", "default", "late"), is_ready)
        .await
        .unwrap();
    pod
}

async fn of_pods(scene: &Scene) {
    let mut opted_out = pod("app", &json!([]));
    opted_out["metadata"]["labels"] = json!({"eks.amazonaws.com/skip-pod-identity-webhook": "true"});
    let opted_out = create(scene, &opted_out).await;
    let (cause, message) = scene.cause_in_words(&opted_out).await;
    assert_eq!(cause, "pod-injected");
    assert!(message.contains("skip-pod-identity-webhook"), "{message}");

    let own = json!([{"name": "AWS_ACCESS_KEY_ID", "value": "AKIAIOSFODNN7EXAMPLE"}, {"name": "AWS_SECRET_ACCESS_KEY", "value": "x"}]);
    let own = create(scene, &pod("app", &own)).await;
    assert_eq!(scene.cause(&own).await, "own-credentials");

    let own = json!([{"name": "AWS_ROLE_ARN", "value": "arn:aws:iam::123456789012:role/of-a-chart"}]);
    let own = create(scene, &pod("app", &own)).await;
    let (cause, message) = scene.cause_in_words(&own).await;
    assert!(
        cause == "pod-injected" && message.contains("app sets AWS_ROLE_ARN itself"),
        "{cause}: {message}"
    );

    let stranger = create(scene, &pod("default", &json!([]))).await;
    assert_eq!(scene.cause(&stranger).await, "bound");
}

async fn of_aws(scene: &Scene) {
    let iam = scene.iam().await;
    let arn = provider_arn();
    let kept = iam
        .get_open_id_connect_provider()
        .open_id_connect_provider_arn(&arn)
        .send()
        .await
        .unwrap();

    iam.remove_client_id_from_open_id_connect_provider()
        .open_id_connect_provider_arn(&arn)
        .client_id("sts.amazonaws.com")
        .send()
        .await
        .unwrap();
    assert_eq!(scene.cause(&scene.pod).await, "client-id");

    iam.delete_open_id_connect_provider()
        .open_id_connect_provider_arn(&arn)
        .send()
        .await
        .unwrap();
    assert_eq!(scene.cause(&scene.pod).await, "provider-registered");
    iam.create_open_id_connect_provider()
        .url(ISSUER)
        .client_id_list("sts.amazonaws.com")
        .set_thumbprint_list(Some(kept.thumbprint_list().to_vec()))
        .send()
        .await
        .unwrap();

    let (role, trust) = scene.trust("app").await;
    let edited = trust.replace(
        "system:serviceaccount:default:app",
        "system:serviceaccount:default:other",
    );
    assert_ne!(edited, trust);
    for (document, cause) in [(&edited, Some("trust-subject")), (&trust, None)] {
        iam.update_assume_role_policy()
            .role_name(&role)
            .policy_document(document)
            .send()
            .await
            .unwrap();
        if let Some(cause) = cause {
            assert_eq!(scene.cause(&scene.pod).await, cause);
        }
    }
}

async fn of_documents(scene: &Scene) {
    let aws = &scene.world.aws;
    let block = |block| {
        aws.s3(|s3| s3.edit_bucket(ISSUER_BUCKET, |bucket| bucket.public_access_block = Some(block)))
            .unwrap();
    };
    block(PublicAccessBlock::ALL);
    assert_eq!(scene.cause(&scene.pod).await, "discovery-readable");
    block(PublicAccessBlock::ACLS_ONLY);

    let kept = aws.s3(|s3| s3.object(ISSUER_BUCKET, JWKS_KEY).cloned()).unwrap();
    let other = irsa_testkit::controlplane::SigningKey::generate_ec_p256().unwrap();
    let without = json!({"keys": [other.jwk().unwrap()]}).to_string();
    assert!(aws.put_object(ISSUER_BUCKET, JWKS_KEY, without));
    assert_eq!(scene.cause(&scene.pod).await, "key-published");
    assert!(aws.s3(|s3| s3.put_object_directly(ISSUER_BUCKET, JWKS_KEY, kept)));
}

/// AWS's clock stays an hour behind ours: a new token has not begun for it. The other way round a token of a day is good for 23 hours.
async fn of_the_clock(scene: &Scene) {
    let hour = SignedDuration::from_hours(1);
    scene.world.aws.clock().advance(-hour);
    assert_eq!(scene.cause(&scene.pod).await, "clock-ahead");
    scene.world.aws.clock().advance(hour * 2);
    let (diagnosis, code) = scene.doctor(&["pod", &scene.pod]).await;
    let failing: Vec<&Value> = diagnosis["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["result"] == "Fail")
        .collect();
    assert_eq!(
        (failing.len(), &failing[0]["check"]),
        (1, &Value::from("clock-behind")),
        "{failing:#?}"
    );
    assert!(code == 0 && diagnosis["sts"]["accepted"].is_string(), "{diagnosis:#}");
    scene.world.aws.clock().advance(-hour);
    scene.is_well().await;
}

/// The API server is started with another `--service-account-issuer`.
async fn of_the_issuer(scene: &mut Scene) {
    let issuers = ["https://kubernetes.default.svc.cluster.local", ISSUER];
    scene.world.cluster.restart_with_issuers(0, &issuers).await.unwrap();
    assert_eq!(scene.cause(&scene.pod.clone()).await, "api-server-issuer");
}
