//! What this process remembers of federations between passes. Losing it costs a full pass or a less exact event, never
//! a wrong write.

use std::{collections::HashSet, sync::Arc, time::Duration};

use irsa_core::plan::Fingerprint;
use irsa_pipeline::{
    federation::{
        observe::{
            audiences::AudienceCheck,
            cluster::ObservedCluster,
            injection::{ObservedAdmission, UnseenAdmission},
        },
        verify::PublicCopy,
    },
    object::ObjectKey,
    step_error::StepError,
};
use tokio::time::Instant;

use crate::memory::{Applied, Locked, PerObject, propagation::LastChange};

/// What a full pass made, and how it ended: in an unchanged world the next one would end the same.
#[derive(Debug, Clone)]
pub(super) struct FullPass {
    /// The spec that it spoke of.
    pub(super) generation: i64,
    /// The request that it acted on.
    pub(super) requested_at: Option<String>,
    /// When it was.
    pub(super) at: Instant,
    /// Both documents.
    pub(super) served: [PublicCopy; 2],
    /// How it ended: with everything done, or with everything but what the API servers must do.
    pub(super) ended: Result<String, StepError>,
}

/// What surrounds a federation in the cluster, and when that was looked at.
#[derive(Debug, Clone)]
pub(super) struct ClusterChecks {
    pub(super) generation: i64,
    pub(super) requested_at: Option<String>,
    pub(super) at: Instant,
    pub(super) audiences: AudienceCheck,
    pub(super) injection: Result<ObservedAdmission, UnseenAdmission>,
}

/// What is remembered of one federation.
#[derive(Debug, Default)]
pub(super) struct FederationRecord {
    /// The last full pass, if AWS was then as it must be.
    full: Option<FullPass>,
    /// What was last made of it in full.
    applied: Option<Applied>,
    /// What surrounded it when that was last looked at.
    cluster_checks: Option<Arc<ClusterChecks>>,
    /// A challenge to other instances, and since when it has been seen to stand.
    challenge: Option<(String, Instant)>,
    /// What this pass has seen of the cluster.
    seen: Option<ObservedCluster>,
    /// When its provider may last have been made or changed.
    change: LastChange,
}

impl AsRef<LastChange> for FederationRecord {
    fn as_ref(&self) -> &LastChange {
        &self.change
    }
}

impl AsMut<LastChange> for FederationRecord {
    fn as_mut(&mut self) -> &mut LastChange {
        &mut self.change
    }
}

/// What is remembered of all. Nothing is left in it of one that the watch has shown to be gone.
#[derive(Debug, Default)]
pub(super) struct FederationMemory {
    records: PerObject<FederationRecord>,
    /// Outlives the record: somebody else's finalizer may still hold one that was let go.
    released: Locked<HashSet<ObjectKey>>,
}

impl FederationMemory {
    /// One record for each federation.
    pub(super) fn records(&self) -> &PerObject<FederationRecord> {
        &self.records
    }

    /// What this pass has seen of the cluster, for a look at the end of one that ends early.
    pub(super) fn see(&self, federation: &ObjectKey, seen: ObservedCluster) {
        self.records.with(federation, |record| record.seen = Some(seen));
    }

    /// What this pass has seen of the cluster; nothing where it did not come that far.
    pub(super) fn take_seen(&self, federation: &ObjectKey) -> Option<ObservedCluster> {
        self.records.take(federation, |record| record.seen.take())
    }

    /// The last full pass, if AWS was then as it must be.
    pub(super) fn full(&self, federation: &ObjectKey) -> Option<FullPass> {
        self.records.peek(federation, |record| record.full.clone())
    }

    /// A full pass left AWS as it must be.
    pub(super) fn remember(&self, federation: &ObjectKey, full: FullPass) {
        self.records.with(federation, |record| record.full = Some(full));
    }

    /// Whatever was good may not be any more: the next pass is a full one.
    pub(super) fn doubt(&self, federation: &ObjectKey) {
        self.records.take(federation, |record| record.full.take());
    }

    /// What was last made of the federation in full.
    pub(super) fn applied(&self, federation: &ObjectKey) -> Option<Fingerprint> {
        self.records
            .peek(federation, |record| Some(record.applied?.fingerprint))
    }

    /// How long to wait until a difference to what was just made in IAM counts as drift.
    pub(super) fn settles_in(&self, federation: &ObjectKey) -> Option<Duration> {
        self.records.peek(federation, |record| record.applied?.settles_in())
    }

    /// The federation was made this; `wrote` tells whether that took a write to IAM.
    pub(super) fn made(&self, federation: &ObjectKey, fingerprint: Fingerprint, wrote: bool) {
        self.records.with(federation, |record| {
            record.applied = Some(Applied::now(fingerprint, wrote, record.applied));
        });
    }

    /// What surrounded it when that was last looked at.
    pub(super) fn cluster_checks(&self, federation: &ObjectKey) -> Option<Arc<ClusterChecks>> {
        self.records.peek(federation, |record| record.cluster_checks.clone())
    }

    /// What surrounds it now.
    pub(super) fn remember_cluster_checks(&self, federation: &ObjectKey, cluster_checks: Arc<ClusterChecks>) {
        self.records
            .with(federation, |record| record.cluster_checks = Some(cluster_checks));
    }

    /// For how long a challenge has been seen to stand.
    pub(super) fn challenge_stands(&self, federation: &ObjectKey, challenge: &str) -> Duration {
        self.records.with(federation, |record| match &record.challenge {
            Some((known, since)) if known == challenge => since.elapsed(),
            _ => {
                record.challenge = Some((challenge.to_owned(), Instant::now()));
                Duration::ZERO
            }
        })
    }

    /// Nothing of the federation is there any more: its record goes, and it may.
    pub(super) fn let_go(&self, federation: ObjectKey) {
        self.records.remove(&federation);
        self.released(federation);
    }

    /// Nothing of the federation is to be removed any more: it may go.
    pub(super) fn released(&self, federation: ObjectKey) {
        self.released.lock().insert(federation);
    }

    /// Whether a federation has been let go.
    pub(super) fn is_released(&self, federation: &ObjectKey) -> bool {
        self.released.lock().contains(federation)
    }

    /// Forgets a federation that is gone.
    pub(super) fn forget(&self, federation: &ObjectKey) {
        self.records.remove(federation);
        self.released.lock().remove(federation);
    }

    /// Forgets all federations but these.
    pub(super) fn keep_only(&self, present: &HashSet<ObjectKey>) {
        self.records.retain(|key| present.contains(key));
        self.released.lock().retain(|key| present.contains(key));
    }

    /// How many entries there are, in all maps.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.records.len() + self.released.lock().len()
    }
}
