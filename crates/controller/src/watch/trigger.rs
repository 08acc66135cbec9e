//! Asking for passes over objects that something else concerns.

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use irsa_pipeline::object::Managed;
use kube::{
    Resource,
    runtime::reflector::{ObjectRef, Store},
};

use super::{decode::Decoded, trim::reference_to};

/// Asks for passes over objects of one kind. Clones ask the same controller.
#[derive(Clone)]
pub(crate) struct Trigger<K: Managed> {
    store: Store<Decoded<K>>,
    asked: UnboundedSender<ObjectRef<Decoded<K>>>,
}

impl<K: Managed> Trigger<K> {
    /// A trigger for the objects of this store, and what it asks for.
    pub(crate) fn over(store: Store<Decoded<K>>) -> (Self, UnboundedReceiver<ObjectRef<Decoded<K>>>) {
        let (asked, passes) = unbounded();
        (Self { store, asked }, passes)
    }

    /// The objects that passes can be asked for.
    pub(crate) fn store(&self) -> &Store<Decoded<K>> {
        &self.store
    }

    /// Asks for a pass over this one.
    pub(crate) fn wake(&self, object: &impl Resource<DynamicType = ()>) {
        // Nobody listens any more only when the controller has stopped.
        let _ = self.asked.unbounded_send(reference_to(object));
    }

    /// Asks for a pass over each that `wanted` names.
    pub(crate) fn wake_where(&self, wanted: impl Fn(&K) -> bool) {
        for object in self.store.state() {
            if let Some(object) = object.object().filter(|object| wanted(object)) {
                self.wake(object);
            }
        }
    }
}
