//! The loop of a controller: from events and triggers to passes.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, Stream, StreamExt, channel::mpsc::UnboundedReceiver, future::select, stream};
use irsa_pipeline::{object::Managed, stage::chain};
use kube::runtime::{Controller, reflector::ObjectRef, watcher};
use tokio::time::sleep;
use tracing::{debug, trace};

use super::{decode::Decoded, trigger::Trigger};
use crate::{
    memory::Locked,
    reconciler::{Reconciler, error_policy, reconcile},
};

/// Between two looks at whether all objects are gone.
const LOOK: Duration = Duration::from_mins(1);
/// So many objects make queues that are worth getting rid of.
const MANY: usize = 256;

/// Makes passes over what is asked for, `concurrency` at a time, from when the trigger's store is filled until `stop`; those
/// that have begun are finished, those that wait for their turn are left to the next leader, and what was told is written.
///
/// # Guarantees
/// When many objects have come and all have gone, and no pass is under way, kube's controller is made anew, because its queues
/// never become smaller. Nothing that is asked for meanwhile is lost, and nobody waits for it.
pub(crate) async fn run<R: Reconciler>(
    trigger: &Trigger<R::Kind>,
    asked: UnboundedReceiver<ObjectRef<Decoded<R::Kind>>>,
    reconciler: Arc<R>,
    concurrency: u16,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let asked = Lent(Arc::new(Locked::new(asked)));
    let closing = Arc::clone(&reconciler);
    let stop = stop.map(move |()| closing.driver().close()).shared();
    loop {
        let all_gone = all_gone(trigger.clone(), Arc::clone(&reconciler)).shared();
        Controller::for_stream(stream::pending(), trigger.store().clone())
            // 0 would mean without limit.
            .with_config(kube::runtime::Config::default().concurrency(concurrency.max(1)))
            .reconcile_on(asked.clone())
            .graceful_shutdown_on(select(stop.clone(), all_gone.clone()).map(drop))
            .run(reconcile::<R>, error_policy, Arc::clone(&reconciler))
            // Each pass has told of itself.
            .for_each(|result| async move {
                if let Err(error) = result {
                    trace!(%error, "the controller goes on");
                }
            })
            .await;
        if stop.peek().is_some() || all_gone.peek().is_none() {
            break;
        }
        debug!(kind = ?R::Kind::KIND, "all objects are gone: the controller is made anew");
        reconciler.all_gone();
        // What came since then may have been asked for of the controller that has ended.
        trigger.wake_all();
    }
    reconciler.driver().events.written().await;
}

/// What is asked for, for one controller after the other.
struct Lent<K: Managed>(Arc<Locked<UnboundedReceiver<ObjectRef<Decoded<K>>>>>);

impl<K: Managed> Clone for Lent<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Managed> Stream for Lent<K> {
    type Item = ObjectRef<Decoded<K>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.lock().poll_next_unpin(context)
    }
}

/// Waits until none is left of what were many, and nothing is under way: a controller that ends begins nothing until the last of
/// its passes is over, and one that hangs would hold up what comes anew.
async fn all_gone<R: Reconciler>(trigger: Trigger<R::Kind>, reconciler: Arc<R>) {
    while trigger.most() < MANY || !trigger.store().is_empty() || !reconciler.driver().is_idle() {
        sleep(LOOK).await;
    }
    trigger.count_anew();
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
