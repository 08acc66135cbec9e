//! docs/ownership.md, "A set-up that was made by hand": a cluster that has had IRSA for years.

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{ACCOUNT, ISSUER, ISSUER_BUCKET, World};
use serde_json::{Value, json};

use super::{
    BINDING, FEDERATION, account_app, allow, apply, binding,
    clusters::{adoption, message},
    federation, iam, s3,
};

const ROLE: &str = "handmade-app";
const KEYS: [&str; 2] = [
    "clusters/demo/openid/v1/jwks",
    "clusters/demo/.well-known/openid-configuration",
];

/// Documents, provider, role and annotation as the guides say.
async fn by_hand(world: &World) -> String {
    let jwks = world.cluster.client().unwrap().get("/openid/v1/jwks").await.unwrap();
    let discovery = json!({"issuer": ISSUER, "jwks_uri": format!("{ISSUER}/openid/v1/jwks"),
        "authorization_endpoint": "urn:kubernetes:programmatic_authorization", "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"]});
    for (key, bytes) in KEYS.iter().zip([jwks.bytes, discovery.to_string().into()]) {
        assert!(world.aws.put_object(ISSUER_BUCKET, key, bytes));
    }
    let open = json!({"Version": "2012-10-17", "Statement": [{"Sid": "ByHand", "Effect": "Allow", "Principal": "*",
        "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{ISSUER_BUCKET}/clusters/demo/*")}]});
    let put = s3(world).await.put_bucket_policy().bucket(ISSUER_BUCKET);
    put.policy(open.to_string()).send().await.unwrap();
    let iam = iam(world).await;
    let provider = iam.create_open_id_connect_provider().url(ISSUER);
    let provider = provider.client_id_list("sts.amazonaws.com").send().await.unwrap();
    let issuer = ISSUER.trim_start_matches("https://");
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Federated": provider.open_id_connect_provider_arn.unwrap()},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {
            format!("{issuer}:sub"): "system:serviceaccount:default:app", format!("{issuer}:aud"): "sts.amazonaws.com"}},
    }]});
    let role = iam
        .create_role()
        .role_name(ROLE)
        .assume_role_policy_document(trust.to_string());
    let arn = role.send().await.unwrap().role.unwrap().arn;
    let attach = iam.attach_role_policy().role_name(ROLE);
    attach
        .policy_arn("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
        .send()
        .await
        .unwrap();
    let mut account = account_app();
    account["metadata"]["annotations"] = json!({"eks.amazonaws.com/role-arn": arn});
    apply(world, &[account]).await;
    arn
}

/// A new token of the application, which AWS must accept.
async fn accepted(world: &World, role: &str, when: &str) {
    let token = world
        .cluster
        .token("default", "app", "sts.amazonaws.com", 3600)
        .await
        .unwrap();
    world
        .assume(role, &token)
        .await
        .unwrap_or_else(|refused| panic!("{when}: {refused}"));
}

fn tag(value: String) -> aws_sdk_iam::types::Tag {
    let tag = aws_sdk_iam::types::Tag::builder().key("irsa-anywhere.dev/adopt");
    tag.value(value).build().unwrap()
}

