//! What the operator counts. Every label comes from a closed enum: no object names, no AWS messages.

mod labels;
mod moments;
mod objects;
mod state;

use std::time::{Duration, Instant};

use irsa_core::vocabulary::EventReason;
use irsa_pipeline::object::ObjectKind;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use self::labels::{KindLabel, KindLabels, PassLabels, ProofLabels};
pub use self::{
    labels::{PassResult, ProofResult},
    objects::Objects,
    state::ObjectState,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TransitionLabels {
    event: &'static str,
}

/// Counters of the controllers. Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    passes: Family<PassLabels, Counter>,
    duration: Family<KindLabels, Histogram, fn() -> Histogram>,
    drift_repaired: Family<KindLabels, Counter>,
    tampered: Counter,
    orphaned_roles: Gauge,
    abandoned: Family<KindLabels, Counter>,
    key_transitions: Family<TransitionLabels, Counter>,
    proofs: Family<ProofLabels, Counter>,
    /// Objects by state.
    pub objects: Objects,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            passes: Family::default(),
            duration: Family::new_with_constructor(seconds_histogram),
            drift_repaired: Family::default(),
            tampered: Counter::default(),
            orphaned_roles: Gauge::default(),
            abandoned: Family::default(),
            key_transitions: Family::default(),
            proofs: Family::default(),
            objects: Objects::default(),
        }
    }
}

fn seconds_histogram() -> Histogram {
    Histogram::new([0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0])
}

impl Metrics {
    /// Registers everything under the registry's prefix.
    ///
    /// What may happen for the first time is there as 0 from the start: an increase from nothing to 1 is none to Prometheus.
    pub fn register(&self, registry: &mut Registry) {
        for kind in [ObjectKind::Federation, ObjectKind::Binding] {
            drop(self.drift_repaired.get_or_create(&KindLabels::of(kind)));
        }
        for event in EventReason::OF_KEYS {
            let event = event.as_str();
            drop(self.key_transitions.get_or_create(&TransitionLabels { event }));
        }
        registry.register(
            "reconciles",
            "Passes over an object, by how they ended",
            self.passes.clone(),
        );
        registry.register_with_unit(
            "reconcile_duration",
            "Time that a pass took",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register(
            "drift_repaired",
            "Passes that put back what somebody had changed in AWS",
            self.drift_repaired.clone(),
        );
        registry.register(
            "documents_tampered",
            "Times that published documents were not the ones that we wrote",
            self.tampered.clone(),
        );
        for kind in [ObjectKind::Federation, ObjectKind::Binding] {
            drop(self.abandoned.get_or_create(&KindLabels::of(kind)));
        }
        registry.register(
            "abandoned",
            "Objects that were deleted by force and may have left something in AWS",
            self.abandoned.clone(),
        );
        registry.register(
            "orphaned_roles",
            "Roles that carry our marks and that no binding stands for",
            self.orphaned_roles.clone(),
        );
        registry.register(
            "key_transitions",
            "What happened to signing keys, by the reason of the event that tells of it",
            self.key_transitions.clone(),
        );
        for result in ProofResult::ALL {
            drop(self.proofs.get_or_create(&ProofLabels { result }));
        }
        registry.register(
            "proofs",
            "Roles for which tokens were shown to STS, by what it said",
            self.proofs.clone(),
        );
        self.objects.register(registry);
    }

    /// Starts the measurement of one pass.
    pub fn pass(&self, kind: ObjectKind) -> PassMeasurement<'_> {
        PassMeasurement {
            metrics: self,
            kind,
            started: Instant::now(),
            result: PassResult::Error,
        }
    }

    /// Counts a repair of drift.
    pub fn count_drift_repaired(&self, kind: ObjectKind) {
        self.drift_repaired.get_or_create(&KindLabels::of(kind)).inc();
    }

    /// Counts documents that were found changed by somebody else.
    pub fn count_documents_tampered(&self) {
        self.tampered.inc();
    }

    /// So many roles carry our marks and have no binding.
    pub fn set_orphaned_roles(&self, count: usize) {
        self.orphaned_roles.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Counts a proof.
    pub fn count_proof(&self, result: ProofResult) {
        self.proofs.get_or_create(&ProofLabels { result }).inc();
    }

    /// Counts a deletion by force that may have left something in AWS.
    pub fn count_abandoned(&self, kind: ObjectKind) {
        self.abandoned.get_or_create(&KindLabels::of(kind)).inc();
    }

    /// Counts what happened to one signing key, or to all of them.
    pub fn count_key_transition(&self, event: EventReason) {
        self.key_transitions
            .get_or_create(&TransitionLabels { event: event.as_str() })
            .inc();
    }
}

/// One pass being measured; counted when dropped, so that a pass that is cancelled counts too (as an error).
#[derive(Debug)]
pub struct PassMeasurement<'a> {
    metrics: &'a Metrics,
    kind: ObjectKind,
    started: Instant,
    result: PassResult,
}

impl PassMeasurement<'_> {
    /// Says how the pass ended.
    pub fn ended(&mut self, result: PassResult) {
        self.result = result;
    }

    /// Time since the pass began.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for PassMeasurement<'_> {
    fn drop(&mut self) {
        let kind = self.kind;
        self.metrics
            .passes
            .get_or_create(&PassLabels {
                kind: KindLabel(kind),
                result: self.result,
            })
            .inc();
        self.metrics
            .duration
            .get_or_create(&KindLabels::of(kind))
            .observe(self.started.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn a_pass_that_is_dropped_without_a_result_counts_as_an_error() {
        let metrics = Metrics::default();
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        metrics.pass(ObjectKind::Binding).ended(PassResult::Done);
        drop(metrics.pass(ObjectKind::Federation));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(
            text.contains(r#"reconciles_total{kind="binding",result="done"} 1"#),
            "{text}"
        );
        assert!(
            text.contains(r#"reconciles_total{kind="federation",result="error"} 1"#),
            "{text}"
        );
        assert!(
            text.contains(r#"reconcile_duration_seconds_count{kind="federation"} 1"#),
            "{text}"
        );
    }
}
