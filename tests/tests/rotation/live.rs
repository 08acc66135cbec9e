//! One cluster with one API server through every kind of rotation.

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::World;

use super::{REFUSED, events, forged, look, metric, rsa, state_of, token_of, wait_for_state, witness::Witness};

/// The operator's own token is signed by the cluster too; the kubelet gives it a new one in time.
async fn renew_operator(world: &mut World) {
    world.stop_operator().await.unwrap();
    world.start_operator().await.unwrap();
}

#[tokio::test]
async fn every_token_is_accepted_through_every_rotation() {
    let keys = [
        rsa(),
        rsa(),
        SigningKey::generate_ec_p256().unwrap(),
        SigningKey::generate_ec_p384().unwrap(),
        SigningKey::generate_ec_p521().unwrap(),
        rsa(),
    ];
    let [first, second, third, fourth, fifth, sixth] = &keys;
    let mut world = World::with_samples(first.clone()).await.unwrap();
    let witness = Witness::start(&world).await;
    let token = token_of(&world.cluster.api_servers()[0]).await;
    witness.trust("first", &token).await;

    // RSA to RSA, the old one still served. Nobody asks the operator to look.
    rotate(&mut world, second, &[first]).await;
    witness
        .trust("second", &token_of(&world.cluster.api_servers()[0]).await)
        .await;
    renew_operator(&mut world).await;

    // RSA to EC, the oldest no longer served.
    rotate(&mut world, third, &[second]).await;
    look(&world, "ec").await;
    wait_for_state(&world, first, "Retained").await;
    witness
        .trust("third", &token_of(&world.cluster.api_servers()[0]).await)
        .await;
    renew_operator(&mut world).await;

    // Three at a time.
    rotate(&mut world, fourth, &[third, fifth]).await;
    look(&world, "three").await;
    witness
        .trust("fourth", &token_of(&world.cluster.api_servers()[0]).await)
        .await;
    for key in [third, fourth, fifth] {
        wait_for_state(&world, key, "Live").await;
    }

    // All at once, as where there is one key, and while nobody looks.
    assert_eq!(events(&world, "AllKeysReplaced").await, 0);
    world.stop_operator().await.unwrap();
    rotate(&mut world, sixth, &[]).await;
    world.start_operator().await.unwrap();
    witness
        .trust("sixth", &token_of(&world.cluster.api_servers()[0]).await)
        .await;
    wait_for_state(&world, fifth, "Retained").await;
    assert_eq!(events(&world, "AllKeysReplaced").await, 1);

    // Back to the one before.
    rotate(&mut world, fourth, &[sixth]).await;
    look(&world, "back").await;
    wait_for_state(&world, fourth, "Live").await;
    witness
        .trust("fourth again", &token_of(&world.cluster.api_servers()[0]).await)
        .await;
    let federation = super::federation(&world).await;
    let states: Vec<_> = keys.iter().map(|key| state_of(&federation, key).unwrap()).collect();
    assert_eq!(states, ["Retained", "Retained", "Retained", "Live", "Retained", "Live"]);
    assert_eq!(federation["status"]["publishedKeys"], 6);

    let stranger = rsa();
    for kid in [stranger.key_id(), fourth.key_id(), first.key_id()] {
        let refused = witness.verdict(&forged(&token, &stranger, kid)).await;
        assert_eq!(refused.unwrap_err(), REFUSED);
    }

    renew_operator(&mut world).await;
    let mark = world.mark().await.unwrap();
    look(&world, "once more").await;
    let counts = world.counts_since(&mark).await.unwrap();
    assert!(counts.aws_writes.is_empty(), "{counts:#?}");
    assert_eq!(
        metric(&world, "irsa_anywhere_key_transitions_total"),
        None,
        "nothing happened to a key"
    );
    witness.end();
}

async fn rotate(world: &mut World, signing: &SigningKey, accepted: &[&SigningKey]) {
    let accepted = accepted.iter().map(|key| key.public().clone());
    world
        .cluster
        .restart_with_keys(signing.clone(), accepted)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_retained_key_goes_when_its_time_is_up_and_an_announced_one_is_there_before_its_first_token() {
    let (old, new) = (rsa(), SigningKey::generate_ec_p256().unwrap());
    let mut world = World::with_samples(old.clone()).await.unwrap();
    let witness = Witness::start(&world).await;
    let old_token = token_of(&world.cluster.api_servers()[0]).await;
    witness.trust("old", &old_token).await;
    let patch = serde_json::json!({"spec": {"signingKeys": {
        "retainFor": "20s", "additional": [{"name": "next", "publicKeyPem": new.public().pem()}],
    }}});
    world
        .kubectl(&[
            "patch",
            "oidcfederation",
            "default",
            "--type",
            "merge",
            "-p",
            &patch.to_string(),
        ])
        .await
        .unwrap();
    wait_for_state(&world, &new, "Additional").await;
    let early = forged(&old_token, &new, new.key_id());
    witness.trust("signed before any API server has the key", &early).await;

    world.stop_operator().await.unwrap();
    rotate(&mut world, &new, &[]).await;
    let new_token = token_of(&world.cluster.api_servers()[0]).await;
    assert!(
        witness.verdict(&new_token).await.is_ok(),
        "at once: nobody had to publish it first"
    );
    witness.trust("new", &new_token).await;
    world.start_operator().await.unwrap();
    wait_for_state(&world, &new, "Live").await;
    wait_for_state(&world, &old, "Retained").await;
    assert_eq!(events(&world, "KeyTakenUp").await, 1);
    assert_eq!(events(&world, "AllKeysReplaced").await, 0, "it was announced");
    assert_eq!(
        metric(&world, "irsa_anywhere_key_transitions_total{event=\"KeyRetained\"}"),
        Some(1.0)
    );

    witness.forget("old");
    witness.wait_for("old", &old_token, false).await;
    let gone = |federation: &serde_json::Value| state_of(federation, &old).is_none();
    world
        .wait_for("the old key to go", super::FEDERATION, gone)
        .await
        .unwrap();
    assert_eq!(events(&world, "KeyRemoved").await, 1);
    witness.end();
}
