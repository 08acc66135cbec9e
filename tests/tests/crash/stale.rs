//! IAM's reads show the account as it was a minute ago, the longest that is asked of the operator to bear. Its double's
//! clock is moved on instead of a minute being waited for; what the operator itself waits for, it waits for in real time.

use std::time::Duration;

use irsa_tests::world::{ACCOUNT, World};
use jiff::SignedDuration;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    calls,
    scene::{Act, Scene},
    snapshot::{BINDING, FEDERATION},
    stops::record,
};

const LAG: SignedDuration = SignedDuration::from_secs(60);
/// Longer than the operator takes what it has just written for settling: after that, old reads look like drift to it.
const PASSES: usize = 14;

/// What the first reads of the act see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// What the act starts from, for long.
    TheStart,
    /// Not even that: it was made a moment ago.
    NothingOfIt,
}

/// Asks for a pass over both objects, if they are there.
async fn ask(world: &World, number: usize) {
    for path in [FEDERATION, BINDING] {
        let annotations = json!({"irsa-anywhere.dev/reconcile-requested-at": format!("{number}")});
        let patch = json!({"metadata": {"annotations": annotations}});
        let client = world.cluster.client().unwrap();
        let kind = Some("application/merge-patch+json");
        let reply = client
            .request("PATCH".parse().unwrap(), path, Some(&patch), kind)
            .await
            .unwrap();
        assert!(reply.is_success() || reply.status == 404, "{}", reply.message());
    }
}

/// The writes to AWS since that changed something, or would have: IAM lets a policy be attached twice. What is refused, as
/// the second creation of a role, costs a call a pass.
fn writes(world: &World, start: &calls::Start) -> Vec<String> {
    let mut writes = calls::aws_since(world, start);
    writes.retain(irsa_testkit::aws::Entry::is_effective_write);
    writes
        .iter()
        .map(|call| format!("{} {}", call.operation, call.resource))
        .collect()
}

async fn stale(act: Act) {
    let scene = Scene::start(act).await;
    let (usual, expected) = record(&scene).await;
    let account = scene.world.aws.account(ACCOUNT);
    let pass_a_minute = || scene.world.aws.clock().advance(LAG + SignedDuration::from_secs(1));
    for before in [Before::TheStart, Before::NothingOfIt] {
        let context = format!("{act:?} with stale reads, which see {before:?}");
        scene.prepare().await;
        account.set_consistency_delay(LAG);
        if before == Before::TheStart {
            pass_a_minute();
        }
        let start = calls::start(&scene.world);
        scene.act().await;
        for number in 0..PASSES {
            ask(&scene.world, number).await;
            sleep(Duration::from_secs(1)).await;
        }
        pass_a_minute();
        // Passes that were asked for and failed have made the next one late.
        ask(&scene.world, PASSES).await;
        scene.converges_to(&expected, &context).await;
        let made = writes(&scene.world, &start);
        println!("{context}: {} writes, usually {}", made.len(), usual.aws_writes);
        // Each is made once, again when what was read looks like drift, and again when that has become visible.
        assert!(made.len() <= 3 * usual.aws_writes.max(1), "{context}: {made:#?}");

        let start = calls::start(&scene.world);
        pass_a_minute();
        for number in 0..4 {
            ask(&scene.world, 100 + number).await;
            sleep(Duration::from_millis(700)).await;
        }
        assert_eq!(
            writes(&scene.world, &start),
            Vec::<String>::new(),
            "{context}: it does not come to rest"
        );
        scene.converges_to(&expected, &context).await;
        account.set_consistency_delay(SignedDuration::ZERO);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_with_reads_that_are_a_minute_old_ends_the_same() {
    stale(Act::Create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_with_reads_that_are_a_minute_old_ends_the_same() {
    stale(Act::Update).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_with_reads_that_are_a_minute_old_ends_the_same() {
    stale(Act::Delete).await;
}
