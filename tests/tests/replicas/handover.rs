//! A leader that ends: asked to, or not.

use std::time::Duration;

use crate::scene::{LONG, SHORT, Scene, metric};

#[tokio::test]
async fn a_leader_that_is_asked_to_end_finishes_what_it_has_begun_and_gives_the_lease_free() {
    let mut scene = Scene::start(&LONG).await;
    scene.begin_work(Duration::from_millis(500)).await;
    scene.leader.terminate().unwrap();
    // The lease expires in ten minutes: the other has it because it was given.
    scene.other_leads().await;
    let ended = scene.leader.ends().await.unwrap();
    assert!(ended.success(), "{ended}");
    scene.all_is_done(&["replica-a", "replica-b"]).await;
    let log = scene.leader.operator().log();
    assert!(log.contains("gave the lease free"), "{log}");
    assert_eq!(metric(&scene.other, "irsa_anywhere_leader").as_deref(), Some("1"));
    assert_eq!(
        metric(&scene.other, "irsa_anywhere_leader_transitions_total").as_deref(),
        Some("1")
    );
}

#[tokio::test]
async fn a_leader_that_is_killed_is_followed_when_its_lease_has_expired() {
    let scene = Scene::start(&SHORT).await;
    scene.begin_work(Duration::from_millis(500)).await;
    scene.leader.kill().unwrap();
    let last = scene.lease().await;
    scene.other_leads().await;
    let next = scene.lease().await;
    let time =
        |lease: &serde_json::Value, field: &str| lease[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let waited = time(&next, "acquireTime").duration_since(time(&last, "renewTime"));
    assert!(waited >= jiff::SignedDuration::from_secs(12), "too soon: {waited}");
    scene.all_is_done(&["replica-a", "replica-b"]).await;
}
