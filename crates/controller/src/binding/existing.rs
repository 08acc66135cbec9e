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
    aws_errors::halt,
    federation::Provider,
    surroundings::Surroundings,
    validate::{template, trust, usable},
};
use crate::{
    halt::{Halt, Progress},
    leadership::Leadership,
    log::Step,
};

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// Checks the role and annotates the ServiceAccounts. Returns what is now true, in a sentence.
    pub(super) async fn use_existing(
        &self,
        binding: &IamRoleBinding,
        existing: &ExistingRole,
        around: &Surroundings,
        progress: &mut Progress<IamRoleBindingStatus>,
    ) -> Result<String, Halt> {
        let usage = &around.known.usage;
        let validated = Step::Validate.of(|| self.admit_existing(binding, existing, around, progress));
        let (provider, trust) = validated?;

        let looking = async {
            let aws = self.connect(around, &provider).await?;
            observe(&aws, existing).await
        };
        let role = Step::Observe.run(looking).await?;
        Step::Validate.of(|| check_trust(&role, &trust))?;
        progress.status.role_arn = Some(role.arn);
        progress.status.role_id = Some(role.id);
        progress.status.audiences = trust.audiences.iter().map(Audience::to_string).collect();
        let kept = "Somebody else keeps the role";
        progress.holds(
            ConditionType::RoleSynced,
            format!("{kept}, and its trust policy lets the ServiceAccounts in."),
        );
        progress.holds(ConditionType::PoliciesSynced, format!("{kept} and its policies."));
        let subjects: Vec<String> = trust.subjects.iter().map(Subject::to_string).collect();
        let syncing = self.sync_accounts(binding, usage, &subjects, progress);
        Step::Execute.run(syncing).await?;
        Ok(conclusion(binding, &existing.arn))
    }

    fn admit_existing(
        &self,
        binding: &IamRoleBinding,
        existing: &ExistingRole,
        around: &Surroundings,
        progress: &mut Progress<IamRoleBindingStatus>,
    ) -> Result<(Provider, TrustPolicy), Halt> {
        let usage = &around.known.usage;
        let provider = usable(&usage.state, binding)?.clone();
        progress.holds(ConditionType::FederationReady, "The federation can be used.");
        check_place(existing, &provider)?;
        let trust = trust(binding, usage, &provider)?;
        template(binding)?;
        super::siblings::Siblings::of(binding, &self.siblings).check_service_accounts()?;
        let audiences: BTreeSet<String> = trust.audiences.iter().map(Audience::to_string).collect();
        let namespace = binding.namespace().unwrap_or_default();
        let guardrails = &around.known.usage.guardrails;
        let admitted = guardrails.admit_existing(&namespace, &around.labels, &audiences);
        admitted.map_err(|refusal| Halt::new(ConditionType::Admitted, refusal.reason(), refusal.to_string()))?;
        progress.holds(
            ConditionType::Admitted,
            "The federation's guard-rails allow what is asked for.",
        );
        Ok((provider, trust))
    }
}

/// A role can only trust a provider of its own account.
fn check_place(existing: &ExistingRole, provider: &Provider) -> Result<(), Halt> {
    let home = (partition_of(&existing.arn), account_of(&existing.arn));
    if home == (Some(&provider.partition), Some(&provider.account)) {
        return Ok(());
    }
    let message = format!(
        "spec.existingRole.arn must be a role of account {} in partition {}, where the federation's provider is.",
        provider.account, provider.partition
    );
    Err(Halt::new(ConditionType::RoleSynced, Reason::InvalidSpec, message))
}

async fn observe<A: Roles>(aws: &A, existing: &ExistingRole) -> Result<Role, Halt> {
    let arn = &existing.arn;
    let name = arn.rsplit('/').next().unwrap_or_default();
    let found = aws
        .role(name)
        .await
        .map_err(|error| halt(ConditionType::RoleSynced, &error))?;
    let mismatch = |message| Err(Halt::new(ConditionType::RoleSynced, Reason::RoleMismatch, message));
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

fn check_trust(role: &Role, trust: &TrustPolicy) -> Result<(), Halt> {
    trust.check_existing(&role.trust_policy).map_err(|mismatch| {
        let message = format!(
            "The trust policy of {} {mismatch}. Whoever keeps the role must correct it; it is not written here.",
            role.arn
        );
        Halt::new(ConditionType::RoleSynced, Reason::RoleMismatch, message)
    })
}
