//! The loop of a controller: from events and triggers to passes.

use std::sync::Arc;

use futures::{Stream, StreamExt, channel::mpsc::UnboundedReceiver};
use kube::runtime::{
    Controller,
    reflector::{ObjectRef, Store},
    watcher,
};
use tracing::trace;

use super::decode::Decoded;
use crate::reconciler::{Reconciler, error_policy, reconcile};

/// Makes passes over what `main` shows and what is asked for, `concurrency` at a time, until `stop`; those that have begun
/// are finished, those that wait for their turn are left to the next leader, and what was told is written.
pub(crate) async fn run<R: Reconciler>(
    main: impl Stream<Item = Result<Decoded<R::Kind>, watcher::Error>> + Send + 'static,
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
    Controller::for_stream(main, store)
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
