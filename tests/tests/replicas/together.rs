//! Two that start together, and two whose clocks differ.

use std::time::Duration;

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{Skew, World};
use serde_json::Value;

use crate::scene::{LONG, SHORT, Scene, federation, is_up, metric};

#[tokio::test]
async fn of_two_that_start_together_one_works_and_the_other_writes_nothing_and_is_ready() {
    let world = World::start_signing_with(SigningKey::generate_rsa().unwrap())
        .await
        .unwrap();
    let (one, two) = tokio::join!(
        world.start_replica("replica-a", &LONG, None),
        world.start_replica("replica-b", &LONG, None)
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    is_up(&world, &one).await;
    is_up(&world, &two).await;
    world.cluster.apply_yaml(&federation().to_string()).await.unwrap();
    world.apply_samples().await.unwrap();

    let writers = world.aws_writers();
    assert_eq!(writers.len(), 1, "{writers:?}");
    let (works, idles) = if writers[0] == one.name {
        (&one, &two)
    } else {
        (&two, &one)
    };
    assert_eq!(world.aws_calls_of(&idles.name, None), [], "it stands by");
    assert_eq!(idles.api_writes(0), []);
    assert!(!works.api_writes(0).is_empty());
    assert_eq!(metric(works, "irsa_anywhere_leader").as_deref(), Some("1"));
    assert_eq!(metric(idles, "irsa_anywhere_leader").as_deref(), Some("0"));
    for replica in [works, idles] {
        assert_eq!(
            metric(replica, "irsa_anywhere_leader_transitions_total").as_deref(),
            Some("0")
        );
    }
    // Whoever works does so with the rights of its own user only.
    let made = world.aws.requests();
    let made = made.iter().filter(|entry| entry.operation == "iam:CreateRole");
    assert_eq!(made.count(), 1);
}

#[tokio::test]
async fn clocks_that_are_minutes_apart_neither_take_the_lease_away_nor_keep_it() {
    let (ahead, behind) = (Skew::seconds(300).unwrap(), Skew::seconds(-300).unwrap());
    // The one that looks would find every renewal ten minutes old, and one that compared times would take over at once.
    let scene = Scene::start_skewed(&SHORT, [Some(&behind), Some(&ahead)]).await;
    let before = renewed(&scene.lease().await);
    let holder = scene.holder().await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(scene.holder().await, holder);
    assert!(renewed(&scene.lease().await) > before);
    assert_eq!(scene.lease().await["leaseTransitions"], 0);
    scene.begin_work(Duration::from_millis(500)).await;
    scene.leader.kill().unwrap();
    scene.other_leads().await;
    scene.all_is_done(&["replica-a", "replica-b"]).await;
    let after = renewed(&scene.lease().await);
    let apart = after.duration_since(before);
    assert!(
        apart > jiff::SignedDuration::from_mins(9),
        "the clocks were not apart: {apart}"
    );
}

fn renewed(lease: &Value) -> jiff::Timestamp {
    lease["renewTime"].as_str().unwrap().parse().unwrap()
}
