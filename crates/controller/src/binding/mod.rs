//! `IamRoleBinding`: a namespace's ServiceAccounts may assume one IAM role.
//!
//! observe (the cluster, from the watches' memory) → validate → observe (the role, in IAM) → plan → execute → conclude.
//! The judgement is `irsa-core`'s: [`irsa_core::admission`], [`irsa_core::plan::binding`], [`irsa_core::trust`].
//!
//! # Calls to AWS
//! A new binding costs one read and 1 + managed + inline writes. Unchanged ones are checked together, by a few pages of
//! listings once per interval (`inventory`); one that is looked at by itself costs 3 + inline reads. None of these
//! depends on how many bindings there are.

mod accounts;
mod apply;
mod aws_errors;
mod bind;
mod cleanup;
mod conflicts;
mod contest;
mod context;
mod enforce;
mod execute;
mod existing;
mod federation;
mod guardrails;
mod home;
mod inventory;
mod lost_finalizer;
mod memory;
mod observe;
mod partial;
mod pods;
mod unbind;
mod validate;
mod watch;
mod work;

use std::time::Duration;

use irsa_api::{IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::Connect;
use irsa_core::outcome::Outcome;
use k8s_openapi::api::core::v1::Namespace;
use kube::{core::PartialObjectMeta, runtime::reflector::Store};

pub(crate) use self::{
    aws_errors::{denied, not_aws},
    execute::is_refusal,
    federation::connection,
    inventory::Findings,
    partial::partial,
};
use self::{federation::FederationCache, memory::BindingMemory};
pub use self::{
    inventory::Inventories,
    validate::Limits,
    watch::{BindingParts, run},
};
use crate::{
    instances::Instances,
    leadership::Leadership,
    object::ObjectKey,
    propagation::Propagation,
    reconciler::{Cleanup, Decoded, Driver, Reconciler, Report},
    step_error::Draft,
};

/// How often a binding is checked whose federation is unknown; the interval of others is their federation's.
const DEFAULT_INTERVAL: Duration = Duration::from_mins(10);

/// Makes bindings true.
pub struct Bindings<C, L> {
    driver: Driver<L>,
    connect: C,
    /// UID of the namespace kube-system.
    cluster: String,
    limits: Limits,
    federations: FederationCache,
    namespaces: Store<PartialObjectMeta<Namespace>>,
    /// All bindings, this one included.
    bindings: Store<Decoded<IamRoleBinding>>,
    memory: BindingMemory,
    inventories: Inventories,
    propagation: Propagation,
    instances: Instances,
}

impl<C: Connect, L: Leadership> Reconciler for Bindings<C, L> {
    type Kind = IamRoleBinding;
    type Leadership = L;

    fn driver(&self) -> &Driver<L> {
        &self.driver
    }

    fn interval(&self, binding: &IamRoleBinding) -> Duration {
        let known = self.federations.get(&binding.spec.federation_ref.name);
        known.map_or(DEFAULT_INTERVAL, |federation| federation.interval)
    }

    async fn apply(&self, binding: &IamRoleBinding) -> Report<IamRoleBindingStatus> {
        let mut draft = Draft::of(binding);
        // Large, and held by whoever waits for a pass.
        let ended = Box::pin(self.make_true(binding, &mut draft)).await;
        draft.report(ended)
    }

    async fn suspended(&self, binding: &IamRoleBinding) -> Option<Report<IamRoleBindingStatus>> {
        self.watch_suspended(binding).await
    }

    async fn cleanup(&self, binding: &IamRoleBinding) -> Cleanup<IamRoleBindingStatus> {
        self.remove_or_leave(binding).await
    }

    async fn unreadable(&self, binding: &IamRoleBinding, error: &str) -> Option<Report<IamRoleBindingStatus>> {
        Some(self.judge_unreadable(binding, error).await)
    }

    fn has_released(&self, binding: &IamRoleBinding) -> bool {
        self.memory.is_released(&ObjectKey::of(binding))
    }

    async fn is_in_doubt(&self, binding: &IamRoleBinding) -> bool {
        self.check_instance(binding).await.is_err()
    }

    async fn abandon(&self, binding: &IamRoleBinding, why: &Outcome) {
        self.record_abandoned(binding, why).await;
    }
}

#[cfg(test)]
mod tests;
