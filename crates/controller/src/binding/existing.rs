//! A role that somebody else makes and keeps: looked at, never written.

use std::collections::BTreeSet;

use irsa_api::{ExistingRole, IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::{Connect, Role, Roles};
use irsa_core::{
    naming::{account_of, partition_of},
    trust::{Audience, Subject, TrustPolicy},
    vocabulary::{ConditionType, Reason},
};
use kube::ResourceExt;

use super::{
    Bindings,
    apply::conclusion,
    aws_errors::step_error,
    context::Context,
    federation::Provider,
    validate::{template, trust, usable},
};
use crate::{
    leadership::Leadership,
    log::Stage,
    step_error::{Draft, StepError},
};

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// Checks the role and annotates the ServiceAccounts. Returns what is now true, in a sentence.
    pub(super) async fn use_existing(
        &self,
        binding: &IamRoleBinding,
        existing: &ExistingRole,
        context: &Context,
        draft: &mut Draft<IamRoleBindingStatus>,
    ) -> Result<String, StepError> {
        let usage = &context.known.usage;
        let validated = Stage::Validate.of(|| self.admit_existing(binding, existing, context, draft));
        let (provider, trust) = validated?;

        let looking = async {
            let aws = self.connect(context, &provider).await?;
            observe(&aws, existing).await
        };
        let role = Stage::Observe.run(looking).await?;
        Stage::Validate.of(|| check_trust(&role, &trust))?;
        draft.status.role_arn = Some(role.arn);
        draft.status.role_id = Some(role.id);
        draft.status.audiences = trust.audiences.iter().map(Audience::to_string).collect();
        let kept = "Somebody else keeps the role";
        draft.holds(
            ConditionType::RoleSynced,
            format!("{kept}, and its trust policy lets the ServiceAccounts in."),
        );
        draft.holds(ConditionType::PoliciesSynced, format!("{kept} and its policies."));
        let subjects: Vec<String> = trust.subjects.iter().map(Subject::to_string).collect();
        let syncing = self.sync_accounts(binding, usage, &subjects, draft);
        Stage::Execute.run(syncing).await?;
        Ok(conclusion(binding, &existing.arn))
    }

    fn admit_existing(
        &self,
        binding: &IamRoleBinding,
        existing: &ExistingRole,
        context: &Context,
        draft: &mut Draft<IamRoleBindingStatus>,
    ) -> Result<(Provider, TrustPolicy), StepError> {
        let usage = &context.known.usage;
        let provider = usable(&usage.state, binding)?.clone();
        draft.holds(ConditionType::FederationReady, "The federation can be used.");
        check_place(existing, &provider)?;
        let trust = trust(binding, usage, &provider)?;
        template(binding)?;
        super::conflicts::Conflicts::of(binding, &self.bindings).check_service_accounts()?;
        let audiences: BTreeSet<String> = trust.audiences.iter().map(Audience::to_string).collect();
        let namespace = binding.namespace().unwrap_or_default();
        let guardrails = &context.known.usage.guardrails;
        let admitted = guardrails.admit_existing(&namespace, &context.labels, &audiences);
        admitted.map_err(|refusal| StepError::new(ConditionType::Admitted, refusal.reason(), refusal.to_string()))?;
        draft.holds(
            ConditionType::Admitted,
            "The federation's guard-rails allow what is asked for.",
        );
        Ok((provider, trust))
    }
}

/// A role can only trust a provider of its own account.
fn check_place(existing: &ExistingRole, provider: &Provider) -> Result<(), StepError> {
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

async fn observe<A: Roles>(aws: &A, existing: &ExistingRole) -> Result<Role, StepError> {
    let arn = &existing.arn;
    let name = arn.rsplit('/').next().unwrap_or_default();
    let found = aws
        .role(name)
        .await
        .map_err(|error| step_error(ConditionType::RoleSynced, &error))?;
    let mismatch = |message| Err(StepError::new(ConditionType::RoleSynced, Reason::RoleMismatch, message));
    match found {
        // IAM compares names without case, and a name is unique whatever the path.
        Some(role) if role.arn == *arn => Ok(role),
        Some(role) => mismatch(format!(
            "spec.existingRole.arn is {arn}, and the role of that name is {}; correct it.",
            role.arn
        )),
        None => mismatch(format!(
            "The role {arn} does not exist; create it with whatever manages it, or correct spec.existingRole.arn."
        )),
    }
}

fn check_trust(role: &Role, trust: &TrustPolicy) -> Result<(), StepError> {
    trust.check_existing(&role.trust_policy).map_err(|mismatch| {
        let message = format!(
            "The trust policy of {} {mismatch}. Whoever keeps the role must correct it; it is not written here.",
            role.arn
        );
        StepError::new(ConditionType::RoleSynced, Reason::RoleMismatch, message)
    })
}
