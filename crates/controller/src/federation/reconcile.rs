//! A federation's side of a pass, for the driver.

use std::time::Duration;

use irsa_api::{OidcFederation, OidcFederationStatus};
use irsa_aws::{Connect, PublicReader};
use irsa_core::{outcome::Outcome, vocabulary::ConditionType};
use irsa_pipeline::{
    federation::observe::api_servers::ApiServers,
    object::ObjectKey,
    report::{Cleanup, Report},
    step_error::{Draft, StepError},
};
use kube::runtime::reflector::Store;

use super::{federations::Federations, last_look::keep_looking};
use crate::{
    leadership::Leadership,
    reconciler::{Driver, Reconciler},
    watch::Decoded,
};

impl<C: Connect, P: PublicReader, A: ApiServers, L: Leadership> Reconciler for Federations<C, P, A, L> {
    type Kind = OidcFederation;
    type Leadership = L;

    fn driver(&self) -> &Driver<L> {
        &self.driver
    }

    fn store(&self) -> &Store<Decoded<OidcFederation>> {
        &self.store
    }

    fn interval(&self, federation: &OidcFederation) -> Duration {
        federation.spec.interval.get()
    }

    async fn apply(&self, federation: &OidcFederation) -> Report<OidcFederationStatus> {
        let mut draft = Draft::of(federation);
        // Large, and held by whoever waits for a pass.
        let ended = Box::pin(self.make_true(federation, &mut draft)).await;
        keep_looking(&ended, &mut draft);
        let ended = self.look_anyway(federation, ended, &mut draft).await;
        draft.report(ended)
    }

    async fn cut_off(
        &self,
        federation: &OidcFederation,
        report: Report<OidcFederationStatus>,
    ) -> Report<OidcFederationStatus> {
        let Outcome { reason, message, .. } = report.outcome;
        let mut draft = Draft::of(federation);
        let failure = StepError::new(ConditionType::PubliclyReadable, reason, message);
        let ended = self.look_anyway(federation, Err(failure), &mut draft).await;
        draft.report(ended)
    }

    async fn cleanup(&self, federation: &OidcFederation) -> Cleanup<OidcFederationStatus> {
        self.remove_all(federation).await
    }

    fn has_released(&self, federation: &OidcFederation) -> bool {
        self.memory.is_released(&ObjectKey::of(federation))
    }

    async fn abandon(&self, federation: &OidcFederation, why: &Outcome) {
        self.record_abandoned(federation, why).await;
        self.memory.released(ObjectKey::of(federation));
    }
}
