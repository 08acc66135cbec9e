//! Somebody's Terraform owns everything in AWS: it is checked, and never written.

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{ACCOUNT, ISSUER, ISSUER_BUCKET, REGION, World, objects::says};
use serde_json::{Value, json};

use super::{BINDING, FEDERATION, account_app, allow, apply, binding, federation, iam, patch, s3};

const ROLE: &str = "terraform-app";

/// Publishes what the API server serves, as a pipeline would.
async fn publish(world: &World) {
    let served = world.cluster.client().unwrap().get("/openid/v1/jwks").await.unwrap();
    let discovery = json!({"issuer": ISSUER, "jwks_uri": format!("{ISSUER}/keys.json"), "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"]});
    let aws = &world.aws;
    let path = "clusters/demo";
    assert!(aws.put_object(ISSUER_BUCKET, &format!("{path}/keys.json"), served.bytes));
    assert!(aws.put_object(
        ISSUER_BUCKET,
        &format!("{path}/.well-known/openid-configuration"),
        discovery.to_string()
    ));
    let open = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": format!("arn:aws:s3:::{ISSUER_BUCKET}/{path}/*")}]});
    let put = s3(world)
        .await
        .put_bucket_policy()
        .bucket(ISSUER_BUCKET)
        .policy(open.to_string());
    put.send().await.unwrap();
}

async fn make_provider_and_role(world: &World) {
    let iam = iam(world).await;
    let provider = iam
        .create_open_id_connect_provider()
        .url(ISSUER)
        .client_id_list("sts.amazonaws.com");
    let arn = provider.send().await.unwrap().open_id_connect_provider_arn.unwrap();
    let issuer = ISSUER.trim_start_matches("https://");
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Federated": arn}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringLike": {format!("{issuer}:sub"): "system:serviceaccount:default:*"},
                      "StringEquals": {format!("{issuer}:aud"): "sts.amazonaws.com"}},
    }]});
    let role = iam
        .create_role()
        .role_name(ROLE)
        .assume_role_policy_document(trust.to_string());
    role.send().await.unwrap();
}

#[tokio::test]
async fn pods_get_a_role_that_terraform_owns_and_nothing_in_aws_is_written() {
    let first = SigningKey::generate_rsa().unwrap();
    let mut world = World::start_signing_with(first.clone()).await.unwrap();
    let role_arn = format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}");
    allow(&world, &["iam:GetRole"], &role_arn);
    let mark = world.mark().await.unwrap();
    world.start_operator().await.unwrap();
    let theirs =
        json!({"publish": {"external": {}}, "provider": {"management": "Existing"}, "aws": {"region": REGION}});
    apply(
        &world,
        &[
            federation(ISSUER, &theirs),
            account_app(),
            binding(&json!({"existingRole": {"arn": role_arn}})),
        ],
    )
    .await;
    let reason = |reason: &'static str| move |object: &Value| says(object, "Ready", reason);
    world
        .wait_for("the documents", FEDERATION, reason("PublicAccessBlocked"))
        .await
        .unwrap();
    publish(&world).await;
    world
        .wait_for("the provider", FEDERATION, reason("ProviderMismatch"))
        .await
        .unwrap();
    make_provider_and_role(&world).await;
    world.request_pass(&[FEDERATION, BINDING], "made").await.unwrap();
    world.federation_ready("default").await.unwrap();
    world.binding_ready("default", "app").await.unwrap();
    let pod = world.pod_identity("default", "app").await.unwrap();
    assert_eq!(pod.role_arn, role_arn);
    world.assume(&role_arn, &pod.token).await.unwrap();

    // The cluster rotates, and the pipeline is late.
    let second = SigningKey::generate_rsa().unwrap();
    world
        .cluster
        .restart_with_keys(second.clone(), [first.public().clone()])
        .await
        .unwrap();
    world.request_pass(&[FEDERATION], "rotated").await.unwrap();
    let late = world
        .wait_for("the new key", FEDERATION, reason("DocumentsMismatch"))
        .await
        .unwrap();
    let message = irsa_tests::world::objects::condition(&late, "Ready").unwrap()["message"].to_string();
    assert!(message.contains(second.key_id()), "{message}");
    publish(&world).await;
    world.request_pass(&[FEDERATION], "published again").await.unwrap();
    world.federation_ready("default").await.unwrap();

    // Somebody narrows the role.
    let closed = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]});
    let update = iam(&world)
        .await
        .update_assume_role_policy()
        .role_name(ROLE)
        .policy_document(closed.to_string());
    update.send().await.unwrap();
    world.request_pass(&[BINDING], "closed").await.unwrap();
    world
        .wait_for("the trust", BINDING, reason("RoleMismatch"))
        .await
        .unwrap();

    patch(&world, FEDERATION, &json!({"spec": {"suspend": false}})).await;
    for (kind, name) in [("iamrolebinding", "app"), ("oidcfederation", "default")] {
        world.kubectl(&["delete", kind, name, "--timeout=60s"]).await.unwrap();
    }
    let counts = world.counts_since(&mark).await.unwrap();
    assert!(counts.aws_writes.is_empty(), "{counts:#?}");
    assert!(iam(&world).await.get_role().role_name(ROLE).send().await.is_ok());
    assert_eq!(world.aws.account(ACCOUNT).provider_arns().len(), 1);
}
