//! The events of a pass: what it did in AWS, to which keys, and what it found forged.

use irsa_api::OidcFederation;
use irsa_aws::{Connect, PublicReader};
use irsa_core::{
    plan::{Cause, federation::FederationStep},
    vocabulary::EventReason,
};
use irsa_pipeline::{
    federation::{
        conclude::{Comparison, in_words},
        execute::Done,
        keys,
        observe::api_servers::ApiServers,
        tampering::Tampering,
    },
    object::ObjectKind,
};
use kube::Resource;

use super::federations::Federations;
use crate::leadership::Leadership;

impl<C: Connect, P: PublicReader, A: ApiServers, L: Leadership> Federations<C, P, A, L> {
    /// Tells of forged documents that were put right.
    pub(super) async fn announce_tampering(
        &self,
        federation: &OidcFederation,
        compared: &Comparison,
        done: &Done,
    ) -> Option<Tampering> {
        let tampering = Tampering::find(federation, &compared.found, &compared.desired, &compared.advance.keys)
            .filter(|tampering| done.etags.keys().any(|kind| tampering.concerns(*kind)))?;
        self.driver.metrics.count_documents_tampered();
        let about = federation.object_ref(&());
        let events = &self.driver.events;
        events
            .warning(&about, EventReason::DocumentsTampered, &tampering.to_string())
            .await;
        Some(tampering)
    }

    /// Tells what was done, as far as it was done.
    pub(super) async fn announce(&self, federation: &OidcFederation, compared: &Comparison, cause: Cause, done: &Done) {
        let about = federation.object_ref(&());
        let events = &self.driver.events;
        if done
            .steps
            .iter()
            .any(|step| matches!(step, FederationStep::SaveRecord { .. }))
        {
            for transition in &compared.advance.transitions {
                self.driver.metrics.count_key_transition(transition.event);
            }
            for announcement in keys::announcements(&compared.advance.transitions) {
                events.publish(&about, &announcement).await;
            }
        }
        let tampering = self.announce_tampering(federation, compared, done).await;
        let told = |step: &&FederationStep| match step {
            FederationStep::SaveRecord { .. } => false,
            FederationStep::PutDocument { kind, .. } => tampering.as_ref().is_none_or(|it| !it.concerns(*kind)),
            _ => true,
        };
        let steps = done.steps.iter().filter(told);
        let what: Vec<String> = steps.map(|step| in_words(step, &compared.found)).collect();
        if what.is_empty() {
            return;
        }
        match cause {
            Cause::Spec => {
                let note = format!("Applied to AWS: {}", what.join("; "));
                events.normal(&about, EventReason::Applied, &note).await;
            }
            Cause::Drift => {
                self.driver.metrics.count_drift_repaired(ObjectKind::Federation);
                let note = format!("Somebody changed this in AWS; it was put back: {}", what.join("; "));
                events.warning(&about, EventReason::DriftRepaired, &note).await;
            }
        }
    }
}
