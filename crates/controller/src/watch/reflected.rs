//! A store of what a watch shows, which gives back its room.

use std::hash::Hash;

use futures::{Stream, TryStreamExt};
use kube::runtime::{
    reflector::{Lookup, store::Writer},
    watcher::{self, Event},
};

/// Has the store hold what these events show.
///
/// As `WatchStreamExt::reflect`, whose store keeps room for the most objects there ever were: when the last one goes, this one's
/// table is made anew. How much room a store has nobody can ask it; `make bench` measures what is left of many.
pub(crate) fn reflected<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    mut writer: Writer<K>,
) -> impl Stream<Item = watcher::Result<Event<K>>>
where
    K: Lookup + Clone + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    let store = writer.as_reader();
    let mut listing = false;
    events.inspect_ok(move |event| {
        writer.apply_watcher_event(event);
        match event {
            Event::Init => listing = true,
            Event::InitDone => listing = false,
            Event::Delete(_) if store.is_empty() && !listing => {
                writer.apply_watcher_event(&Event::Init);
                writer.apply_watcher_event(&Event::InitDone);
            }
            Event::InitApply(_) | Event::Apply(_) | Event::Delete(_) => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::reflector::store;
    use serde_json::json;

    use super::*;

    fn object(name: &str) -> ConfigMap {
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "a"}})).unwrap()
    }

    #[tokio::test]
    async fn the_store_has_what_was_shown_by_the_time_the_event_comes_also_when_all_was_gone_in_between() {
        let events = vec![
            (Event::Init, 0),
            (Event::InitApply(object("1")), 0),
            (Event::InitDone, 1),
            (Event::Apply(object("2")), 2),
            (Event::Delete(object("1")), 1),
            (Event::Delete(object("2")), 0),
            (Event::Apply(object("3")), 1),
            (Event::Init, 1),
            (Event::InitApply(object("3")), 1),
            (Event::Delete(object("3")), 0),
            (Event::InitApply(object("4")), 0),
            (Event::InitDone, 2),
        ];
        let (store, writer) = store();
        let (events, expected): (Vec<_>, Vec<usize>) = events.into_iter().unzip();
        let shown = reflected(stream::iter(events).map(Ok), writer);
        let there: Vec<usize> = shown.map(|_| store.len()).collect().await;
        assert_eq!(there, expected);
    }
}
