//! Two API servers on one etcd that do not agree.

use irsa_tests::world::World;

use super::{look, metric, rsa, token_of, wait_for_state, witness::Witness};

#[tokio::test]
async fn tokens_of_api_servers_that_disagree_are_all_accepted_for_as_long_as_they_do() {
    let (first, second) = (rsa(), rsa());
    let mut world = World::start_signing_with(first.clone()).await.unwrap();
    let other = world
        .cluster
        .add_api_server(second.clone(), [first.public().clone()])
        .await
        .unwrap();
    world.start_operator().await.unwrap();
    world.apply_samples().await.unwrap();
    let witness = Witness::start(&world).await;
    witness
        .trust("first", &token_of(&world.cluster.api_servers()[0]).await)
        .await;
    witness
        .trust("second", &token_of(&world.cluster.api_servers()[other]).await)
        .await;

    look(&world, "settled").await;
    let mark = world.mark().await.unwrap();
    for pass in ["one", "two", "three", "four"] {
        look(&world, pass).await;
    }
    let counts = world.counts_since(&mark).await.unwrap();
    assert!(counts.aws_writes.is_empty(), "{counts:#?}");
    let echoes = [("patch oidcfederations/status".to_owned(), 4)];
    assert_eq!(counts.kubernetes_writes, echoes.into(), "only the echoes");

    // One dies. What only it served is not retired: it may be behind a broken network and sign on.
    world.cluster.kill_api_server(other).await.unwrap();
    look(&world, "one is dead").await;
    let retried = metric(
        &world,
        "irsa_anywhere_reconciles_total{kind=\"federation\",result=\"retry\"}",
    );
    assert!(retried.is_some_and(|passes| passes >= 1.0), "{retried:?}");
    wait_for_state(&world, &second, "Live").await;

    // It comes back with the old key only: the rollout was taken back.
    world
        .cluster
        .restart_api_server(other, Some((first.clone(), Vec::new())))
        .await
        .unwrap();
    look(&world, "taken back").await;
    wait_for_state(&world, &second, "Retained").await;
    witness
        .trust("first again", &token_of(&world.cluster.api_servers()[other]).await)
        .await;

    // And once more, to the end.
    world
        .cluster
        .restart_api_server(other, Some((second.clone(), vec![first.public().clone()])))
        .await
        .unwrap();
    look(&world, "again").await;
    wait_for_state(&world, &second, "Live").await;
    world
        .cluster
        .restart_api_server(0, Some((second.clone(), vec![first.public().clone()])))
        .await
        .unwrap();
    look(&world, "everywhere").await;
    for server in world.cluster.api_servers() {
        witness.trust("second everywhere", &token_of(server).await).await;
    }
    world.federation_ready("default").await.unwrap();
    witness.end();
}
