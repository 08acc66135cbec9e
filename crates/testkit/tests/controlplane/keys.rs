use irsa_testkit::controlplane::{ControlPlane, SigningKey};
use serde_json::json;

use crate::support::{accepts, api_token, decode, served_key_ids};

const ISSUER: &str = "https://acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod";
const JWKS_URI: &str = "https://acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod/openid/v1/jwks";

#[tokio::test(flavor = "multi_thread")]
async fn issuer_and_keys_are_served_as_asked_for_every_kind_of_key() {
    let rsa = SigningKey::generate_rsa().unwrap();
    let others = [
        SigningKey::generate_ec_p256().unwrap(),
        SigningKey::generate_ec_p384().unwrap(),
        SigningKey::generate_ec_p521().unwrap(),
    ];
    let plane = ControlPlane::builder()
        .issuer(ISSUER)
        .jwks_uri(JWKS_URI)
        .signing_key(rsa.clone())
        .also_accept(others.iter().map(|key| key.public().clone()))
        .start()
        .await
        .unwrap();

    let discovery = plane
        .client()
        .unwrap()
        .get("/.well-known/openid-configuration")
        .await
        .unwrap()
        .body;
    assert_eq!(discovery["issuer"], ISSUER);
    assert_eq!(discovery["jwks_uri"], JWKS_URI);
    let expected: Vec<_> = std::iter::once(&rsa)
        .chain(&others)
        .map(|key| key.key_id().to_owned())
        .collect();
    assert_eq!(served_key_ids(&plane.api_servers()[0]).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_key_signs_tokens_that_carry_its_spki_hash_as_kid() {
    let rsa = SigningKey::generate_rsa().unwrap();
    let mut plane = ControlPlane::builder()
        .issuer(ISSUER)
        .signing_key(rsa.clone())
        .start()
        .await
        .unwrap();
    let keys = [
        rsa,
        SigningKey::generate_ec_p256().unwrap(),
        SigningKey::generate_ec_p384().unwrap(),
        SigningKey::generate_ec_p521().unwrap(),
    ];
    for key in keys {
        if plane.api_servers()[0].signing_key().key_id() != key.key_id() {
            plane.restart_with_keys(key.clone(), []).await.unwrap();
        }
        let token = plane
            .token("default", "default", "sts.amazonaws.com", 600)
            .await
            .unwrap();
        let (header, claims) = decode(&token);
        assert_eq!(header["alg"], key.algorithm());
        assert_eq!(header["kid"], key.key_id());
        assert_eq!(claims["iss"], ISSUER);
        assert_eq!(claims["aud"], json!(["sts.amazonaws.com"]));
        assert_eq!(claims["sub"], "system:serviceaccount:default:default");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_we_sign_ourselves_is_the_servers_own_and_one_of_a_foreign_key_is_not() {
    let keys = [
        SigningKey::generate_rsa().unwrap(),
        SigningKey::generate_ec_p256().unwrap(),
        SigningKey::generate_ec_p384().unwrap(),
        SigningKey::generate_ec_p521().unwrap(),
    ];
    let plane = ControlPlane::builder()
        .issuer(ISSUER)
        .signing_key(keys[0].clone())
        .also_accept(keys[1..].iter().map(|key| key.public().clone()))
        .start()
        .await
        .unwrap();
    let claims = decode(&api_token(&plane).await).1;
    let server = &plane.api_servers()[0];
    let foreign = SigningKey::generate_rsa().unwrap();
    for key in &keys {
        let header = json!({"alg": key.algorithm(), "kid": key.key_id()});
        assert!(
            accepts(server, &key.sign_jwt(&header, &claims).unwrap()).await,
            "{header}"
        );
        assert!(
            !accepts(server, &foreign.sign_jwt(&header, &claims).unwrap()).await,
            "{header}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_by_restart_keeps_objects_address_and_old_tokens_valid() {
    let old = SigningKey::generate_rsa().unwrap();
    let new = SigningKey::generate_ec_p256().unwrap();
    let mut plane = ControlPlane::builder()
        .issuer(ISSUER)
        .signing_key(old.clone())
        .start()
        .await
        .unwrap();
    plane.create_namespace("kept").await.unwrap();
    let (url, old_token) = (plane.url(), api_token(&plane).await);

    plane
        .restart_with_keys(new.clone(), [old.public().clone()])
        .await
        .unwrap();

    assert_eq!(plane.url(), url);
    let server = &plane.api_servers()[0];
    assert_eq!(served_key_ids(server).await, [new.key_id(), old.key_id()]);
    let new_token = api_token(&plane).await;
    assert_eq!(decode(&new_token).0["kid"], new.key_id());
    assert!(accepts(server, &old_token).await);
    assert!(accepts(server, &new_token).await);
    assert!(
        plane
            .client()
            .unwrap()
            .get("/api/v1/namespaces/kept")
            .await
            .unwrap()
            .is_success()
    );

    plane.restart_with_keys(new, []).await.unwrap();
    assert!(!accepts(&plane.api_servers()[0], &old_token).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_api_servers_on_one_etcd_each_serve_their_own_keys() {
    let old = SigningKey::generate_rsa().unwrap();
    let new = SigningKey::generate_ec_p256().unwrap();
    let mut plane = ControlPlane::builder()
        .issuer(ISSUER)
        .signing_key(old.clone())
        .start()
        .await
        .unwrap();
    let second = plane.add_api_server(new.clone(), [old.public().clone()]).await.unwrap();
    assert_eq!(second, 1);
    plane.create_namespace("shared").await.unwrap();

    let [first, second] = plane.api_servers() else {
        panic!("two API servers")
    };
    assert_ne!(first.url(), second.url());
    assert_eq!(served_key_ids(first).await, [old.key_id()]);
    assert_eq!(served_key_ids(second).await, [new.key_id(), old.key_id()]);
    assert!(
        second
            .client()
            .get("/api/v1/namespaces/shared")
            .await
            .unwrap()
            .is_success()
    );
}
