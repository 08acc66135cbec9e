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
mod announce;
mod apply;
mod around;
mod audiences;
mod aws_errors;
mod cleanup;
mod cluster;
mod control_plane;
mod execute;
mod external;
mod home;
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
mod siblings;
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
    watch::{Parts, run},
};
use self::{last_look::keep_looking, memory::Memory};
use crate::{
    binding::Inventories,
    births::Births,
    halt::{Halt, Progress},
    instances::Instances,
    leadership::Leadership,
    object::ObjectKey,
    shell::{Cleanup, Guarded, Reconciler, Report, Shell},
};

/// Makes federations true.
pub struct Federations<C, P, A, L> {
    shell: Shell<L>,
    connect: C,
    public: P,
    servers: A,
    /// UID of the namespace kube-system.
    cluster: String,
    /// The operator's own namespace.
    namespace: String,
    /// All federations, this one included.
    siblings: Store<Guarded<OidcFederation>>,
    /// All bindings of the cluster.
    bindings: Store<Guarded<IamRoleBinding>>,
    memory: Memory,
    /// What the controller of bindings has found of their roles.
    inventories: Inventories,
    births: Births,
    instances: Instances,
}

impl<C: Connect, P: PublicReader, A: ApiServers, L: Leadership> Reconciler for Federations<C, P, A, L> {
    type Kind = OidcFederation;
    type Leadership = L;

    fn shell(&self) -> &Shell<L> {
        &self.shell
    }

    fn interval(&self, federation: &OidcFederation) -> Duration {
        federation.spec.interval.get()
    }

    async fn apply(&self, federation: &OidcFederation) -> Report<OidcFederationStatus> {
        let mut progress = Progress::of(federation);
        // Large, and held by whoever waits for a pass.
        let ended = Box::pin(self.make_true(federation, &mut progress)).await;
        keep_looking(&ended, &mut progress);
        let ended = self.look_anyway(federation, ended, &mut progress).await;
        progress.report(ended)
    }

    async fn cut_off(
        &self,
        federation: &OidcFederation,
        report: Report<OidcFederationStatus>,
    ) -> Report<OidcFederationStatus> {
        let Outcome { reason, message, .. } = report.outcome;
        let mut progress = Progress::of(federation);
        let halt = Halt::new(ConditionType::PubliclyReadable, reason, message);
        let ended = self.look_anyway(federation, Err(halt), &mut progress).await;
        progress.report(ended)
    }

    async fn cleanup(&self, federation: &OidcFederation) -> Cleanup<OidcFederationStatus> {
        self.remove_all(federation).await
    }

    fn has_let_go(&self, federation: &OidcFederation) -> bool {
        self.memory.is_let_go(&ObjectKey::of(federation))
    }

    async fn abandon(&self, federation: &OidcFederation, why: &Outcome) {
        self.record_abandoned(federation, why).await;
        self.memory.let_go(ObjectKey::of(federation));
    }
}

#[cfg(test)]
mod tests;
