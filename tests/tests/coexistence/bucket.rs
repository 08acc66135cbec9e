//! A bucket that the operator makes.

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{ISSUER, ISSUER_BUCKET, REGION, World, objects::says};
use serde_json::json;

use super::{FEDERATION, account_app, allow, apply, binding, federation};

#[tokio::test]
async fn a_bucket_is_made_opened_published_to_and_removed_again() {
    let mut world = World::start_signing_with(SigningKey::generate_rsa().unwrap())
        .await
        .unwrap();
    assert!(world.aws.s3(|s3| s3.remove_bucket_directly(ISSUER_BUCKET)).is_some());
    world.start_operator().await.unwrap();
    let spec = json!({"publish": {"s3": {"bucket": ISSUER_BUCKET, "region": REGION, "create": true}}});
    let policies = json!({"policies": {"managed": ["AmazonS3ReadOnlyAccess"]}});
    apply(&world, &[federation(ISSUER, &spec), account_app(), binding(&policies)]).await;
    let refused = |federation: &serde_json::Value| {
        says(federation, "Ready", "AccessDenied") && federation.to_string().contains("s3:CreateBucket")
    };
    world
        .wait_for("the missing permission to be named", FEDERATION, refused)
        .await
        .unwrap();

    let bucket = format!("arn:aws:s3:::{ISSUER_BUCKET}");
    allow(
        &world,
        &["s3:CreateBucket", "s3:DeleteBucket", "s3:PutBucketPublicAccessBlock"],
        &bucket,
    );
    world.federation_ready("default").await.unwrap();
    world.binding_ready("default", "app").await.unwrap();
    let pod = world.pod_identity("default", "app").await.unwrap();
    world.assume(&pod.role_arn, &pod.token).await.unwrap();
    let mark = world.mark().await.unwrap();
    world.request_pass(&[FEDERATION], "unchanged").await.unwrap();
    assert!(world.counts_since(&mark).await.unwrap().aws_writes.is_empty());

    for (kind, name) in [("iamrolebinding", "app"), ("oidcfederation", "default")] {
        world.kubectl(&["delete", kind, name, "--timeout=60s"]).await.unwrap();
    }
    assert!(world.aws.s3(|s3| s3.bucket(ISSUER_BUCKET).is_none()), "empty, and ours");
}
