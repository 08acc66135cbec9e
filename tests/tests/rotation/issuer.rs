//! docs/issuer.md on a running cluster, step by step.

use irsa_testkit::controlplane::{ControlPlane, SigningKey};
use irsa_tests::world::{ISSUER, World, objects::says};
use serde_json::Value;

use super::{FEDERATION, look, token_of, witness::Witness};

const OLD: &str = "https://kubernetes.default.svc.cluster.local";

/// Whether every API server lets this token in.
async fn accepted_by_all(cluster: &ControlPlane, token: &str) -> bool {
    for server in cluster.api_servers() {
        let as_bearer = server.client().with_token(Some(token));
        if as_bearer.get("/api").await.unwrap().status == 401 {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn the_issuer_is_switched_in_the_documented_order_without_a_token_refused() {
    let key = SigningKey::generate_rsa().unwrap();
    let mut world = World::start_signing_as(&[OLD], key.clone()).await.unwrap();
    let other = world.cluster.add_api_server(key, []).await.unwrap();
    world.start_operator().await.unwrap();
    let cluster = &world.cluster;
    cluster.ensure_service_account("default", "app").await.unwrap();
    let api_token = cluster.api_token("default", "app").await.unwrap();

    // 1: everything is made while the cluster signs as somebody else.
    cluster
        .apply_file(&irsa_tests::world::repository().join("config/samples"), true)
        .await
        .unwrap();
    let prepared = |federation: &Value| {
        ["Published", "PubliclyReadable", "ProviderRegistered"]
            .iter()
            .all(|kind| says(federation, kind, "True"))
            && says(federation, "Ready", "IssuerMismatch")
    };
    world
        .wait_for("all but the issuer", FEDERATION, prepared)
        .await
        .unwrap();

    // 2: accepted everywhere, signed with by nobody.
    for server in [0, other] {
        world
            .cluster
            .restart_with_issuers(server, &[OLD, ISSUER])
            .await
            .unwrap();
        assert!(accepted_by_all(&world.cluster, &api_token).await);
    }
    look(&world, "accepted").await;
    world
        .wait_for("all but the issuer", FEDERATION, prepared)
        .await
        .unwrap();

    // 3: signed with, one server after the other; each accepts what the other one issues.
    for server in [0, other] {
        world
            .cluster
            .restart_with_issuers(server, &[ISSUER, OLD])
            .await
            .unwrap();
        let new = world.cluster.api_token("default", "app").await.unwrap();
        assert!(accepted_by_all(&world.cluster, &new).await, "a new token");
        assert!(accepted_by_all(&world.cluster, &api_token).await, "an old one");
        look(&world, &format!("signing {server}")).await;
    }
    world.federation_ready("default").await.unwrap();
    world.binding_ready("default", "app").await.unwrap();
    let witness = Witness::start(&world).await;
    for server in world.cluster.api_servers() {
        witness.trust("after the switch", &token_of(server).await).await;
    }
    world.stop_operator().await.unwrap();
    world.start_operator().await.unwrap();

    // 5: the old issuer is dropped.
    for server in [0, other] {
        world.cluster.restart_with_issuers(server, &[ISSUER]).await.unwrap();
    }
    look(&world, "dropped").await;
    world.federation_ready("default").await.unwrap();
    assert!(!accepted_by_all(&world.cluster, &api_token).await, "as the page says");
    witness.end();
}
