//! Buckets as companies run them, and buckets that changed hands.

use irsa_testkit::{
    aws::s3::{Bucket, BucketOptions, BucketPolicy, Encryption, PublicAccessBlock, S3},
    controlplane::SigningKey,
};
use irsa_tests::world::{
    ACCOUNT, ISSUER, ISSUER_BUCKET, REGION, World,
    objects::{condition, says},
    repository,
};
use serde_json::{Value, json};

const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");
const JWKS: &str = "clusters/demo/openid/v1/jwks";
const STRANGER: &str = "210987654321";

async fn fresh() -> World {
    let world = World::start_signing_with(SigningKey::generate_rsa().unwrap()).await;
    world.unwrap()
}

async fn apply_samples(world: &World) {
    let samples = repository().join("config/samples");
    world.cluster.apply_file(&samples, true).await.unwrap();
}

/// The samples' federation says this, with a message that holds all of these.
async fn federation_says(world: &World, aspect: &str, reason: &str, parts: &[&str]) -> Value {
    let fits = |federation: &Value| {
        let message = condition(federation, aspect).and_then(|condition| condition["message"].as_str());
        says(federation, aspect, reason) && parts.iter().all(|part| message.unwrap_or_default().contains(part))
    };
    let what = format!("{aspect}={reason} with {parts:?}");
    world.wait_for(&what, FEDERATION, fits).await.unwrap()
}

