//! Whether a binding may have what it asks for: a chain of checks, each of which can end the pass.

use std::collections::BTreeSet;

use irsa_api::{ExistingRole, IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::Role;
use irsa_core::{
    admission::{AdmissionRefusal, Labels},
    naming::{account_of, partition_of},
    trust::{Audience, TrustPolicy},
    vocabulary::{ConditionType, Reason},
};
use kube::ResourceExt;

use super::{
    Limits, ValidatedBinding,
    account::check_role_account,
    conflicts::{Conflicts, FederationOf},
    template, trust, usable, validate,
};
use crate::{
    binding::observe::{context::Context, role::IamRole},
    spec::federation_view::Provider,
    step_error::{Draft, StepError},
};

/// What a binding is admitted by.
pub struct AdmissionChain<'a> {
    /// UID of the namespace kube-system.
    pub cluster: &'a str,
    /// AWS quotas.
    pub limits: Limits,
    /// What the cluster says around the binding.
    pub context: &'a Context,
    /// The other bindings of the cluster.
    pub conflicts: &'a Conflicts<'a>,
    /// The federations of the cluster, by name.
    pub federation: &'a FederationOf<'a>,
    /// The labels of a namespace.
    pub labels: &'a dyn Fn(&str) -> Option<Labels>,
}

impl AdmissionChain<'_> {
    /// Whether the binding may have the role that it asks for, and what that is.
    ///
    /// # Errors
    /// The first check that fails. What held before is in `draft`.
    pub fn admit(
        &self,
        binding: &IamRoleBinding,
        draft: &mut Draft<IamRoleBindingStatus>,
    ) -> Result<(Provider, ValidatedBinding), StepError> {
        let usage = &self.context.federation.usage;
        // The federation can be used.
        let provider = usable(&usage.state, binding)?.clone();
        draft.holds(ConditionType::FederationReady, "The federation can be used.");
        // The role is where the federation works.
        check_role_account(binding, &provider.account)?;
        // The spec says something that AWS takes.
        let validated = validate(binding, usage, &provider, self.cluster, self.limits)?;
        // Nobody was first who wants the same.
        let name = &validated.role.name;
        self.conflicts
            .check_role_name(name, &provider.account, self.federation, self.labels)?;
        self.conflicts.check_service_accounts()?;
        // The guard-rails allow it.
        validated
            .admit(&usage.guardrails, &self.context.labels, self.context.roles_before())
            .map_err(|refusal| refused(&refusal))?;
        draft.holds(
            ConditionType::Admitted,
            "The federation's guard-rails allow what is asked for.",
        );
        Ok((provider, validated))
    }

    /// Whether the binding may use somebody else's role, and whom that must let in.
    ///
    /// # Errors
    /// The first check that fails. What held before is in `draft`.
    pub fn admit_existing(
        &self,
        binding: &IamRoleBinding,
        existing: &ExistingRole,
        draft: &mut Draft<IamRoleBindingStatus>,
    ) -> Result<(Provider, TrustPolicy), StepError> {
        let usage = &self.context.federation.usage;
        let provider = usable(&usage.state, binding)?.clone();
        draft.holds(ConditionType::FederationReady, "The federation can be used.");
        check_existing_account(existing, &provider)?;
        let trust = trust(binding, usage, &provider)?;
        template(binding)?;
        self.conflicts.check_service_accounts()?;
        let audiences: BTreeSet<String> = trust.audiences.iter().map(Audience::to_string).collect();
        let namespace = binding.namespace().unwrap_or_default();
        usage
            .guardrails
            .admit_existing(&namespace, &self.context.labels, &audiences)
            .map_err(|refusal| refused(&refusal))?;
        draft.holds(
            ConditionType::Admitted,
            "The federation's guard-rails allow what is asked for.",
        );
        Ok((provider, trust))
    }
}

fn refused(refusal: &AdmissionRefusal) -> StepError {
    StepError::new(ConditionType::Admitted, refusal.reason(), refusal.to_string())
}

/// With `exclusive: false` the role keeps what is attached to it, by whomever: that must be allowed too.
pub fn check_kept(validated: &ValidatedBinding, found: Option<&IamRole>, context: &Context) -> Result<(), StepError> {
    let Some(found) = found else {
        return Ok(());
    };
    let guardrails = &context.federation.usage.guardrails;
    validated
        .admit_kept(&found.role, guardrails, &context.labels, context.roles_before())
        .map_err(|refusal| {
            let message = format!(
                "With spec.policies.exclusive: false the role {} keeps policies that are attached to it, and the \
                 guard-rails do not allow them all: {refusal}",
                validated.role.name
            );
            StepError::new(ConditionType::Admitted, refusal.reason(), message)
        })
}

/// A role can only trust a provider of its own account.
fn check_existing_account(existing: &ExistingRole, provider: &Provider) -> Result<(), StepError> {
    let home = (partition_of(&existing.arn), account_of(&existing.arn));
    if home == (Some(&provider.partition), Some(&provider.account)) {
        return Ok(());
    }
    let message = format!(
        "spec.existingRole.arn must be a role of account {} in partition {}, where the federation's provider is.",
        provider.account, provider.partition
    );
    Err(StepError::new(ConditionType::RoleSynced, Reason::InvalidSpec, message))
}

/// Whether somebody else's role lets the ServiceAccounts in.
///
/// # Errors
/// [`Reason::RoleMismatch`] and what its keeper must correct.
pub fn check_trust(role: &Role, trust: &TrustPolicy) -> Result<(), StepError> {
    trust.check_existing(&role.trust_policy).map_err(|mismatch| {
        let message = format!(
            "The trust policy of {} {mismatch}. Whoever keeps the role must correct it; it is not written here.",
            role.arn
        );
        StepError::new(ConditionType::RoleSynced, Reason::RoleMismatch, message)
    })
}
