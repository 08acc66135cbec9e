//! Each kind watched once, for both controllers.
//!
//! The controller of bindings watches bindings, that of federations federations; what the other one needs of them comes
//! from here. Both watches run from the start, so that neither controller waits for what the other one waits for.

use std::future::pending;

use futures::{
    StreamExt,
    channel::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
        oneshot,
    },
};
use irsa_api::{IamRoleBinding, OidcFederation};
use kube::runtime::{
    reflector::{self, Store, store::Writer},
    watcher::Event,
};

use super::decode::Decoded;

/// What the watches of both kinds have in common, for the controller of federations and for that of bindings.
pub fn shared() -> (WatchOfFederations, WatchOfBindings) {
    let (store, writer) = reflector::store();
    let (went, departed) = unbounded();
    let (listed, all_listed) = oneshot::channel();
    let (told, events) = unbounded();
    let federations = WatchOfFederations {
        bindings: store.clone(),
        listed: all_listed,
        departed: Heard(departed),
        told,
    };
    let bindings = WatchOfBindings {
        store,
        writer,
        lost: Losses {
            went,
            listed: Some(listed),
        },
        federations: Heard(events),
    };
    (federations, bindings)
}

/// The side that watches federations.
pub struct WatchOfFederations {
    /// All bindings.
    pub(crate) bindings: Store<Decoded<IamRoleBinding>>,
    /// Says when the store has all of them. The store itself can be waited for by one task only: of several, kube wakes the
    /// one that asked last.
    pub(crate) listed: oneshot::Receiver<()>,
    /// The federation of each binding that the watch showed to be deleted. Of those that only a new list lacks nothing is told.
    pub(crate) departed: Heard<String>,
    /// Where each event is told. Whoever has stopped listening is about to end.
    pub(crate) told: UnboundedSender<Event<Decoded<OidcFederation>>>,
}

/// The side that watches bindings.
pub struct WatchOfBindings {
    /// All bindings.
    pub(crate) store: Store<Decoded<IamRoleBinding>>,
    /// Where the watch puts them.
    pub(crate) writer: Writer<Decoded<IamRoleBinding>>,
    /// What the other side is told of them.
    pub(crate) lost: Losses,
    /// What the watch of federations shows.
    pub(crate) federations: Heard<Event<Decoded<OidcFederation>>>,
}

/// What the controller of federations is told of the watch of bindings.
pub(crate) struct Losses {
    went: UnboundedSender<String>,
    listed: Option<oneshot::Sender<()>>,
}

impl Losses {
    /// Tells of an event that the store shows already.
    pub(crate) fn tell(&mut self, event: &Event<Decoded<IamRoleBinding>>) {
        // Nobody listens any more only when that controller has stopped.
        match event {
            Event::Delete(binding) => {
                if let Some(binding) = binding.outline() {
                    let _ = self.went.unbounded_send(binding.spec.federation_ref.name.clone());
                }
            }
            Event::InitDone => {
                if let Some(listed) = self.listed.take() {
                    let _ = listed.send(());
                }
            }
            Event::Init | Event::InitApply(_) | Event::Apply(_) => {}
        }
    }
}

/// What the other side tells.
pub(crate) struct Heard<T>(UnboundedReceiver<T>);

impl<T> Heard<T> {
    /// The next word; waits for ever when the other side has ended: this one finishes what it has begun.
    pub(crate) async fn next(&mut self) -> T {
        match self.0.next().await {
            Some(told) => told,
            None => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{task::yield_now, time::timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn both_controllers_learn_that_all_bindings_are_listed_whichever_asked_last() {
        for federations_first in [true, false] {
            let (federations, bindings) = shared();
            let WatchOfBindings {
                store,
                mut writer,
                mut lost,
                ..
            } = bindings;
            let wait_for_list = || tokio::spawn(federations.listed);
            let wait_for_store = || tokio::spawn(async move { store.wait_until_ready().await });
            let (listed, ready) = if federations_first {
                let listed = wait_for_list();
                yield_now().await;
                (listed, wait_for_store())
            } else {
                let ready = wait_for_store();
                yield_now().await;
                (wait_for_list(), ready)
            };
            yield_now().await;
            for event in [Event::Init, Event::InitDone] {
                writer.apply_watcher_event(&event);
                lost.tell(&event);
            }
            let both = async { futures::join!(listed, ready) };
            let (listed, ready) = timeout(Duration::from_secs(1), both).await.expect("one was not woken");
            assert!(listed.unwrap().is_ok() && ready.unwrap().is_ok());
        }
    }
}