/// Statements of a company's own, which are there before us and must be there after us.
fn company_policy() -> Value {
    let case = json!({"Sid": "EncryptedOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
        "Resource": format!("arn:aws:s3:::{ISSUER_BUCKET}/*"),
        "Condition": {"Null": {"s3:x-amz-server-side-encryption": "true"}}});
    let named = json!({"Sid": "OurKindOfEncryption", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
        "Resource": format!("arn:aws:s3:::{ISSUER_BUCKET}/*"),
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}});
    let tls = json!({"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": [format!("arn:aws:s3:::{ISSUER_BUCKET}"), format!("arn:aws:s3:::{ISSUER_BUCKET}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
    json!({"Version": "2012-10-17", "Statement": [case, named, tls]})
}

fn put_policy(s3: &mut S3, policy: &Value) {
    let policy = BucketPolicy {
        text: policy.to_string(),
        document: policy.clone(),
    };
    s3.edit_bucket(ISSUER_BUCKET, |bucket| bucket.policy = Some(policy))
        .unwrap();
}

#[tokio::test]
async fn documents_live_in_a_bucket_that_demands_encryption_has_a_kms_key_as_default_and_locks_objects() {
    let mut world = fresh().await;
    world.aws.s3(|s3| {
        put_policy(s3, &company_policy());
        let kms = Encryption::Kms(Some(format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/k-1")));
        let strict = |bucket: &mut Bucket| {
            bucket.encryption = kms;
            bucket.lock_objects_for(30);
        };
        s3.edit_bucket(ISSUER_BUCKET, strict).unwrap();
    });
    world.start_operator().await.unwrap();
    world.apply_samples().await.unwrap();
    let pod = world.pod_identity("default", "app").await.unwrap();
    world.assume(&pod.role_arn, &pod.token).await.unwrap();
    let policy = world
        .aws
        .s3(|s3| s3.bucket(ISSUER_BUCKET).unwrap().policy.clone().unwrap());
    let statements = policy.document["Statement"].as_array().unwrap().clone();
    assert_eq!(statements[..3], *company_policy()["Statement"].as_array().unwrap());

    // A copy that somebody made, or a rule that encrypts what is there already.
    let encrypt = |s3: &mut S3| {
        let object = |bucket: &mut Bucket| {
            bucket.objects.get_mut(JWKS).unwrap().encryption = Encryption::Kms(None);
        };
        s3.edit_bucket(ISSUER_BUCKET, object).unwrap();
    };
    world.aws.s3(encrypt);
    assert!(
        world.assume(&pod.role_arn, &pod.token).await.is_err(),
        "STS cannot read it"
    );
    let mark = world.mark().await.unwrap();
    world.request_pass(&[FEDERATION], "encrypted").await.unwrap();
    world.request_pass(&[FEDERATION], "once").await.unwrap();
    let writes = world.counts_since(&mark).await.unwrap().aws_writes;
    assert_eq!(writes, [("s3:PutObject".to_owned(), 1)].into(), "written again, once");
    world.assume(&pod.role_arn, &pod.token).await.unwrap();

    // What was overwritten and what was deleted stays in the bucket, and nobody else can read it.
    for (kind, name) in [("iamrolebinding", "app"), ("oidcfederation", "default")] {
        world.kubectl(&["delete", kind, name, "--timeout=60s"]).await.unwrap();
    }
    let bucket = world.aws.s3(|s3| s3.bucket(ISSUER_BUCKET).cloned()).unwrap();
    assert!(bucket.objects.is_empty(), "{:?}", bucket.objects.keys());
    let versions = &bucket.versions[JWKS];
    assert!(
        versions.len() > 2 && versions.last().unwrap().object.is_none(),
        "{versions:?}"
    );
    let old = versions
        .iter()
        .map(|version| format!("{ISSUER}/openid/v1/jwks?versionId={}", version.id));
    let statuses = world.anonymous_statuses(&old.collect::<Vec<_>>()).unwrap();
    assert!(statuses.iter().all(|status| *status == 403), "{statuses:?}");
}

/// The bucket of the samples with this denial of a company's in its policy.
fn deny(world: &World, denial: &Value) {
    let policy = json!({"Version": "2012-10-17", "Statement": [denial]});
    world.aws.s3(|s3| put_policy(s3, &policy));
}

#[tokio::test]
async fn what_a_bucket_policy_refuses_is_told_with_the_statement_that_was_read_and_what_to_do() {
    let mut world = fresh().await;
    let tagged = json!({"Sid": "TagsDemanded", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
        "Resource": format!("arn:aws:s3:::{ISSUER_BUCKET}/*"),
        "Condition": {"Null": {"s3:RequestObjectTag/team": "true"}}});
    deny(&world, &tagged);
    world.start_operator().await.unwrap();
    apply_samples(&world).await;
    let parts = ["\"TagsDemanded\"", "s3:RequestObjectTag/team", "without object tags"];
    federation_says(&world, "Published", "AccessDenied", &parts).await;

    let terraform = json!({"Sid": "TerraformOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:PutBucketPolicy",
        "Resource": format!("arn:aws:s3:::{ISSUER_BUCKET}"),
        "Condition": {"StringNotLike": {"aws:PrincipalArn": format!("arn:aws:iam::{ACCOUNT}:role/terraform")}}});
    deny(&world, &terraform);
    world.request_pass(&[FEDERATION], "terraform").await.unwrap();
    let told = federation_says(&world, "PubliclyReadable", "AccessDenied", &["access to Unmanaged"]).await;
    let message = condition(&told, "PubliclyReadable").unwrap()["message"]
        .as_str()
        .unwrap();
    // A person takes the braces and leaves what is said behind them.
    let mut quoted = serde_json::Deserializer::from_str(&message[message.find('{').unwrap()..]).into_iter::<Value>();
    let statement = quoted.next().unwrap().unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": [terraform, statement]});
    world.aws.s3(|s3| put_policy(s3, &policy));
    let unmanaged = r#"{"spec": {"publish": {"s3": {"access": "Unmanaged"}}}}"#;
    let patch = ["patch", "oidcfederation", "default", "--type", "merge", "-p", unmanaged];
    world.kubectl(&patch).await.unwrap();
    world.federation_ready("default").await.unwrap();
}

/// A stranger's bucket of our name, open to everybody: whoever wants our documents would make it so.
fn take_over(s3: &mut S3) {
    s3.remove_bucket_directly(ISSUER_BUCKET).unwrap();
    let inviting = BucketOptions::in_region(REGION)
        .with_public_access_block(None)
        .with_policy(json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "s3:*",
            "Resource": [format!("arn:aws:s3:::{ISSUER_BUCKET}"), format!("arn:aws:s3:::{ISSUER_BUCKET}/*")]}]}));
    s3.create_bucket(STRANGER, ISSUER_BUCKET, jiff::Timestamp::now(), inviting);
}

fn give_back(s3: &mut S3) {
    s3.remove_bucket_directly(ISSUER_BUCKET).unwrap();
    let open = PublicAccessBlock::ACLS_ONLY;
    let ours = BucketOptions::in_region(REGION).with_public_access_block(Some(open));
    s3.create_bucket(ACCOUNT, ISSUER_BUCKET, jiff::Timestamp::now(), ours);
}

#[tokio::test]
async fn a_bucket_that_changes_hands_between_two_calls_or_is_made_again_by_somebody_else_gets_nothing() {
    let mut world = fresh().await;
    let policy = |world: &World| world.aws.s3(|s3| s3.bucket(ISSUER_BUCKET).unwrap().policy.clone());
    let theirs = {
        world.aws.s3(take_over);
        let theirs = policy(&world);
        world.aws.s3(give_back);
        theirs
    };
    let is_untouched = |world: &World| {
        let empty = world.aws.s3(|s3| s3.bucket(ISSUER_BUCKET).unwrap().objects.is_empty());
        assert!(empty && policy(world) == theirs, "something was written");
    };
    // It was ours when it was looked at, and is not when it is written to.
    world.aws.before("s3:PutObject", take_over);
    world.start_operator().await.unwrap();
    apply_samples(&world).await;
    federation_says(&world, "Ready", "BucketNotOurs", &["bucketOwner"]).await;
    is_untouched(&world);
    assert!(
        world
            .aws
            .requests()
            .iter()
            .all(|call| call.operation != "iam:CreateOpenIDConnectProvider")
    );

    world.aws.s3(give_back);
    world.request_pass(&[FEDERATION], "ours again").await.unwrap();
    world.federation_ready("default").await.unwrap();
    world.aws.s3(take_over);
    world.request_pass(&[FEDERATION], "taken again").await.unwrap();
    federation_says(&world, "Ready", "BucketNotOurs", &["bucketOwner"]).await;
    is_untouched(&world);
}
