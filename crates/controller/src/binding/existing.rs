//! Using a role that somebody else makes and keeps: looked at, never written.

use futures::future::join;
use irsa_api::{ExistingRole, IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::Connect;
use irsa_core::{
    trust::{Audience, Subject},
    vocabulary::ConditionType,
};
use irsa_pipeline::{
    binding::{
        conclude::conclusion,
        observe::{context::Context, existing_role::existing_role},
        validate::admit::check_trust,
        verify::{RoleNow, role_proof},
    },
    stage::Stage,
    step_error::{Draft, StepError},
};

use super::bindings::Bindings;
use crate::leadership::Leadership;

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// Checks the role and annotates the ServiceAccounts. Returns what is now true, in a sentence.
    pub(super) async fn use_existing(
        &self,
        binding: &IamRoleBinding,
        existing: &ExistingRole,
        context: &Context,
        draft: &mut Draft<IamRoleBindingStatus>,
    ) -> Result<String, StepError> {
        let admitted =
            Stage::Validate.of(|| self.admitted(binding, context, |by| by.admit_existing(binding, existing, draft)));
        let (provider, trust) = admitted?;

        let looking = async {
            let aws = self.connect(context, &provider).await?;
            Ok((existing_role(&aws, existing).await?, aws))
        };
        let (role, accounts) = Stage::Observe.run(join(looking, self.observe_accounts(binding))).await;
        let (role, aws) = role?;
        let (accounts, looks) = accounts;
        Stage::Validate.of(|| check_trust(&role, &trust))?;
        let usage = &context.federation.usage;
        let (accounts, plans) = Stage::Plan.of(|| self.plan_accounts(binding, usage, &role.arn, accounts))?;
        draft.status.role_arn = Some(role.arn.clone());
        draft.status.role_id = Some(role.id.clone());
        draft.status.audiences = trust.audiences.iter().map(Audience::to_string).collect();
        let kept = "Somebody else keeps the role";
        draft.holds(
            ConditionType::RoleSynced,
            format!("{kept}, and its trust policy lets the ServiceAccounts in."),
        );
        draft.holds(ConditionType::PoliciesSynced, format!("{kept} and its policies."));
        let subjects: Vec<String> = trust.subjects.iter().map(Subject::to_string).collect();
        let syncing = self.sync_accounts(binding, accounts, plans, &looks, &subjects, draft);
        Stage::Execute.run(syncing).await?;
        let now = RoleNow {
            arn: role.arn,
            id: role.id,
            trust: role.trust_policy,
        };
        let audiences = trust.audiences.iter().map(Audience::to_string).collect();
        let proof = role_proof(binding, usage, &provider, now, &audiences)?;
        let proven = self.verify(binding, &aws, usage, &proof, draft).await?;
        Ok(conclusion(binding, &existing.arn, proven))
    }
}
