//! Somebody who may write to the bucket, or to the federation's status.

use irsa_testkit::aws::s3::BucketOptions;
use irsa_tests::world::{ACCOUNT, ISSUER_BUCKET, REGION, World};
use serde_json::{Value, json};

use super::{events, forged, look, metric, rsa, token_of, witness::Witness};

const JWKS: &str = "clusters/demo/openid/v1/jwks";
const DISCOVERY: &str = "clusters/demo/.well-known/openid-configuration";

fn document(world: &World, key: &str) -> Value {
    serde_json::from_slice(&world.aws.s3(|s3| s3.object(ISSUER_BUCKET, key).unwrap().body.clone())).unwrap()
}

#[tokio::test]
async fn a_key_or_an_address_that_somebody_writes_into_the_documents_is_out_within_a_minute() {
    let world = World::with_samples(rsa()).await.unwrap();
    let witness = Witness::start(&world).await;
    let real = token_of(&world.cluster.api_servers()[0]).await;
    let stranger = rsa();
    witness.trust("the real one", &real).await;
    let evil = forged(&real, &stranger, stranger.key_id());
    assert!(witness.verdict(&evil).await.is_err());

    // From here on nobody asks for anything: the operator looks by itself.
    look(&world, "settled").await;
    let mut jwks = document(&world, JWKS);
    jwks["keys"].as_array_mut().unwrap().push(stranger.jwk().unwrap());
    world.aws.put_object(ISSUER_BUCKET, JWKS, jwks.to_string());
    assert!(witness.verdict(&evil).await.is_ok(), "the attack is real");
    witness.wait_for("a key in the bucket", &evil, false).await;
    assert_eq!(events(&world, "DocumentsTampered").await, 1);
    assert_eq!(metric(&world, "irsa_anywhere_documents_tampered_total"), Some(1.0));

    let account = world.aws.account(ACCOUNT);
    let open = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::evil-keys/*"},
    ]});
    account.create_bucket(
        "evil-keys",
        BucketOptions::in_region(REGION)
            .with_public_access_block(None)
            .with_policy(open),
    );
    world.aws.put_object(
        "evil-keys",
        "jwks",
        json!({"keys": [stranger.jwk().unwrap()]}).to_string(),
    );
    let mut discovery = document(&world, DISCOVERY);
    discovery["jwks_uri"] = json!(format!("https://evil-keys.s3.{REGION}.amazonaws.com/jwks"));
    // As long as the discovery document leads elsewhere no real token is accepted either.
    witness.forget("the real one");
    world.aws.put_object(ISSUER_BUCKET, DISCOVERY, discovery.to_string());
    assert!(witness.verdict(&evil).await.is_ok(), "this one too");
    witness.wait_for("another jwks_uri", &evil, false).await;
    witness.trust("the real one again", &real).await;
    assert_eq!(events(&world, "DocumentsTampered").await, 2);
    assert_eq!(metric(&world, "irsa_anywhere_documents_tampered_total"), Some(2.0));
    witness.end();
}
