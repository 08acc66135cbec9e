//! Each kind watched once, for both controllers.
//!
//! The controller of bindings watches bindings, that of federations federations; what the other one needs of them comes
//! from here. Both watches run from the start, so that neither controller waits for what the other one waits for.

use std::future::pending;

use futures::{
    StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
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
    let (told, events) = unbounded();
    let federations = WatchOfFederations {
        bindings: store.clone(),
        departed: Heard(departed),
        told,
    };
    let bindings = WatchOfBindings {
        store,
        writer,
        went,
        federations: Heard(events),
    };
    (federations, bindings)
}

/// The side that watches federations.
pub struct WatchOfFederations {
    /// All bindings.
    pub(crate) bindings: Store<Decoded<IamRoleBinding>>,
    /// The federation of each binding that the store has lost.
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
    /// Where the federation of each one that has left the store is told.
    pub(crate) went: UnboundedSender<String>,
    /// What the watch of federations shows.
    pub(crate) federations: Heard<Event<Decoded<OidcFederation>>>,
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
