//! Paths of objects and collections in the Kubernetes API.

/// An object's place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// `api/v1/configmaps`, `apis/example.dev/v1/things`
    pub(super) collection: String,
    /// Empty for an object without namespace.
    pub(super) namespace: String,
    pub(super) name: String,
}

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ObjectPath {
    pub(super) collection: String,
    pub(super) namespace: Option<String>,
    pub(super) target: Target,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Collection,
    Object { name: String, status: bool },
}

impl ObjectPath {
    /// `None` for what is no path of objects.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => (format!("api/{version}"), rest),
            ["apis", group, version, rest @ ..] => (format!("apis/{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
            rest => (None, rest),
        };
        let (plural, target) = match rest {
            [plural] => (plural, Target::Collection),
            [plural, name] => (plural, object(name, false)),
            [plural, name, "status"] => (plural, object(name, true)),
            _ => return None,
        };
        Some(Self {
            collection: format!("{group}/{plural}"),
            namespace,
            target,
        })
    }

    /// `v1`, `example.dev/v1`
    pub(super) fn api_version(&self) -> &str {
        let group = self.collection.rsplit_once('/').map_or("", |(group, _)| group);
        group.split_once('/').map_or("", |(_, version)| version)
    }

    pub(super) fn key(&self, name: &str) -> Key {
        Key {
            collection: self.collection.clone(),
            namespace: self.namespace.clone().unwrap_or_default(),
            name: name.to_owned(),
        }
    }

    /// Whether an object is in the collection.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.collection == key.collection
            && self
                .namespace
                .as_ref()
                .is_none_or(|namespace| *namespace == key.namespace)
    }
}

fn object(name: &str, status: bool) -> Target {
    Target::Object {
        name: name.to_owned(),
        status,
    }
}
