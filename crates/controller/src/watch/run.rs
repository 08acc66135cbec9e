//! The loop of a controller: from events and triggers to passes.

use std::{pin::pin, sync::Arc};

use futures::{Stream, StreamExt, channel::mpsc::UnboundedReceiver, stream};
use irsa_pipeline::{object::Managed, stage::chain};
use kube::runtime::{
    Controller,
    reflector::{ObjectRef, Store},
    watcher,
};
use tracing::{debug, trace};

use super::{decode::Decoded, trigger::Trigger};
use crate::reconciler::{Reconciler, error_policy, reconcile};

/// Makes passes over what is asked for, `concurrency` at a time, from when `store` is filled until `stop`; those that have
/// begun are finished, those that wait for their turn are left to the next leader, and what was told is written.
pub(crate) async fn run<R: Reconciler>(
    store: Store<Decoded<R::Kind>>,
    asked: UnboundedReceiver<ObjectRef<Decoded<R::Kind>>>,
    reconciler: Arc<R>,
    concurrency: u16,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let events = reconciler.driver().events.clone();
    let stop = {
        let reconciler = Arc::clone(&reconciler);
        async move {
            stop.await;
            reconciler.driver().close();
        }
    };
    Controller::for_stream(stream::pending(), store)
        // 0 would mean without limit.
        .with_config(kube::runtime::Config::default().concurrency(concurrency.max(1)))
        .reconcile_on(asked)
        .graceful_shutdown_on(stop)
        .run(reconcile::<R>, error_policy, reconciler)
        // Each pass has told of itself.
        .for_each(|result| async move {
            if let Err(error) = result {
                trace!(%error, "the controller goes on");
            }
        })
        .await;
    events.written().await;
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
