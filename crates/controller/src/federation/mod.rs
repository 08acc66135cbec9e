//! `OidcFederation`: this cluster's issuer, published and registered.
//!
//! validate (the spec) → observe (the API servers, then AWS) → plan → execute → conclude. The judgement is
//! `irsa-core`'s: [`irsa_core::history`], [`irsa_core::documents`], [`irsa_core::plan::federation`].
//!
//! # Two kinds of pass
//! Each minute the API servers' keys and the public documents are compared with what the last full pass made (one
//! conditional request per document, no call to S3 or IAM). When anything differs, and once per interval, a full pass
//! follows. Neither writes anything in an unchanged world.

mod account;
mod account_check;
mod announce;
mod apply;
mod audiences;
mod aws_errors;
mod cleanup;
mod cluster;
mod cluster_checks;
mod conflicts;
mod control_plane;
mod execute;
mod external;
mod instance;
mod keys;
mod last_look;
mod memory;
mod observe;
mod public;
mod report;
mod roles;
mod s3_refusals;
mod servers;
mod tampering;
mod validate;
mod watch;

use std::time::Duration;

use irsa_api::{IamRoleBinding, OidcFederation, OidcFederationStatus};
use irsa_aws::{Connect, PublicReader};
use irsa_core::{outcome::Outcome, vocabulary::ConditionType};
use kube::runtime::reflector::Store;

pub(crate) use self::{cluster::Records, control_plane::server_addresses};
pub use self::{
    control_plane::ControlPlane,
    servers::{Answer, ApiServers, AudienceError, OwnAudiences, Reading, ServerError, ServerView, Shortfall},
    watch::{FederationParts, run},
};
use self::{last_look::keep_looking, memory::FederationMemory};
use crate::{
    binding::Inventories,
    instances::Instances,
    leadership::Leadership,
    object::ObjectKey,
    propagation::Propagation,
    reconciler::{Cleanup, Decoded, Driver, Reconciler, Report},
    step_error::{Draft, StepError},
};

/// Makes federations true.
pub struct Federations<C, P, A, L> {
    driver: Driver<L>,
    connect: C,
    public: P,
    servers: A,
    /// UID of the namespace kube-system.
    cluster: String,
    /// The operator's own namespace.
    namespace: String,
    /// All federations, this one included.
    federations: Store<Decoded<OidcFederation>>,
    /// All bindings of the cluster.
    bindings: Store<Decoded<IamRoleBinding>>,
    memory: FederationMemory,
    /// What the controller of bindings has found of their roles.
    inventories: Inventories,
    propagation: Propagation,
    instances: Instances,
}

impl<C: Connect, P: PublicReader, A: ApiServers, L: Leadership> Reconciler for Federations<C, P, A, L> {
    type Kind = OidcFederation;
    type Leadership = L;

    fn driver(&self) -> &Driver<L> {
        &self.driver
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

#[cfg(test)]
mod tests;
