//! How many objects are in which state, and how many signing keys are published.
//!
//! Kept from what each pass concluded, so that asking for metrics costs nothing.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use irsa_core::{outcome::Status, vocabulary::Reason};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use super::Kind;
use crate::object::ObjectKey;

/// The state of an object, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectState {
    /// `Ready=True`.
    Ready,
    /// `Ready=False` for a reason outside its spec, or for now.
    NotReady,
    /// `Ready=Unknown`.
    Unknown,
    /// `Stalled=True`: its spec must change.
    Stalled,
    /// `spec.suspend`.
    Suspended,
}

impl ObjectState {
    const ALL: [Self; 5] = [
        Self::Ready,
        Self::NotReady,
        Self::Unknown,
        Self::Stalled,
        Self::Suspended,
    ];

    /// The state that these conditions say.
    pub fn of(conditions: &[irsa_core::outcome::Condition]) -> Self {
        let find = |kind: &str| conditions.iter().find(|condition| condition.kind == kind);
        let ready = find("Ready");
        match ready.map(|ready| ready.status) {
            _ if ready.is_some_and(|ready| ready.reason == Reason::Suspended.as_str()) => Self::Suspended,
            _ if find("Stalled").is_some() => Self::Stalled,
            Some(Status::True) => Self::Ready,
            Some(Status::False) => Self::NotReady,
            Some(Status::Unknown) | None => Self::Unknown,
        }
    }
}

impl EncodeLabelValue for ObjectState {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        let text = match self {
            Self::Ready => "ready",
            Self::NotReady => "not_ready",
            Self::Unknown => "unknown",
            Self::Stalled => "stalled",
            Self::Suspended => "suspended",
        };
        text.encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    kind: Kind,
    state: ObjectState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    state: ObjectState,
    published_keys: i64,
}

/// The gauges. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    states: Family<StateLabels, Gauge>,
    published_keys: Gauge,
    known: Arc<Mutex<HashMap<(Kind, ObjectKey), Known>>>,
}

impl Objects {
    pub(super) fn register(&self, registry: &mut Registry) {
        for kind in [Kind::Federation, Kind::Binding] {
            for state in ObjectState::ALL {
                drop(self.states.get_or_create(&StateLabels { kind, state }));
            }
        }
        registry.register("objects", "Objects by state", self.states.clone());
        registry.register(
            "published_keys",
            "Signing keys in the published documents",
            self.published_keys.clone(),
        );
    }

    /// An object is now in this state, with this many keys published.
    pub(crate) fn concluded(&self, kind: Kind, key: ObjectKey, state: ObjectState, published_keys: i64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.insert((kind, key), Known { state, published_keys });
        self.count(kind, before, -1);
        self.count(kind, Some(Known { state, published_keys }), 1);
    }

    /// An object is gone.
    pub(crate) fn gone(&self, kind: Kind, key: &ObjectKey) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.remove(&(kind, key.clone()));
        self.count(kind, before, -1);
    }

    fn count(&self, kind: Kind, known: Option<Known>, by: i64) {
        if let Some(Known { state, published_keys }) = known {
            self.states.get_or_create(&StateLabels { kind, state }).inc_by(by);
            self.published_keys.inc_by(by * published_keys);
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey {
            namespace: String::new(),
            name: name.to_owned(),
            uid: name.to_owned(),
        }
    }

    #[test]
    fn an_object_is_counted_once_in_its_last_state_until_it_is_gone() {
        let objects = Objects::default();
        let mut registry = Registry::default();
        objects.register(&mut registry);
        let line = |wanted: &str| {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            assert!(text.contains(wanted), "{wanted} is not in\n{text}");
        };
        line(r#"objects{kind="federation",state="ready"} 0"#);
        objects.concluded(Kind::Federation, key("a"), ObjectState::Unknown, 0);
        objects.concluded(Kind::Federation, key("a"), ObjectState::Ready, 2);
        objects.concluded(Kind::Federation, key("b"), ObjectState::Ready, 3);
        line(r#"objects{kind="federation",state="ready"} 2"#);
        line(r#"objects{kind="federation",state="unknown"} 0"#);
        line("published_keys 5");
        objects.gone(Kind::Federation, &key("a"));
        objects.gone(Kind::Federation, &key("a"));
        line(r#"objects{kind="federation",state="ready"} 1"#);
        line("published_keys 3");
    }
}
