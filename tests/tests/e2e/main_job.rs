//! The main job: from two YAML files to a pod identity that AWS accepts, and to nothing that it must not.

use std::collections::BTreeSet;

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::{
    tokens::Token,
    world::{ACCOUNT, DATA_BUCKET, ISSUER, ISSUER_BUCKET, World, pods::variable},
};
use serde_json::{Value, json};

use crate::support::sdk_process;

async fn walk(key: SigningKey) {
    let world = World::as_shipped(key).await.unwrap();

    let federation = world
        .get("oidcfederation", "default", "default")
        .await
        .unwrap()
        .unwrap();
    let provider = format!(
        "arn:aws:iam::{ACCOUNT}:oidc-provider/{}",
        ISSUER.trim_start_matches("https://")
    );
    assert_eq!(federation["status"]["providerArn"], json!(provider));
    assert_eq!(world.aws.account(ACCOUNT).provider_arns(), [provider]);
    publicly_readable_are_exactly_the_two_documents(&world);

    let identity = world.pod_identity("default", "app").await.unwrap();
    let claims = Token::parse(&identity.token).unwrap().claims;
    assert_eq!(claims["aud"], json!(["sts.amazonaws.com"]));
    assert_eq!(claims["sub"], "system:serviceaccount:default:app");
    let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(lifetime, 86_400);

    let by_rust = sdk_process::list_bucket(&world.aws, &identity.role_arn, identity.token_file(), DATA_BUCKET).await;
    assert_eq!(by_rust, Ok(vec!["hello.txt".to_owned()]));
    let by_boto3 = world.boto3_lists(&identity, DATA_BUCKET).unwrap().unwrap();
    assert_eq!(by_boto3["keys"], json!(["hello.txt"]));
    let assumed = by_boto3["arn"].as_str().unwrap();
    assert!(assumed.contains(":assumed-role/irsa-"), "{assumed}");
    assert!(
        assumed.ends_with(&format!("/{}", identity.name())),
        "the session names the pod: {assumed}"
    );
    let hosts: BTreeSet<String> = world.calls_of_pods().into_iter().map(|call| call.host).collect();
    assert!(
        hosts.contains("sts.eu-central-1.amazonaws.com"),
        "the region is the federation's: {hosts:?}"
    );
    assert!(!hosts.contains("sts.amazonaws.com"), "{hosts:?}");

    let unbound = world.create_pod("default", "default").await;
    if let Ok(pod) = unbound {
        assert_eq!(variable(&pod, "AWS_ROLE_ARN"), None);
    }
}

fn publicly_readable_are_exactly_the_two_documents(world: &World) {
    assert!(world.aws.put_object(ISSUER_BUCKET, "clusters/demo/secret", "x"));
    let statuses = |paths: &[&str]| {
        let urls: Vec<String> = paths.iter().map(|path| format!("{ISSUER}{path}")).collect();
        world.anonymous_statuses(&urls).unwrap()
    };
    assert_eq!(
        statuses(&["/.well-known/openid-configuration", "/openid/v1/jwks"]),
        [200, 200]
    );
    assert_eq!(statuses(&["/secret", "/openid/v1/jwks2", "", "/"]), [403; 4]);
}

#[tokio::test]
async fn a_pod_of_an_rsa_cluster_lists_a_bucket_with_two_unmodified_sdks() {
    walk(SigningKey::generate_rsa().unwrap()).await;
}

#[tokio::test]
async fn a_pod_of_an_ec_cluster_lists_a_bucket_with_two_unmodified_sdks() {
    walk(SigningKey::generate_ec_p256().unwrap()).await;
}

#[tokio::test]
async fn nobody_else_may_assume_the_role() {
    let world = World::as_shipped(SigningKey::generate_rsa().unwrap()).await.unwrap();
    let identity = world.pod_identity("default", "app").await.unwrap();
    let role = identity.role_arn.as_str();
    assert!(world.assume(role, &identity.token).await.is_ok());

    let cluster = &world.cluster;
    cluster.create_namespace("elsewhere").await.unwrap();
    for (namespace, account) in [("default", "other"), ("elsewhere", "app")] {
        cluster.ensure_service_account(namespace, account).await.unwrap();
    }
    let token = |namespace: &'static str, account: &'static str, audience: &'static str| async move {
        cluster.token(namespace, account, audience, 600).await.unwrap()
    };
    let foreign_key = SigningKey::generate_rsa().unwrap();
    let real = Token::parse(&identity.token).unwrap();
    let mut past = real.clone();
    past.claims["exp"] = json!(past.claims["iat"].as_u64().unwrap() - 3600);
    let server_key = cluster.api_servers()[0].signing_key();

    let refused: Vec<(&str, String, &str)> = vec![
        (
            "another ServiceAccount",
            token("default", "other", "sts.amazonaws.com").await,
            "AccessDenied",
        ),
        (
            "the same name elsewhere",
            token("elsewhere", "app", "sts.amazonaws.com").await,
            "AccessDenied",
        ),
        (
            "another audience",
            token("default", "app", "vault").await,
            "InvalidIdentityToken",
        ),
        ("expired", past.signed_by(server_key).unwrap(), "ExpiredTokenException"),
        (
            "another key under the kid",
            real.signed_by(&foreign_key).unwrap(),
            "InvalidIdentityToken",
        ),
        ("alg none", unsigned(&real), "InvalidIdentityToken"),
    ];
    for (what, token, code) in refused {
        assert_eq!(world.assume(role, &token).await, Err(code.to_owned()), "{what}");
    }

    let other = irsa_testkit::controlplane::ControlPlane::builder()
        .issuer(ISSUER)
        .start()
        .await
        .unwrap();
    other.ensure_service_account("default", "app").await.unwrap();
    let stranger = other.token("default", "app", "sts.amazonaws.com", 600).await.unwrap();
    assert_eq!(
        world.assume(role, &stranger).await,
        Err("InvalidIdentityToken".to_owned()),
        "another cluster"
    );
}

fn unsigned(token: &Token) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut header = token.header.clone();
    header["alg"] = json!("none");
    format!("{}.{}.", encode(&header), encode(&token.claims))
}
