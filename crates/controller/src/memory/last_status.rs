//! The last status that we wrote of an object, until the watch shows it: a pass that starts in between must not judge by, or
//! write over, what it cannot see yet.

use irsa_pipeline::object::Managed;
use kube::ResourceExt;

/// The resource version of the answer to our last status write, and the status in it: as text, because each object of a tree is an
/// allocation of its own, of half a kilobyte.
#[derive(Debug, Default)]
pub(crate) struct LastStatus(Option<(u64, Box<str>)>);

impl LastStatus {
    /// Remembers the answer to a status write.
    pub(crate) fn remember<K: Managed>(&mut self, answer: &K) {
        if let (Some(version), Some(status)) = (version(answer), answer.status())
            && let Ok(status) = serde_json::to_string(status)
        {
            self.0 = Some((version, status.into_boxed_str()));
        }
    }

    /// The status that we wrote last, if that is newer than this object; forgotten once it is not.
    ///
    /// # Assumptions
    /// Resource versions of one kind can be compared as numbers, which Kubernetes promises from 1.35 on and every
    /// release so far has done. A version that is no number counts as current.
    pub(crate) fn newer_than<K: Managed>(&mut self, object: &K) -> Option<K::Status> {
        let (version_written, status) = self.0.as_ref()?;
        if version(object).is_none_or(|seen| seen >= *version_written) {
            self.0 = None;
            return None;
        }
        serde_json::from_str(status).ok()
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

    #[test]
    fn what_we_wrote_counts_until_the_watch_has_caught_up() {
        let mut written = LastStatus::default();
        let newer_than = |written: &mut LastStatus, version| {
            let status = written.newer_than(&binding(version, None));
            status.and_then(|status| status.observed_generation)
        };
        assert_eq!(newer_than(&mut written, "9"), None);
        written.remember(&binding("10", Some(1)));
        assert_eq!(newer_than(&mut written, "9"), Some(1));
        assert_eq!(newer_than(&mut written, "11"), None);
        assert_eq!(newer_than(&mut written, "9"), None, "forgotten once it was seen");
    }
}
