//! A leader that does not know that it is one no longer.

use std::time::Duration;

use irsa_testkit::controlplane::ApiCall;

use crate::scene::{SHORT, Scene};

#[tokio::test]
async fn a_leader_that_was_stopped_in_the_middle_writes_nothing_when_it_goes_on() {
    let mut scene = Scene::start(&SHORT).await;
    scene.begin_work(Duration::from_millis(500)).await;
    scene.leader.freeze().unwrap();
    scene.other_leads().await;
    scene.all_is_done(&["replica-a", "replica-b"]).await;

    let (aws, api) = (scene.world.aws.mark(), scene.leader.proxy.mark());
    scene.leader.thaw().unwrap();
    let ended = scene.leader.ends().await.unwrap();
    assert!(!ended.success(), "the kubelet would not start it again: {ended}");
    assert_eq!(scene.world.aws_writes_of("replica-a", Some(aws)), []);
    let calls: Vec<ApiCall> = scene.leader.proxy.calls().split_off(api);
    let writes = calls
        .iter()
        .filter(|call| !["get", "list", "watch"].contains(&call.verb.as_str()));
    assert_eq!(writes.count(), 0, "not even the lease: {calls:?}");
    let log = scene.leader.operator().log();
    assert!(log.contains("could not be renewed"), "{log}");
}

#[tokio::test]
async fn a_leader_that_is_cut_off_from_the_api_server_stops_writing_to_aws_before_another_takes_over() {
    let mut scene = Scene::start(&SHORT).await;
    // What is under way would take longer than the lease.
    scene.begin_work(Duration::from_secs(2)).await;
    let cut = scene.world.aws.mark();
    scene.leader.proxy.isolate();
    scene.other_leads().await;
    let taken = scene.lease().await["acquireTime"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
    let ended = scene.leader.ends().await.unwrap();
    assert!(!ended.success(), "{ended}");
    scene.all_is_done(&["replica-a", "replica-b"]).await;

    let writes = scene.world.aws_writes_of("replica-a", Some(cut));
    assert!(!writes.is_empty(), "AWS was within reach, and the claim not over yet");
    for entry in writes {
        assert!(entry.at < taken, "{entry:?} after the take-over at {taken}");
    }
}
