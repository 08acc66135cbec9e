//! Who leads, as metrics; read when somebody asks, because a claim ends without anybody doing anything.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use k8s_openapi::api::coordination::v1::Lease;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

use super::Claim;
use crate::memory::Locked;

/// The election as this replica sees it. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct ElectionMetrics {
    /// `None`: the only replica, which leads always.
    claim: Option<Claim>,
    /// `spec.leaseTransitions` as last seen.
    transitions: Arc<Locked<Option<u64>>>,
    failures: Arc<AtomicU64>,
}

impl ElectionMetrics {
    /// Of the replica with this claim. The default is the only replica's.
    pub(super) fn of(claim: Claim) -> Self {
        Self {
            claim: Some(claim),
            ..Self::default()
        }
    }

    pub(super) fn seen(&self, lease: &Lease) {
        let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
        let transitions = transitions.and_then(|count| u64::try_from(count).ok());
        *self.transitions.lock() = transitions;
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}

impl Collector for ElectionMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let leads = self.claim.as_ref().is_none_or(|claim| claim.until().is_some());
        let leader = ConstGauge::new(i64::from(leads));
        let help = "Whether this replica may write at this moment";
        leader.encode(encoder.encode_descriptor("leader", help, None, leader.metric_type())?)?;

        // Kept in the Lease and not in the process, so a restart is no transition; absent until the Lease was seen.
        let transitions = *self.transitions.lock();
        if let Some(transitions) = transitions {
            let transitions = ConstCounter::new(transitions);
            let help = "How often the lease has passed to another holder, as the lease says";
            transitions.encode(encoder.encode_descriptor(
                "leader_transitions",
                help,
                None,
                transitions.metric_type(),
            )?)?;
        }

        let failures = ConstCounter::new(self.failures.load(Ordering::Relaxed));
        let help = "Times that the lease could not be read or written";
        failures.encode(encoder.encode_descriptor("lease_failures", help, None, failures.metric_type())?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use prometheus_client::{encoding::text::encode, registry::Registry};
    use tokio::time::{Instant, advance};

    use super::*;

    fn text(metrics: &ElectionMetrics) -> String {
        let mut registry = Registry::with_prefix("irsa_anywhere");
        registry.register_collector(Box::new(metrics.clone()));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_leads_while_its_claim_holds_and_the_only_one_always() {
        let claim = Claim::default();
        let metrics = ElectionMetrics::of(claim.clone());
        assert!(text(&metrics).contains("irsa_anywhere_leader 0\n"));
        claim.extend(Instant::now() + Duration::from_secs(1));
        assert!(text(&metrics).contains("irsa_anywhere_leader 1\n"));
        advance(Duration::from_secs(1)).await;
        assert!(text(&metrics).contains("irsa_anywhere_leader 0\n"));
        assert!(text(&ElectionMetrics::default()).contains("irsa_anywhere_leader 1\n"));
    }

    #[test]
    fn transitions_are_those_of_the_lease_and_failures_our_own() {
        let metrics = ElectionMetrics::of(Claim::default());
        assert!(!text(&metrics).contains("leader_transitions"), "{}", text(&metrics));
        metrics.seen(&Lease {
            spec: Some(LeaseSpec {
                lease_transitions: Some(7),
                ..LeaseSpec::default()
            }),
            ..Lease::default()
        });
        metrics.failed();
        let text = text(&metrics);
        assert!(text.contains("irsa_anywhere_leader_transitions_total 7\n"), "{text}");
        assert!(text.contains("irsa_anywhere_lease_failures_total 1\n"), "{text}");
    }
}
