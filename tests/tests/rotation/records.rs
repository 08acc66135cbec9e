//! Status and record lost, one at a time and both, and what somebody writes into them meanwhile.

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{ISSUER_BUCKET, OPERATOR_NAMESPACE, World, repository};
use serde_json::{Value, json};

use super::{FEDERATION, REFUSED, events, forged, look, rsa, state_of, token_of, wait_for_state, witness::Witness};

const RECORD: &str = "irsa-anywhere-keys-default";
const JWKS: &str = "clusters/demo/openid/v1/jwks";

/// A cluster that has just rotated: the first key is retained, the second one signs.
struct Rotated {
    world: World,
    witness: Witness,
    old: SigningKey,
    old_token: String,
}

impl Rotated {
    async fn start() -> Self {
        let (old, new) = (rsa(), rsa());
        let mut world = World::with_samples(old.clone()).await.unwrap();
        let witness = Witness::start(&world).await;
        let old_token = token_of(&world.cluster.api_servers()[0]).await;
        witness.trust("old", &old_token).await;
        world.stop_operator().await.unwrap();
        world.cluster.restart_with_keys(new, []).await.unwrap();
        world.start_operator().await.unwrap();
        wait_for_state(&world, &old, "Retained").await;
        witness
            .trust("new", &token_of(&world.cluster.api_servers()[0]).await)
            .await;
        Self {
            world,
            witness,
            old,
            old_token,
        }
    }

    async fn delete_record(&self) {
        let delete = ["delete", "configmap", RECORD, "-n", OPERATOR_NAMESPACE];
        self.world.kubectl(&delete).await.unwrap();
    }

    async fn patch_status(&self, status: &Value) {
        let patch = json!({ "status": status }).to_string();
        let arguments = [
            "patch",
            FEDERATION.0,
            FEDERATION.2,
            "--subresource",
            "status",
            "--type",
            "merge",
            "-p",
            &patch,
        ];
        self.world.kubectl(&arguments).await.unwrap();
    }
}

#[tokio::test]
async fn a_lost_status_or_record_loses_no_key() {
    let rotated = Rotated::start().await;
    let world = &rotated.world;
    let nothing = json!({"keys": null, "published": null, "conditions": null, "providerArn": null, "accountId": null});
    rotated.patch_status(&nothing).await;
    look(world, "status wiped").await;
    wait_for_state(world, &rotated.old, "Retained").await;
    world.federation_ready("default").await.unwrap();
    assert_eq!(events(world, "KeyHistoryLost").await, 0);

    rotated.delete_record().await;
    look(world, "record wiped").await;
    wait_for_state(world, &rotated.old, "Retained").await;
    assert_eq!(events(world, "KeyHistoryLost").await, 1);
    rotated.witness.end();
}

#[tokio::test]
async fn a_restored_federation_without_a_status_goes_on_with_its_record() {
    let Rotated {
        mut world,
        witness,
        old,
        ..
    } = Rotated::start().await;
    world.stop_operator().await.unwrap();
    // As after a restore from a backup that has no status: another uid, nothing observed.
    let finalizers = json!({"metadata": {"finalizers": null}}).to_string();
    for (kind, name) in [("oidcfederation", "default"), ("iamrolebinding", "app")] {
        world
            .kubectl(&["patch", kind, name, "--type", "merge", "-p", &finalizers])
            .await
            .unwrap();
        world.kubectl(&["delete", kind, name]).await.unwrap();
    }
    world
        .cluster
        .apply_file(&repository().join("config/samples"), true)
        .await
        .unwrap();
    world.start_operator().await.unwrap();
    world.apply_samples().await.unwrap();
    wait_for_state(&world, &old, "Retained").await;
    witness.end();
}

#[tokio::test]
async fn with_the_record_lost_neither_status_nor_bucket_alone_makes_a_key() {
    let Rotated {
        mut world,
        witness,
        old,
        old_token,
    } = Rotated::start().await;
    let (in_bucket, in_status) = (rsa(), rsa());
    world.stop_operator().await.unwrap();
    let delete = ["delete", "configmap", RECORD, "-n", OPERATOR_NAMESPACE];
    world.kubectl(&delete).await.unwrap();

    let mut jwks: Value =
        serde_json::from_slice(&world.aws.s3(|s3| s3.object(ISSUER_BUCKET, JWKS).unwrap().body.clone())).unwrap();
    jwks["keys"].as_array_mut().unwrap().push(in_bucket.jwk().unwrap());
    world.aws.put_object(ISSUER_BUCKET, JWKS, jwks.to_string());
    let mut keys = super::federation(&world).await["status"]["keys"].clone();
    keys.as_array_mut().unwrap().push(json!({
        "kid": in_status.key_id(), "thumbprint": "0a".repeat(32), "alg": "RS256", "state": "Live",
        "firstSeen": "2026-01-01T00:00:00Z",
    }));
    let patch = json!({"status": {"keys": keys}}).to_string();
    let arguments = [
        "patch",
        FEDERATION.0,
        FEDERATION.2,
        "--subresource",
        "status",
        "--type",
        "merge",
        "-p",
        &patch,
    ];
    world.kubectl(&arguments).await.unwrap();
    let evil = forged(&old_token, &in_bucket, in_bucket.key_id());
    assert!(
        witness.verdict(&evil).await.is_ok(),
        "the attack is real as long as nobody looks"
    );

    world.start_operator().await.unwrap();
    look(&world, "record and more").await;
    witness.wait_for("the key of the bucket", &evil, false).await;
    for stranger in [&in_bucket, &in_status] {
        let token = forged(&old_token, stranger, stranger.key_id());
        assert_eq!(witness.verdict(&token).await.unwrap_err(), REFUSED);
        assert_eq!(state_of(&super::federation(&world).await, stranger), None);
    }
    wait_for_state(&world, &old, "Retained").await;
    witness.end();
}
