//! Stopped dead before and after each call, and started again.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    calls::{self, Calls, Point, When},
    scene::{Act, Scene},
    snapshot,
};

/// Longest that a call takes to be reached; one that is not reached then was not made in this run.
const REACHED_WITHIN: Duration = Duration::from_secs(8);
/// Writes to AWS beyond those of an undisturbed run. A trust that was narrowed and not yet set as wanted is set in two steps.
const EXTRA_WRITES: usize = 2;
/// Calls to AWS beyond twice those of an undisturbed run: the pass that was cut off, and a whole one.
const EXTRA_CALLS: usize = 8;
/// What an earlier process may have made a moment ago, and IAM does not show, is looked for again for 75 s before it counts
/// as gone: six times, or seven, each with the reads of one cleanup.
const EXTRA_CALLS_OF_A_DELETION: usize = 28;

/// One undisturbed run: its calls, and the world after it.
pub(crate) async fn record(scene: &Scene) -> (Calls, serde_json::Value) {
    let start = calls::start(&scene.world);
    scene.act().await;
    let deadline = Instant::now() + Duration::from_mins(1);
    while !scene.is_done().await {
        assert!(Instant::now() < deadline, "{:?} does not end", scene.act);
        sleep(Duration::from_millis(40)).await;
    }
    // Events and a second pass may come after.
    sleep(Duration::from_millis(700)).await;
    (calls::since(&scene.world, &start), snapshot::take(&scene.world).await)
}

/// Whether the call was reached; then the operator was killed at it.
async fn stop_at(scene: &mut Scene, point: &Point, when: When) -> bool {
    let start = calls::start(&scene.world);
    point.arm(&scene.world, when);
    scene.act().await;
    let deadline = Instant::now() + REACHED_WITHIN;
    let mut settled = None;
    let reached = loop {
        if calls::hangs(&scene.world, &start) {
            break true;
        }
        // Done and quiet: the call is not made in this run.
        if settled.is_none() && scene.is_done().await {
            settled = Some(Instant::now());
        }
        let quiet = settled.is_some_and(|since: Instant| since.elapsed() > Duration::from_millis(700));
        if quiet || Instant::now() > deadline {
            break false;
        }
        sleep(Duration::from_millis(20)).await;
    };
    scene.world.kill_operator().await.unwrap();
    calls::disarm(&scene.world);
    scene.world.start_operator().await.unwrap();
    reached
}

async fn every_stop(act: Act, fewest: usize) {
    let mut scene = Scene::start(act).await;
    let (mut usual, expected) = record(&scene).await;
    // What only a slow run does, or one in which an interval ends, cannot be met again.
    scene.prepare().await;
    let (again, _) = record(&scene).await;
    usual.points.retain(|point| again.points.contains(point));
    assert!(
        usual.points.len() >= fewest,
        "only {} calls: {:#?}",
        usual.points.len(),
        usual.points
    );
    let extra_calls = match act {
        Act::Create | Act::Update => EXTRA_CALLS,
        Act::Delete => EXTRA_CALLS_OF_A_DELETION,
    };
    let mut missed = Vec::new();
    let mut stops = 0;
    for point in &usual.points {
        for when in [When::Before, When::After] {
            // A read has no effect.
            if when == When::After && !point.is_write() {
                continue;
            }
            scene.prepare().await;
            let context = format!("{act:?}, killed {when:?} {point}");
            let start = calls::start(&scene.world);
            stops += 1;
            if !stop_at(&mut scene, point, when).await {
                missed.push(context.clone());
            }
            scene.converges_to(&expected, &context).await;
            let spent = calls::since(&scene.world, &start);
            assert!(
                spent.aws_writes <= usual.aws_writes + EXTRA_WRITES,
                "{context}: {} writes, usually {}",
                spent.aws_writes,
                usual.aws_writes
            );
            assert!(
                spent.aws <= 2 * usual.aws + extra_calls,
                "{context}: {} calls, usually {}",
                spent.aws,
                usual.aws
            );
        }
    }
    println!(
        "{act:?}: {stops} stops at {} calls, of which {} were not reached",
        usual.points.len(),
        missed.len()
    );
    assert!(
        missed.len() * 10 <= stops,
        "too many calls were not made again: {missed:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_stops_anywhere_ends_the_same() {
    every_stop(Act::Create, 25).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_stops_anywhere_ends_the_same() {
    every_stop(Act::Update, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_stops_anywhere_ends_the_same() {
    every_stop(Act::Delete, 15).await;
}
