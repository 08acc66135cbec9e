//! Several clusters, one account.

use irsa_tests::world::{
    ACCOUNT, ISSUER, ISSUER_BUCKET, World,
    objects::{condition, says},
};
use serde_json::{Value, json};

use super::{BINDING, FEDERATION, account_app, apply, binding, federation, iam, patch, s3};

/// The value of the adoption tag that a message asks for.
pub(super) fn adoption(message: &str) -> String {
    let (_, rest) = message.split_once("irsa-anywhere.dev/adopt=").unwrap();
    rest.chars()
        .take_while(|c| c.is_ascii_hexdigit() || "-/".contains(*c))
        .collect()
}

pub(super) async fn message(world: &World, object: (&str, &str, &str), reason: &str) -> String {
    let waits = world
        .wait_for(reason, object, |object| says(object, "Ready", reason))
        .await
        .unwrap();
    condition(&waits, "Ready").unwrap()["message"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_cluster_that_was_made_anew_takes_over_what_the_old_one_made_as_documented() {
    let mut old = World::with_samples(irsa_testkit::controlplane::SigningKey::generate_rsa().unwrap())
        .await
        .unwrap();
    let old_pod = old.pod_identity("default", "app").await.unwrap();
    old.stop_operator().await.unwrap();
    let role_id = old.get(BINDING.0, BINDING.1, BINDING.2).await.unwrap().unwrap()["status"]["roleId"].clone();

    let mut new = old.start_beside(ISSUER, "irsa-anywhere-new").await.unwrap();
    new.start_operator().await.unwrap();
    let policies = json!({"policies": {"managed": ["AmazonS3ReadOnlyAccess"]}});
    apply(
        &new,
        &[federation(ISSUER, &json!({})), account_app(), binding(&policies)],
    )
    .await;

    // docs/ownership.md, "A cluster that was made anew".
    message(&new, FEDERATION, "BucketShared").await;
    old.assume(&old_pod.role_arn, &old_pod.token).await.unwrap();
    let s3 = s3(&new).await;
    for key in [
        "clusters/demo/.well-known/openid-configuration",
        "clusters/demo/openid/v1/jwks",
    ] {
        s3.delete_object().bucket(ISSUER_BUCKET).key(key).send().await.unwrap();
    }
    new.request_pass(&[FEDERATION], "the documents are gone").await.unwrap();
    let asked = message(&new, FEDERATION, "ForeignProvider").await;
    let provider = new.aws.account(ACCOUNT).provider_arns().remove(0);
    let iam = iam(&new).await;
    let tag = |value: String| {
        aws_sdk_iam::types::Tag::builder()
            .key("irsa-anywhere.dev/adopt")
            .value(value)
            .build()
            .unwrap()
    };
    iam.tag_open_id_connect_provider()
        .open_id_connect_provider_arn(&provider)
        .tags(tag(adoption(&asked)))
        .send()
        .await
        .unwrap();
    patch(&new, FEDERATION, &json!({"spec": {"provider": {"adopt": "IfTagged"}}})).await;
    new.federation_ready("default").await.unwrap();
    let asked = message(&new, BINDING, "ForeignRole").await;
    let role = new.aws.account(ACCOUNT).role_names().remove(0);
    iam.tag_role()
        .role_name(&role)
        .tags(tag(adoption(&asked)))
        .send()
        .await
        .unwrap();
    patch(&new, BINDING, &json!({"spec": {"role": {"adopt": "IfTagged"}}})).await;
    let taken = new.binding_ready("default", "app").await.unwrap();
    assert_eq!(
        taken["status"]["roleId"], role_id,
        "the same role, with all that refers to it"
    );

    let pod = new.pod_identity("default", "app").await.unwrap();
    new.assume(&pod.role_arn, &pod.token).await.unwrap();
    let gone = new.assume(&old_pod.role_arn, &old_pod.token).await.unwrap_err();
    assert_eq!(gone, "InvalidIdentityToken", "the old cluster's keys are gone");

    // The old operator wakes up: it finds that nothing is its own any more, and touches nothing.
    let mark = old.mark().await.unwrap();
    old.start_operator().await.unwrap();
    // By its own role, or by the documents of its federation: whichever it looks at first.
    let foreign = |object: &serde_json::Value| {
        ["ForeignRole", "FederationNotReady"]
            .iter()
            .any(|reason| says(object, "Ready", reason))
    };
    old.wait_for("to be foreign", BINDING, foreign).await.unwrap();
    let counts = old.counts_since(&mark).await.unwrap();
    assert!(counts.aws_writes.is_empty(), "{counts:#?}");
    new.assume(&pod.role_arn, &pod.token).await.unwrap();
}

#[tokio::test]
async fn two_clusters_with_federations_and_bindings_of_the_same_names_do_not_meet() {
    let one = World::with_samples(irsa_testkit::controlplane::SigningKey::generate_rsa().unwrap())
        .await
        .unwrap();
    let issuer = ISSUER.replace("clusters/demo", "clusters/other");
    let mut other = one.start_beside(&issuer, "irsa-anywhere-other").await.unwrap();
    other.start_operator().await.unwrap();
    let policies = json!({"policies": {"managed": ["AmazonS3ReadOnlyAccess"]}});
    apply(
        &other,
        &[federation(&issuer, &json!({})), account_app(), binding(&policies)],
    )
    .await;
    other.federation_ready("default").await.unwrap();
    other.binding_ready("default", "app").await.unwrap();

    let (pod, other_pod) = (
        one.pod_identity("default", "app").await.unwrap(),
        other.pod_identity("default", "app").await.unwrap(),
    );
    assert_ne!(pod.role_arn, other_pod.role_arn);
    one.assume(&pod.role_arn, &pod.token).await.unwrap();
    other.assume(&other_pod.role_arn, &other_pod.token).await.unwrap();
    assert!(one.assume(&other_pod.role_arn, &pod.token).await.is_err());
    assert!(one.assume(&pod.role_arn, &other_pod.token).await.is_err());

    for (kind, name) in [("iamrolebinding", "app"), ("oidcfederation", "default")] {
        other.kubectl(&["delete", kind, name, "--timeout=60s"]).await.unwrap();
    }
    one.request_pass(&[FEDERATION, BINDING], "after the other is gone")
        .await
        .unwrap();
    one.assume(&pod.role_arn, &pod.token).await.unwrap();
    let account = one.aws.account(ACCOUNT);
    assert_eq!((account.provider_arns().len(), account.role_names().len()), (1, 1));
    let policy = s3(&one)
        .await
        .get_bucket_policy()
        .bucket(ISSUER_BUCKET)
        .send()
        .await
        .unwrap();
    let policy: Value = serde_json::from_str(policy.policy().unwrap()).unwrap();
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 1, "{policy}");
}
