//! The ground under everything else: with an issuer published by hand and no operator, AWS takes a real token of the
//! cluster and refuses every forged one.

use std::{fs, path::PathBuf};

use irsa_testkit::controlplane::{ControlPlane, SigningKey};
use serde_json::{Value, json};

use crate::support::{
    sdk_process::list_bucket,
    tokens::parse,
    walk::{AUDIENCE, DATA_BUCKET, ISSUER, Walk},
};

const NAMESPACE: &str = "team";
const SERVICE_ACCOUNT: &str = "test";

/// Everything done by hand; returns the role's ARN too.
async fn walked(key: SigningKey) -> (Walk, String) {
    let walk = Walk::start(key).await;
    walk.cluster.create_namespace(NAMESPACE).await.unwrap();
    walk.cluster
        .ensure_service_account(NAMESPACE, SERVICE_ACCOUNT)
        .await
        .unwrap();
    walk.make_issuer_bucket().await;
    walk.publish(&walk.cluster.api_servers()[0]).await;
    walk.register_provider().await;
    let role_arn = walk.create_role(NAMESPACE, SERVICE_ACCOUNT).await;
    (walk, role_arn)
}

async fn token(cluster: &ControlPlane) -> String {
    cluster.token(NAMESPACE, SERVICE_ACCOUNT, AUDIENCE, 3600).await.unwrap()
}

/// As the kubelet puts it there.
fn token_file(cluster: &ControlPlane, token: &str) -> PathBuf {
    let path = cluster.directory().join("token");
    fs::write(&path, token).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unmodified_sdk_lists_the_bucket_with_a_real_token_and_not_with_a_forged_one() {
    let keys = [
        SigningKey::generate_rsa().unwrap(),
        SigningKey::generate_ec_p256().unwrap(),
    ];
    for key in keys {
        let (walk, role_arn) = walked(key).await;
        walk.make_data_bucket(&["one.txt", "two.txt"]).await;
        let real = token(&walk.cluster).await;

        let file = token_file(&walk.cluster, &real);
        let listed = list_bucket(&walk.aws, &role_arn, &file, DATA_BUCKET).await;
        assert_eq!(listed, Ok(vec!["one.txt".to_owned(), "two.txt".to_owned()]));

        let forger = SigningKey::generate_rsa().unwrap();
        let file = token_file(&walk.cluster, &parse(&real).signed_by(&forger));
        let complaint = list_bucket(&walk.aws, &role_arn, &file, DATA_BUCKET).await.unwrap_err();
        assert!(complaint.contains("InvalidIdentityToken"), "{complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_forgery_and_every_wrong_subject_is_refused() {
    let key = SigningKey::generate_rsa().unwrap();
    let (walk, role_arn) = walked(key.clone()).await;
    let real = token(&walk.cluster).await;
    let parts = parse(&real);
    let stranger = SigningKey::generate_rsa().unwrap();
    let sub = json!("system:serviceaccount:team:admin");
    let other_account = walk.cluster.token(NAMESPACE, "default", AUDIENCE, 3600).await.unwrap();
    walk.cluster.create_namespace("elsewhere").await.unwrap();
    walk.cluster
        .ensure_service_account("elsewhere", SERVICE_ACCOUNT)
        .await
        .unwrap();
    let other_namespace = walk
        .cluster
        .token("elsewhere", SERVICE_ACCOUNT, AUDIENCE, 3600)
        .await
        .unwrap();
    let other_audience = walk
        .cluster
        .token(NAMESPACE, SERVICE_ACCOUNT, "vault", 3600)
        .await
        .unwrap();
    let other_issuer = {
        let mut claims = parts.claims.clone();
        claims["iss"] = json!("https://acme-irsa.s3.eu-central-1.amazonaws.com/clusters/other");
        key.sign_jwt(&parts.header, &claims).unwrap()
    };
    let table = [
        (
            "another key under our kid",
            parts.signed_by(&stranger),
            "InvalidIdentityToken",
        ),
        (
            "another subject under our signature",
            parts.with_claim("sub", sub),
            "InvalidIdentityToken",
        ),
        (
            "a longer life under our signature",
            parts.with_claim("exp", later(&parts.claims)),
            "InvalidIdentityToken",
        ),
        (
            "a kid that is not published",
            parts.with_key_id("vault-7"),
            "InvalidIdentityToken",
        ),
        ("alg none", parts.unsigned(""), "InvalidIdentityToken"),
        (
            "alg none with the old signature",
            parts.unsigned(&parts.signature),
            "InvalidIdentityToken",
        ),
        (
            "HMAC with the public key",
            parts.hmac_signed(key.public().pem().as_bytes()),
            "InvalidIdentityToken",
        ),
        ("no token at all", "not.a.token".to_owned(), "InvalidIdentityToken"),
        ("an issuer without provider", other_issuer, "InvalidIdentityToken"),
        (
            "an audience that is no client ID",
            other_audience,
            "InvalidIdentityToken",
        ),
        ("another ServiceAccount", other_account, "AccessDenied"),
        ("the same name in another namespace", other_namespace, "AccessDenied"),
    ];
    for (what, token, code) in table {
        assert_eq!(walk.assume(&role_arn, &token).await, Err(code.to_owned()), "{what}");
    }
    // The table proves nothing unless the token that it was made from is good.
    let assumed = walk.assume(&role_arn, &real).await;
    assert_eq!(
        assumed,
        Ok("arn:aws:sts::123456789012:assumed-role/by-hand/by-hand".to_owned())
    );
}

fn later(claims: &Value) -> Value {
    json!(claims["exp"].as_i64().unwrap() + 1_000_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_cluster_that_claims_our_issuer_is_refused() {
    let (walk, role_arn) = walked(SigningKey::generate_rsa().unwrap()).await;
    let impostor = ControlPlane::builder().issuer(ISSUER).start().await.unwrap();
    impostor.create_namespace(NAMESPACE).await.unwrap();
    impostor
        .ensure_service_account(NAMESPACE, SERVICE_ACCOUNT)
        .await
        .unwrap();
    let foreign = token(&impostor).await;
    assert_eq!(
        walk.assume(&role_arn, &foreign).await,
        Err("InvalidIdentityToken".to_owned())
    );
    assert!(walk.assume(&role_arn, &token(&walk.cluster).await).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_public_or_not_published_yet_is_refused_and_then_accepted() {
    let key = SigningKey::generate_ec_p384().unwrap();
    let (mut walk, role_arn) = walked(key.clone()).await;
    assert!(walk.assume(&role_arn, &token(&walk.cluster).await).await.is_ok());

    let next = SigningKey::generate_rsa().unwrap();
    walk.cluster
        .restart_with_keys(next, [key.public().clone()])
        .await
        .unwrap();
    let of_the_new_key = token(&walk.cluster).await;
    assert_eq!(
        walk.assume(&role_arn, &of_the_new_key).await,
        Err("InvalidIdentityToken".to_owned())
    );
    walk.publish(&walk.cluster.api_servers()[0]).await;
    assert!(walk.assume(&role_arn, &of_the_new_key).await.is_ok());

    walk.s3()
        .delete_bucket_policy()
        .bucket("acme-irsa")
        .send()
        .await
        .unwrap();
    assert_eq!(
        walk.assume(&role_arn, &of_the_new_key).await,
        Err("InvalidIdentityToken".to_owned())
    );
}
