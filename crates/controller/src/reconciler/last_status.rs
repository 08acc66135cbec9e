//! The last status that we wrote of each object, until the watch shows it: a pass that starts in between must not
//! judge by, or write over, what it cannot see yet.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use kube::ResourceExt;
use serde_json::Value;

use irsa_pipeline::object::{Managed, ObjectKey};

#[derive(Debug, Default)]
pub(super) struct LastStatus(Mutex<HashMap<ObjectKey, (u64, Value)>>);

impl LastStatus {
    /// Remembers the answer to a status write.
    pub(super) fn remember<K: Managed>(&self, answer: &K) {
        if let (Some(version), Some(status)) = (version(answer), answer.status())
            && let Ok(status) = serde_json::to_value(status)
        {
            self.lock().insert(ObjectKey::of(answer), (version, status));
        }
    }

    /// The object with the status that we wrote last, where the watch does not show it yet.
    ///
    /// # Assumptions
    /// Resource versions of one kind can be compared as numbers, which Kubernetes promises from 1.35 on and every
    /// release so far has done. A version that is no number counts as current.
    pub(super) fn freshest<K: Managed>(&self, object: &K) -> K {
        let mut object = object.clone();
        let key = ObjectKey::of(&object);
        let mut written = self.lock();
        let Some((version_written, status)) = written.get(&key) else {
            return object;
        };
        if version(&object).is_none_or(|seen| seen >= *version_written) {
            written.remove(&key);
        } else if let Ok(status) = serde_json::from_value(status.clone()) {
            object.set_status(status);
        }
        object
    }

    pub(super) fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, (u64, Value)>> {
        // A poisoned lock means that another task panicked; the entries themselves are always whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn version<K: Managed>(object: &K) -> Option<u64> {
    object.resource_version()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use irsa_api::IamRoleBinding;
    use serde_json::json;

    use super::*;

    fn binding(version: &str, observed: Option<i64>) -> IamRoleBinding {
        serde_json::from_value(json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": "app", "namespace": "team", "uid": "1", "resourceVersion": version},
            "spec": {"serviceAccounts": [{"name": "app"}]},
            "status": observed.map(|generation| json!({"observedGeneration": generation})),
        }))
        .unwrap()
    }

    fn seen(object: &IamRoleBinding) -> Option<i64> {
        object.status.as_ref().and_then(|status| status.observed_generation)
    }

    #[test]
    fn what_we_wrote_counts_until_the_watch_has_caught_up() {
        let written = LastStatus::default();
        assert_eq!(seen(&written.freshest(&binding("9", None))), None);
        written.remember(&binding("10", Some(1)));
        assert_eq!(seen(&written.freshest(&binding("9", None))), Some(1));
        assert_eq!(seen(&written.freshest(&binding("11", Some(2)))), Some(2));
        assert_eq!(
            seen(&written.freshest(&binding("9", None))),
            None,
            "forgotten once it was seen"
        );
    }
}
