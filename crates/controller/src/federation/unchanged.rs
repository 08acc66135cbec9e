//! The minute's look: whether how the last full pass ended still stands.

use irsa_api::OidcFederation;
use irsa_aws::{Connect, PublicReader};
use irsa_core::{documents, history::Advance, published::judge_external};
use irsa_pipeline::{
    federation::{
        keys,
        observe::{api_servers::ApiServers, cluster::ObservedCluster},
        validate::ValidatedFederation,
        verify::is_unchanged,
    },
    object::{Managed, ObjectKey},
    spec::target::PublishTarget,
    step_error::StepError,
};

use super::federations::Federations;
use crate::leadership::Leadership;

impl<C: Connect, P: PublicReader, A: ApiServers, L: Leadership> Federations<C, P, A, L> {
    /// How the last full pass ended, if that still stands: same spec, same keys, same public documents, the API servers
    /// as they were, and not older than the interval.
    pub(super) async fn find_unchanged(
        &self,
        federation: &OidcFederation,
        validated: &ValidatedFederation,
        seen: &ObservedCluster,
    ) -> Option<Result<String, StepError>> {
        let full = self.memory.full(&ObjectKey::of(federation))?;
        let same_request = full.generation == federation.generation()
            && full.requested_at.as_deref() == federation.requested_at()
            && full.at.elapsed() < federation.spec.interval.get();
        if !same_request || seen.record.is_none() {
            return None;
        }
        let advance = keys::advance(federation, validated, seen, None, self.driver.now()).ok()?;
        if verdict(validated, seen, &advance) != full.ended.clone().map(|_| ()) {
            return None;
        }
        let [_, jwks] = &full.served;
        let good = match validated.location.target {
            PublishTarget::S3(_) => documents::jwks(&advance.published) == jwks.bytes,
            PublishTarget::External => judge_external(&jwks.bytes, &advance.keys).is_ok(),
        };
        let same_keys = good && seen.stored.text.as_ref() == Some(&advance.record.to_json());
        if !same_keys || !is_unchanged(&self.public, &full.served).await {
            return None;
        }
        self.count_public_read(federation);
        Some(full.ended)
    }
}

/// Whether the API servers and their keys are as they must be, once everything in AWS is.
pub(super) fn verdict(
    validated: &ValidatedFederation,
    seen: &ObservedCluster,
    advance: &Advance,
) -> Result<(), StepError> {
    seen.check(&validated.location)?;
    keys::check_any_left(advance)
}
