//! The loop of a controller: from events and triggers to passes.

use std::{pin::pin, sync::Arc, time::Duration};

use futures::{FutureExt, Stream, StreamExt, channel::mpsc::UnboundedReceiver, future::select, stream};
use irsa_pipeline::{object::Managed, stage::chain};
use kube::runtime::{Controller, reflector::ObjectRef, watcher};
use tokio::time::sleep;
use tracing::{debug, trace};

use super::{decode::Decoded, trigger::Trigger};
use crate::reconciler::{Reconciler, error_policy, reconcile};

/// Between two looks at whether all objects are gone.
const LOOK: Duration = Duration::from_mins(1);
/// So many objects leave behind what is worth getting rid of.
const MANY: usize = 128;

/// Why a controller has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnded {
    /// It was told to.
    Stopped,
    /// Many objects have come and all have gone. What was made on the way (kube's queues never become smaller; connections
    /// lie between the objects' room, and keep it) goes with whoever drops all there is, and begins again.
    AllGone,
}

/// Makes passes over what is asked for, `concurrency` at a time, from when the trigger's store is filled until `stop`, or until
/// many objects have come, all have gone and it is `quiet`; passes that have begun are finished, those that wait for their turn are left
/// to the next leader, and what was told is written.
///
/// # Guarantees
/// It ends by itself only while no pass is under way, so that nobody waits for whoever begins again.
pub(crate) async fn run<R: Reconciler>(
    trigger: &Trigger<R::Kind>,
    asked: UnboundedReceiver<ObjectRef<Decoded<R::Kind>>>,
    reconciler: Arc<R>,
    concurrency: u16,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
    quiet: impl Fn() -> bool + Send + Sync + 'static,
) -> RunEnded {
    let closing = Arc::clone(&reconciler);
    let stop = stop.map(move |()| closing.driver().close()).shared();
    let all_gone = all_gone(trigger.clone(), Arc::clone(&reconciler), quiet).shared();
    Controller::for_stream(stream::pending(), trigger.store().clone())
        // 0 would mean without limit.
        .with_config(kube::runtime::Config::default().concurrency(concurrency.max(1)))
        .reconcile_on(asked)
        .graceful_shutdown_on(select(stop.clone(), all_gone.clone()).map(drop))
        .run(reconcile::<R>, error_policy, Arc::clone(&reconciler))
        // Each pass has told of itself.
        .for_each(|result| async move {
            if let Err(error) = result {
                trace!(%error, "the controller goes on");
            }
        })
        .await;
    reconciler.driver().events.written().await;
    match all_gone.peek() {
        Some(()) if stop.peek().is_none() => RunEnded::AllGone,
        _ => RunEnded::Stopped,
    }
}

/// Waits until none is left of what were many, and nothing is under way: a controller that ends begins nothing until the last of
/// its passes is over, and one that hangs would hold up what comes anew.
async fn all_gone<R: Reconciler>(trigger: Trigger<R::Kind>, reconciler: Arc<R>, quiet: impl Fn() -> bool) {
    // The last question stops others.
    while trigger.most() < MANY || !trigger.store().is_empty() || !reconciler.driver().is_idle() || !quiet() {
        sleep(LOOK).await;
    }
}

/// Asks for a pass over each object that its watch shows, for ever.
pub(crate) async fn wake_shown<K: Managed>(
    shown: impl Stream<Item = Result<Decoded<K>, watcher::Error>>,
    trigger: &Trigger<K>,
) {
    let mut shown = pin!(shown);
    while let Some(next) = shown.next().await {
        match next {
            Ok(object) => trigger.wake(&object),
            Err(error) => debug!(error = chain(&error), kind = ?K::KIND, "the watch was interrupted"),
        }
    }
}
