//! Namespaces whose labels are others than before.

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    ResourceExt,
    core::PartialObjectMeta,
    runtime::{predicates, watcher::Event},
};

use crate::watch::Shown;

/// What the watch has shown.
#[derive(Debug, Default)]
pub(super) struct Relabelled {
    shown: Shown,
    /// Those of the list that is being received: the store has their labels when it is complete.
    listed: Vec<String>,
}

impl Relabelled {
    /// The namespaces of which the store has other labels after this event than a pass may have seen.
    pub(super) fn by(&mut self, event: Event<PartialObjectMeta<Namespace>>) -> Vec<String> {
        let is_of_a_list = matches!(event, Event::Init | Event::InitApply(_));
        let relabelled = self.shown.changed(event, &predicates::labels);
        self.listed.extend(relabelled.map(|namespace| namespace.name_any()));
        if is_of_a_list {
            return Vec::new();
        }
        std::mem::take(&mut self.listed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn namespace(name: &str, team: &str) -> PartialObjectMeta<Namespace> {
        let metadata = json!({"name": name, "uid": name, "labels": {"team": team}});
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    #[test]
    fn what_a_list_shows_counts_when_the_list_is_complete_and_anything_else_at_once() {
        let mut relabelled = Relabelled::default();
        let mut names = |event| relabelled.by(event);
        let none = Vec::<String>::new();
        let listed = |name, team| Event::InitApply(namespace(name, team));
        for event in [Event::Init, listed("a", "x"), listed("b", "x")] {
            assert_eq!(names(event), none);
        }
        assert_eq!(names(Event::InitDone), ["a", "b"]);
        assert_eq!(names(Event::Apply(namespace("a", "x"))), none);
        assert_eq!(names(Event::Apply(namespace("a", "y"))), ["a"]);
        assert_eq!(names(Event::Delete(namespace("a", "y"))), none);

        // Relabelled while nobody watched, and shown by a list that is interrupted and begins anew.
        for event in [Event::Init, listed("b", "y"), Event::Init, listed("b", "y")] {
            assert_eq!(names(event), none);
        }
        assert_eq!(names(Event::InitDone), ["b"]);
        assert_eq!(names(Event::InitDone), none);
    }
}
