//! What this process remembers of federations between passes. Losing it costs a full pass or a less exact event, never
//! a wrong write.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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

/// IAM shows a change within seconds. A difference found sooner after our own write is more likely old than drift.
const SETTLE: Duration = Duration::from_secs(10);

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

#[derive(Debug, Default)]
pub(super) struct FederationMemory {
    full: Mutex<HashMap<ObjectKey, FullPass>>,
    applied: Mutex<HashMap<ObjectKey, (Fingerprint, Instant)>>,
    released: Mutex<HashSet<ObjectKey>>,
    cluster_checks: Mutex<HashMap<ObjectKey, Arc<ClusterChecks>>>,
    challenges: Mutex<HashMap<ObjectKey, (String, Instant)>>,
    seen: Mutex<HashMap<ObjectKey, ObservedCluster>>,
}

impl FederationMemory {
    /// What this pass has seen of the cluster, for a look at the end of one that ends early.
    pub(super) fn see(&self, federation: ObjectKey, seen: ObservedCluster) {
        lock(&self.seen).insert(federation, seen);
    }

    /// What this pass has seen of the cluster; nothing where it did not come that far.
    pub(super) fn take_seen(&self, federation: &ObjectKey) -> Option<ObservedCluster> {
        lock(&self.seen).remove(federation)
    }

    /// The last full pass, if AWS was then as it must be.
    pub(super) fn full(&self, federation: &ObjectKey) -> Option<FullPass> {
        lock(&self.full).get(federation).cloned()
    }

    /// A full pass left AWS as it must be.
    pub(super) fn remember(&self, federation: ObjectKey, full: FullPass) {
        lock(&self.full).insert(federation, full);
    }

    /// Whatever was good may not be any more: the next pass is a full one.
    pub(super) fn doubt(&self, federation: &ObjectKey) {
        lock(&self.full).remove(federation);
    }

    /// What was last made of the federation in full.
    pub(super) fn applied(&self, federation: &ObjectKey) -> Option<Fingerprint> {
        lock(&self.applied).get(federation).map(|(fingerprint, _)| *fingerprint)
    }

    /// How long to wait until a difference to what was just made in IAM counts as drift.
    pub(super) fn settles_in(&self, federation: &ObjectKey) -> Option<Duration> {
        let since = lock(&self.applied).get(federation)?.1.elapsed();
        SETTLE.checked_sub(since).filter(|rest| !rest.is_zero())
    }

    /// The federation was made this; `wrote` tells whether that took a write to IAM.
    pub(super) fn made(&self, federation: ObjectKey, fingerprint: Fingerprint, wrote: bool) {
        let mut applied = lock(&self.applied);
        let long_ago = || Instant::now().checked_sub(SETTLE).unwrap_or_else(Instant::now);
        let before = applied.get(&federation).map(|(_, at)| *at);
        let at = if wrote {
            Instant::now()
        } else {
            before.unwrap_or_else(long_ago)
        };
        applied.insert(federation, (fingerprint, at));
    }

    /// What surrounded it when that was last looked at.
    pub(super) fn cluster_checks(&self, federation: &ObjectKey) -> Option<Arc<ClusterChecks>> {
        lock(&self.cluster_checks).get(federation).cloned()
    }

    /// What surrounds it now.
    pub(super) fn remember_cluster_checks(&self, federation: ObjectKey, cluster_checks: Arc<ClusterChecks>) {
        lock(&self.cluster_checks).insert(federation, cluster_checks);
    }

    /// For how long a challenge has been seen to stand.
    pub(super) fn challenge_stands(&self, federation: &ObjectKey, challenge: &str) -> Duration {
        let mut challenges = lock(&self.challenges);
        let now = (challenge.to_owned(), Instant::now());
        let known = challenges.entry(federation.clone()).or_insert_with(|| now.clone());
        if known.0 != challenge {
            *known = now;
        }
        known.1.elapsed()
    }

    /// Nothing of the federation is to be removed any more: it may go.
    pub(super) fn released(&self, federation: ObjectKey) {
        lock(&self.released).insert(federation);
    }

    /// Whether a federation has been let go.
    pub(super) fn is_released(&self, federation: &ObjectKey) -> bool {
        lock(&self.released).contains(federation)
    }

    /// Forgets that a federation was let go: it is gone.
    pub(super) fn went(&self, federation: &ObjectKey) {
        lock(&self.released).remove(federation);
    }

    /// Forgets a federation that is gone.
    pub(super) fn forget(&self, federation: &ObjectKey) {
        self.doubt(federation);
        lock(&self.applied).remove(federation);
        lock(&self.cluster_checks).remove(federation);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A poisoned lock means that another task panicked; the entries themselves are always whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
