//! What is known of each object, as far as metrics go: its state, its verdict, its keys, and what it waits for.
//!
//! Filled from the watch and the object's own status, so that the figures are right before the first pass of a new
//! process, and kept from what each pass concluded, so that asking for metrics costs nothing. An object that the watch
//! does not show any more is not counted, whatever a pass that was under way still concludes.

mod gauges;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use irsa_core::{
    outcome::Condition,
    vocabulary::{ConditionType, Reason},
};
use irsa_pipeline::object::{Managed, ObjectKey, ObjectKind};
use jiff::{SignedDuration, Timestamp};
use kube::runtime::watcher::Event;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use self::gauges::ObjectGauges;
use super::{
    labels::{KindLabel, PassResult},
    moments::Moments,
    state::ObjectState,
};
use crate::{
    memory::{Locked, SpareRoom},
    watch::Decoded,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    kind: KindLabel,
    state: ObjectState,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    kind: KindLabel,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConditionLabels {
    condition: &'static str,
}

/// The gauges. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    states: Family<StateLabels, Gauge>,
    reasons: Family<ReasonLabels, Gauge>,
    published_keys: Gauge,
    failing: Family<ConditionLabels, Gauge>,
    moments: Moments,
    known: Arc<Locked<HashMap<(ObjectKind, ObjectKey), ObjectGauges>>>,
}

impl Objects {
    pub(super) fn register(&self, registry: &mut Registry) {
        for kind in [ObjectKind::Federation, ObjectKind::Binding] {
            for state in ObjectState::ALL {
                drop(self.states.get_or_create(&StateLabels {
                    kind: KindLabel(kind),
                    state,
                }));
            }
            for reason in Reason::ALL {
                let reason = reason.as_str();
                drop(self.reasons.get_or_create(&ReasonLabels {
                    kind: KindLabel(kind),
                    reason,
                }));
            }
        }
        for condition in ConditionType::ADVISORY_ASPECTS {
            let condition = condition.as_str();
            drop(self.failing.get_or_create(&ConditionLabels { condition }));
        }
        registry.register(
            "failing_conditions",
            "Federations of which a condition that Ready does not depend on says False",
            self.failing.clone(),
        );
        registry.register("objects", "Objects by state", self.states.clone());
        registry.register(
            "object_reasons",
            "Objects by the reason of the verdict of their last pass",
            self.reasons.clone(),
        );
        registry.register(
            "published_keys",
            "Signing keys in the published documents",
            self.published_keys.clone(),
        );
        registry.register_collector(Box::new(self.moments.clone()));
    }

    /// Keeps up with a watch of one kind: give it each event, before a pass over the object can begin.
    pub(crate) fn follow<K: Managed>(&self) -> impl FnMut(&Event<Decoded<K>>) + Send + 'static + use<K> {
        let objects = self.clone();
        let mut listed = HashSet::new();
        move |event| match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                listed.insert(ObjectKey::of(object));
                objects.seen(object, Timestamp::now());
            }
            Event::InitDone => objects.keep_only(K::KIND, &std::mem::take(&mut listed)),
            Event::Apply(object) => objects.seen(object, Timestamp::now()),
            Event::Delete(object) => objects.gone(K::KIND, &ObjectKey::of(object)),
        }
    }

    /// The watch shows an object. One that is known already stays as its last pass found it.
    fn seen<K: Managed>(&self, object: &Decoded<K>, now: Timestamp) {
        let key = ObjectKey::of(object);
        let mut all = self.known.lock();
        let unknown = match all.get(&(K::KIND, key.clone())) {
            None => true,
            Some(known) => (known.state == ObjectState::Unreadable) != object.outline().is_none(),
        };
        if !unknown {
            return;
        }
        let found = match object.whole() {
            // Nothing of ours is left of it; it waits for somebody else's finalizer.
            Some(object) if object.is_deleted() && !object.has_finalizer() => return,
            Some(object) => ObjectGauges::from_status(&object, now),
            None => ObjectGauges::unreadable(),
        };
        self.replace(&mut all, K::KIND, key, Some(found));
    }

    /// A pass concluded this of an object.
    pub(crate) fn concluded<K: Managed>(
        &self,
        object: &K,
        reason: Reason,
        conditions: &[Condition],
        status: &K::Status,
        now: Timestamp,
    ) {
        self.update(K::KIND, ObjectKey::of(object), |known| {
            known.conclude(object, reason, conditions, status, now);
        });
    }

    /// A pass over an object could not be concluded.
    pub(crate) fn failed(&self, kind: ObjectKind, key: ObjectKey, now: Timestamp) {
        self.update(kind, key, |known| known.waits(PassResult::Error, now));
    }

    /// Everybody could read a federation's documents as they must be.
    pub(crate) fn read_publicly(&self, key: ObjectKey, now: Timestamp) {
        self.update(ObjectKind::Federation, key, |known| known.public_read = Some(now));
    }

    /// The next pass over an object is due after this; with `None` when something happens.
    pub(crate) fn due(&self, kind: ObjectKind, key: ObjectKey, after: Option<Duration>, now: Timestamp) {
        let due = after.and_then(|after| now.checked_add(SignedDuration::try_from(after).ok()?).ok());
        self.update(kind, key, |known| known.due = due);
    }

    /// An object is gone.
    pub(crate) fn gone(&self, kind: ObjectKind, key: &ObjectKey) {
        self.replace(&mut self.known.lock(), kind, key.clone(), None);
    }

    fn keep_only(&self, kind: ObjectKind, listed: &HashSet<ObjectKey>) {
        let mut all = self.known.lock();
        let absent = |(of, key): &&(ObjectKind, ObjectKey)| *of == kind && !listed.contains(key);
        let gone: Vec<ObjectKey> = all.keys().filter(absent).map(|(_, key)| key.clone()).collect();
        for key in gone {
            self.replace(&mut all, kind, key, None);
        }
    }

    fn update(&self, kind: ObjectKind, key: ObjectKey, change: impl FnOnce(&mut ObjectGauges)) {
        let mut all = self.known.lock();
        if let Some(mut known) = all.get(&(kind, key.clone())).cloned() {
            change(&mut known);
            self.replace(&mut all, kind, key, Some(known));
        }
    }

    fn replace(
        &self,
        all: &mut HashMap<(ObjectKind, ObjectKey), ObjectGauges>,
        kind: ObjectKind,
        key: ObjectKey,
        after: Option<ObjectGauges>,
    ) {
        let before = if let Some(known) = after.clone() {
            all.insert((kind, key), known)
        } else {
            let before = all.remove(&(kind, key));
            all.give_back();
            before
        };
        self.count(kind, before.as_ref(), -1);
        self.count(kind, after.as_ref(), 1);
        gauges::move_moments(&self.moments, kind, before.as_ref(), after.as_ref());
    }

    fn count(&self, kind: ObjectKind, known: Option<&ObjectGauges>, by: i64) {
        let Some(known) = known else { return };
        let state = known.state;
        self.states
            .get_or_create(&StateLabels {
                kind: KindLabel(kind),
                state,
            })
            .inc_by(by);
        if let Some(reason) = known.reason {
            let reason = reason.as_str();
            self.reasons
                .get_or_create(&ReasonLabels {
                    kind: KindLabel(kind),
                    reason,
                })
                .inc_by(by);
        }
        self.published_keys.inc_by(by * known.published_keys);
        for condition in &known.failing {
            let condition = condition.as_str();
            self.failing.get_or_create(&ConditionLabels { condition }).inc_by(by);
        }
    }
}

#[cfg(test)]
mod tests;
