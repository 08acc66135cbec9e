//! Of what a watch shows the objects that changed, as far as it matters.
//!
//! Unlike `WatchStreamExt::predicate_filter` this forgets an object when the watch shows that it is gone: that one keeps each for an
//! hour, and room for the most there ever were. And it forgets none before: there, an object of which nothing was heard for an
//! hour counts as changed.

use std::{collections::HashMap, future::ready, mem};

use futures::{Stream, StreamExt};
use kube::{
    Resource, ResourceExt,
    runtime::{
        Predicate,
        watcher::{self, Event},
    },
};

use crate::memory::SpareRoom;

/// The objects that these events show for the first time, or with another `property` than before.
pub(crate) fn changed<K: Resource>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    property: impl Predicate<K>,
) -> impl Stream<Item = watcher::Result<K>> {
    let mut shown = Shown::default();
    events.filter_map(move |event| {
        let changed = event.map(|event| shown.changed(event, &property));
        ready(changed.transpose())
    })
}

/// The property's hash of each object that is there, by UID.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    hashes: HashMap<String, u64>,
    /// Those before the list that is being received.
    before: HashMap<String, u64>,
}

impl Shown {
    /// The object of this event, if it is shown for the first time or with another property than before.
    pub(crate) fn changed<K: Resource>(&mut self, event: Event<K>, property: &impl Predicate<K>) -> Option<K> {
        match event {
            Event::Init => {
                // A list that was interrupted has shown some of them already.
                self.before.extend(mem::take(&mut self.hashes));
                None
            }
            Event::InitApply(object) | Event::Apply(object) => {
                let is_new = self.is_new(object.uid(), property.hash_property(&object));
                is_new.then_some(object)
            }
            Event::InitDone => {
                self.before = HashMap::new();
                None
            }
            Event::Delete(object) => {
                if let Some(uid) = object.uid() {
                    self.hashes.remove(&uid);
                    self.hashes.give_back();
                }
                None
            }
        }
    }

    fn is_new(&mut self, uid: Option<String>, hash: Option<u64>) -> bool {
        // Of what cannot be compared nobody knows.
        let (Some(uid), Some(hash)) = (uid, hash) else {
            return true;
        };
        let listed_before = self.before.remove(&uid);
        self.hashes.insert(uid, hash).or(listed_before) != Some(hash)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::predicates;
    use serde_json::json;

    use super::*;

    fn object(uid: Option<&str>, generation: Option<i64>) -> ConfigMap {
        let metadata = json!({"name": "a", "uid": uid, "generation": generation});
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    /// Which of these events are passed on.
    fn passed(shown: &mut Shown, events: Vec<Event<ConfigMap>>) -> Vec<bool> {
        let events = events.into_iter();
        events
            .map(|event| shown.changed(event, &predicates::generation).is_some())
            .collect()
    }

    #[test]
    fn an_object_is_passed_on_when_it_is_new_and_when_its_property_is_another() {
        let of = |uid, generation| Event::Apply(object(Some(uid), Some(generation)));
        let events = vec![of("1", 1), of("1", 1), of("2", 1), of("1", 2), of("1", 2), of("1", 1)];
        assert_eq!(
            passed(&mut Shown::default(), events),
            [true, false, true, true, false, true]
        );
        let mut shown = Shown::default();
        for (uid, generation) in [(None, Some(1)), (Some("1"), None)] {
            let again = || Event::Apply(object(uid, generation));
            assert_eq!(passed(&mut shown, vec![again(), again()]), [true, true]);
        }
        assert!(shown.hashes.is_empty());
    }

    #[test]
    fn a_new_list_passes_on_what_changed_meanwhile_also_when_the_one_before_was_interrupted() {
        let listed = |uid, generation| Event::InitApply(object(Some(uid), Some(generation)));
        let mut shown = Shown::default();
        let all = ["1", "2", "3", "4"].map(|uid| listed(uid, 1)).into_iter();
        let first = std::iter::once(Event::Init).chain(all).chain([Event::InitDone]);
        assert_eq!(
            passed(&mut shown, first.collect()),
            [false, true, true, true, true, false]
        );
        let again = vec![Event::Init, listed("1", 2), Event::Init];
        assert_eq!(passed(&mut shown, again), [false, true, false]);
        let whole = vec![listed("1", 2), listed("2", 1), listed("3", 2), Event::InitDone];
        assert_eq!(passed(&mut shown, whole), [false, false, true, false]);
        assert!(shown.before.is_empty());
        assert_eq!(shown.hashes.len(), 3, "the fourth is gone");
    }

    #[tokio::test]
    async fn an_interruption_is_passed_on_and_changes_nothing() {
        let shown = || Ok(Event::Apply(object(Some("1"), Some(1))));
        let events = futures::stream::iter([shown(), Err(watcher::Error::NoResourceVersion), shown()]);
        let passed: Vec<bool> = changed(events, predicates::generation)
            .map(|object| object.is_ok())
            .collect()
            .await;
        assert_eq!(passed, [true, false]);
    }

    #[test]
    fn of_an_object_that_is_gone_nothing_is_kept() {
        let mut shown = Shown::default();
        let object = |number: i32| object(Some(&number.to_string()), Some(1));
        for number in 0..4_000 {
            assert_eq!(passed(&mut shown, vec![Event::Apply(object(number))]), [true]);
        }
        for number in 0..4_000 {
            passed(&mut shown, vec![Event::Delete(object(number))]);
        }
        assert!(shown.hashes.is_empty());
        assert!(shown.hashes.capacity() < 400, "{}", shown.hashes.capacity());
        assert_eq!(passed(&mut shown, vec![Event::Apply(object(1))]), [true]);
    }
}
