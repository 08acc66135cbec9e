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
mod contest;
mod execute;
mod existing;
mod federation;
mod gone;
mod guardrails;
mod home;
mod inventory;
mod memory;
mod observe;
mod pods;
mod salvage;
mod siblings;
mod surroundings;
mod unbind;
mod validate;
mod watch;
mod withhold;
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
    salvage::salvage,
};
use self::{federation::Federations, memory::Memory};
pub use self::{
    inventory::Inventories,
    validate::Limits,
    watch::{Parts, run},
};
use crate::{
    births::Births,
    halt::Progress,
    instances::Instances,
    leadership::Leadership,
    object::ObjectKey,
    shell::{Cleanup, Guarded, Reconciler, Report, Shell},
};

/// How often a binding is checked whose federation is unknown; the interval of others is their federation's.
const DEFAULT_INTERVAL: Duration = Duration::from_mins(10);

/// Makes bindings true.
pub struct Bindings<C, L> {
    shell: Shell<L>,
    connect: C,
    /// UID of the namespace kube-system.
    cluster: String,
    limits: Limits,
    federations: Federations,
    namespaces: Store<PartialObjectMeta<Namespace>>,
    /// All bindings, this one included.
    siblings: Store<Guarded<IamRoleBinding>>,
    memory: Memory,
    inventories: Inventories,
    births: Births,
    instances: Instances,
}

impl<C: Connect, L: Leadership> Reconciler for Bindings<C, L> {
    type Kind = IamRoleBinding;
    type Leadership = L;

    fn shell(&self) -> &Shell<L> {
        &self.shell
    }

    fn interval(&self, binding: &IamRoleBinding) -> Duration {
        let known = self.federations.get(&binding.spec.federation_ref.name);
        known.map_or(DEFAULT_INTERVAL, |federation| federation.interval)
    }

    async fn apply(&self, binding: &IamRoleBinding) -> Report<IamRoleBindingStatus> {
        let mut progress = Progress::of(binding);
        // Large, and held by whoever waits for a pass.
        let ended = Box::pin(self.make_true(binding, &mut progress)).await;
        progress.report(ended)
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

    fn has_let_go(&self, binding: &IamRoleBinding) -> bool {
        self.memory.is_let_go(&ObjectKey::of(binding))
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