#[tokio::test]
async fn a_set_up_that_was_made_by_hand_is_handed_over_without_a_moment_in_which_aws_refuses_a_token() {
    let mut world = World::start_signing_with(SigningKey::generate_rsa().unwrap())
        .await
        .unwrap();
    let role = by_hand(&world).await;
    accepted(&world, &role, "before").await;
    // docs/iam-policy.md: "`adopt: IfTagged` of a role with another path".
    let ours: Value = serde_json::from_str(&irsa_tests::world::operator_policy().unwrap()).unwrap();
    let actions: Vec<&str> = ours["Statement"][0]["Action"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    allow(&world, &actions, &role);
    world.start_operator().await.unwrap();

    let mut wanted = federation(ISSUER, &json!({"provider": {"adopt": "IfTagged"}}));
    wanted["spec"]["publish"]["s3"]["adopt"] = json!("IfTagged");
    wanted["spec"]["bindings"]["roleNames"] = json!("Any");
    apply(&world, &[wanted]).await;
    let asked = message(&world, FEDERATION, "BucketShared").await;
    assert!(asked.contains("exactly those of this cluster's API servers"), "{asked}");
    accepted(&world, &role, "with a federation that waits").await;
    let (_, value) = asked.split_once("irsa-anywhere-adopt=").unwrap();
    let value: String = value
        .chars()
        .take_while(|c| c.is_ascii_hexdigit() || "-/".contains(*c))
        .collect();
    let s3 = s3(&world).await;
    for key in KEYS {
        let found = s3.get_object().bucket(ISSUER_BUCKET).key(key).send().await.unwrap();
        let bytes = found.body.collect().await.unwrap().into_bytes();
        let put = s3
            .put_object()
            .bucket(ISSUER_BUCKET)
            .key(key)
            .body(bytes.to_vec().into());
        let put = put
            .content_type("application/json")
            .metadata("irsa-anywhere-adopt", &value);
        put.send().await.unwrap();
        accepted(&world, &role, key).await;
    }

    world
        .request_pass(&[FEDERATION], "the documents are offered")
        .await
        .unwrap();
    let asked = message(&world, FEDERATION, "ForeignProvider").await;
    accepted(&world, &role, "with the documents offered").await;
    let provider = world.aws.account(ACCOUNT).provider_arns().remove(0);
    let iam = iam(&world).await;
    let tagging = iam
        .tag_open_id_connect_provider()
        .open_id_connect_provider_arn(&provider);
    tagging.tags(tag(adoption(&asked))).send().await.unwrap();
    world
        .request_pass(&[FEDERATION], "the provider is offered")
        .await
        .unwrap();
    world.federation_ready("default").await.unwrap();
    accepted(&world, &role, "with documents and provider handed over").await;
    for key in KEYS {
        let head = s3.head_object().bucket(ISSUER_BUCKET).key(key).send().await.unwrap();
        let metadata = head.metadata.unwrap();
        assert!(metadata.contains_key("irsa-anywhere-cluster"), "{key}: {metadata:?}");
        assert!(!metadata.contains_key("irsa-anywhere-adopt"), "{key}: {metadata:?}");
    }

    let policies =
        json!({"policies": {"managed": ["AmazonS3ReadOnlyAccess"]}, "role": {"name": ROLE, "adopt": "IfTagged"}});
    apply(&world, &[binding(&policies)]).await;
    let asked = message(&world, BINDING, "ForeignRole").await;
    accepted(&world, &role, "with a binding that waits").await;
    iam.tag_role()
        .role_name(ROLE)
        .tags(tag(adoption(&asked)))
        .send()
        .await
        .unwrap();
    world.request_pass(&[BINDING], "the role is offered").await.unwrap();
    let bound = world.binding_ready("default", "app").await.unwrap();
    assert_eq!(bound["status"]["roleArn"], json!(role));
    accepted(&world, &role, "with everything handed over").await;
    let pod = world.pod_identity("default", "app").await.unwrap();
    assert_eq!(pod.role_arn, role);
    world.assume(&role, &pod.token).await.unwrap();
}

/// The published set has a key that no API server serves any more: tokens signed with it may be about.
#[tokio::test]
async fn a_key_that_would_get_lost_stops_the_hand_over_until_somebody_decides() {
    let old = SigningKey::generate_rsa().unwrap();
    let mut world = World::start_signing_with(old.clone()).await.unwrap();
    let role = by_hand(&world).await;
    let token = world
        .cluster
        .token("default", "app", "sts.amazonaws.com", 3600)
        .await
        .unwrap();
    world
        .cluster
        .restart_with_keys(SigningKey::generate_rsa().unwrap(), [old.public().clone()])
        .await
        .unwrap();
    let both = world
        .cluster
        .client()
        .unwrap()
        .get("/openid/v1/jwks")
        .await
        .unwrap()
        .bytes;
    assert!(world.aws.put_object(ISSUER_BUCKET, KEYS[0], both));
    world
        .cluster
        .restart_with_keys(SigningKey::generate_rsa().unwrap(), [])
        .await
        .unwrap();
    world.start_operator().await.unwrap();
    let mut wanted = federation(ISSUER, &json!({}));
    wanted["spec"]["publish"]["s3"]["adopt"] = json!("IfTagged");
    apply(&world, &[wanted]).await;
    let asked = message(&world, FEDERATION, "BucketShared").await;
    assert!(asked.contains(old.key_id()), "{asked}");
    world.assume(&role, &token).await.unwrap();
}
