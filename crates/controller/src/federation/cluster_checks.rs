//! What surrounds a federation in the cluster and says nothing about AWS: the API servers' own audiences, and whether pods
//! are injected. Read once per interval, with the full pass; told again from memory in between.

use std::sync::Arc;

use irsa_api::{OidcFederation, OidcFederationStatus};
use irsa_aws::{Connect, PublicReader};
use irsa_pipeline::{
    federation::observe::{
        api_servers::ApiServers,
        audiences::AudienceCheck,
        injection::{admission, note_injection},
    },
    object::{Managed, ObjectKey},
    step_error::Draft,
};
use tokio::time::Instant;

use super::{federations::Federations, memory::ClusterChecks};
use crate::leadership::Leadership;

impl<C: Connect, P: PublicReader, A: ApiServers, L: Leadership> Federations<C, P, A, L> {
    /// Says what surrounds the federation. It is looked at when the spec changes, when somebody asks, and otherwise with the
    /// full pass that each interval has.
    pub(super) async fn check_cluster(&self, federation: &OidcFederation, draft: &mut Draft<OidcFederationStatus>) {
        let key = ObjectKey::of(federation);
        let interval = federation.spec.interval.get();
        let between = self.memory.full(&key).is_some_and(|full| full.at.elapsed() < interval);
        let known = self.memory.cluster_checks(&key).filter(|cluster_checks| {
            cluster_checks.generation == federation.generation()
                && cluster_checks.requested_at.as_deref() == federation.requested_at()
                && (between || cluster_checks.at.elapsed() < interval)
        });
        let cluster_checks = if let Some(cluster_checks) = known {
            cluster_checks
        } else {
            let cluster_checks = Arc::new(self.read_cluster_checks(federation).await);
            self.memory.remember_cluster_checks(&key, Arc::clone(&cluster_checks));
            cluster_checks
        };
        cluster_checks.audiences.note(draft);
        note_injection(&cluster_checks.injection, draft);
    }

    async fn read_cluster_checks(&self, federation: &OidcFederation) -> ClusterChecks {
        let at = Instant::now();
        let (answers, injection) = tokio::join!(self.servers.audiences(), admission(&self.driver.client));
        ClusterChecks {
            generation: federation.generation(),
            requested_at: federation.requested_at().map(str::to_owned),
            at,
            audiences: AudienceCheck::of(&answers, &federation.spec.audiences),
            injection,
        }
    }
}
