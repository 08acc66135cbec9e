//! Asking for passes over objects that something else concerns.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use irsa_pipeline::object::Managed;
use kube::{
    Resource,
    runtime::{
        reflector::{ObjectRef, Store},
        watcher::Event,
    },
};

use super::{decode::Decoded, trim::reference_to};
use crate::memory::Locked;

/// What is asked for while a list is read; `None`: none is.
type Held<K> = Option<HashSet<ObjectRef<Decoded<K>>>>;

/// Asks for passes over objects of one kind. Clones ask the same controller.
///
/// # Guarantees
/// A pass that is asked for while the objects are listed anew is made once the store has the whole list, until which it is as it was
/// before: a pass over an object of the first page would find it as it was, or not at all, and be over. What the store knew already
/// gets a pass at once too, because a list that fails again and again must not keep a role open that something else has closed.
#[derive(Clone)]
pub(crate) struct Trigger<K: Managed> {
    store: Store<Decoded<K>>,
    asked: UnboundedSender<ObjectRef<Decoded<K>>>,
    held: Arc<Locked<Held<K>>>,
    /// The most objects that there were.
    most: Arc<AtomicUsize>,
}

impl<K: Managed> Trigger<K> {
    /// A trigger for the objects of this store, and what it asks for.
    pub(crate) fn over(store: Store<Decoded<K>>) -> (Self, UnboundedReceiver<ObjectRef<Decoded<K>>>) {
        let (asked, passes) = unbounded();
        let trigger = Self {
            store,
            asked,
            held: Arc::default(),
            most: Arc::default(),
        };
        (trigger, passes)
    }

    /// The objects that passes can be asked for.
    pub(crate) fn store(&self) -> &Store<Decoded<K>> {
        &self.store
    }

    /// Asks for a pass over this one.
    pub(crate) fn wake(&self, object: &impl Resource<DynamicType = ()>) {
        let object = reference_to(object);
        if let Some(held) = self.held.lock().as_mut() {
            held.insert(object.clone());
            if self.store.get(&object).is_none() {
                return;
            }
        }
        self.ask(object);
    }

    fn ask(&self, object: ObjectRef<Decoded<K>>) {
        // Nobody listens any more only when the controller has stopped.
        let _ = self.asked.unbounded_send(object);
    }

    /// The most objects that the store had, as far as [`Self::follow`] was told.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// Learns from an event of the watch, which the store has taken already, whether a list is being read.
    pub(crate) fn follow(&self, event: &Event<Decoded<K>>) {
        self.most.fetch_max(self.store.len(), Ordering::Relaxed);
        match event {
            // A list that could not be read to its end begins again.
            Event::Init => {
                self.held.lock().get_or_insert_default();
            }
            Event::InitDone => {
                let held = self.held.lock().take();
                held.into_iter().flatten().for_each(|object| self.ask(object));
            }
            Event::InitApply(_) | Event::Apply(_) | Event::Delete(_) => {}
        }
    }

    /// Asks for a pass over each that `wanted` names.
    pub(crate) fn wake_where(&self, wanted: impl Fn(&K) -> bool) {
        for object in self.store.state() {
            if let Some(object) = object.outline().filter(|object| wanted(object)) {
                self.wake(object);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use irsa_api::OidcFederation;
    use kube::{ResourceExt, runtime::reflector};
    use serde_json::json;

    use super::*;

    fn federation(name: &str) -> Decoded<OidcFederation> {
        let federation = json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation", "metadata": {"name": name},
            "spec": {"issuer": "https://example.com", "publish": {"s3": {"bucket": "b", "region": "eu-central-1"}}},
        });
        Decoded::of(serde_json::from_value(federation).unwrap())
    }

    #[test]
    fn what_a_new_list_shows_is_woken_when_the_store_has_it_and_what_was_there_before_at_once_too() {
        let (store, mut writer) = reflector::store();
        let (trigger, mut asked) = Trigger::over(store);
        // As the controllers do: the store first, then the trigger, then a pass over what is shown.
        let mut happens = |event: Event<Decoded<OidcFederation>>| {
            writer.apply_watcher_event(&event);
            trigger.follow(&event);
            if let Event::Apply(shown) | Event::InitApply(shown) = &event {
                trigger.wake(shown);
            }
            let mut found = Vec::new();
            while let Ok(reference) = asked.try_recv() {
                let there = trigger.store().get(&reference).map(|object| object.name_any());
                found.push(there.unwrap_or_else(|| panic!("{reference} is not there yet")));
            }
            found
        };
        let none: [&str; 0] = [];
        assert_eq!(happens(Event::Apply(federation("old"))), ["old"]);
        // The watch broke; the new list breaks too, and is begun again.
        for _ in 0..2 {
            assert_eq!(happens(Event::Init), none);
            assert_eq!(happens(Event::InitApply(federation("new"))), none);
            assert_eq!(happens(Event::InitApply(federation("old"))), ["old"], "as it was");
        }
        let mut woken = happens(Event::InitDone);
        woken.sort();
        assert_eq!(woken, ["new", "old"]);
        assert_eq!(
            happens(Event::Apply(federation("newer"))),
            ["newer"],
            "and then at once"
        );
    }
}
