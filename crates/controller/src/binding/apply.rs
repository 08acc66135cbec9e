//! A pass over a binding that is neither suspended nor on its way out: the steps, in order.

use futures::future::join;
use irsa_api::{IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::{CallerIdentity as _, Connect};
use irsa_core::vocabulary::{ConditionType, Reason};
use irsa_pipeline::{
    binding::{
        conclude::{Unfinished, conclusion},
        observe::{context::Context, role::IamRole},
        plan::role::role_arn,
        validate::{ValidatedBinding, admit::check_kept},
        verify::{RoleNow, role_proof},
    },
    spec::federation_view::Provider,
    stage::Stage,
    step_error::{Draft, StepError},
};

use super::bindings::Bindings;
use crate::leadership::Leadership;

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// The five steps. Returns what is now true, in a sentence.
    pub(super) async fn make_true(
        &self,
        binding: &IamRoleBinding,
        draft: &mut Draft<IamRoleBindingStatus>,
    ) -> Result<String, StepError> {
        let context = Stage::Observe.of(|| self.observe(binding))?;
        if let Some(role) = &binding.spec.existing_role {
            return Box::pin(self.use_existing(binding, role, &context, draft)).await;
        }
        let admitted = Stage::Validate.of(|| self.admitted(binding, &context, |by| by.admit(binding, draft)));
        let (provider, validated) = match admitted {
            Ok(admitted) => admitted,
            Err(failure) => return Err(Stage::Execute.run(self.enforce(binding, &context, failure)).await),
        };
        draft.status.role_name = Some(validated.role.name.to_string());

        let looking = Box::pin(self.connect_and_observe(binding, &context, &provider, &validated));
        let (looked, accounts) = Stage::Observe.run(join(looking, self.observe_accounts(binding))).await;
        let (aws, found) = looked?;
        let (accounts, looks) = accounts;
        if let Err(failure) = Stage::Validate.of(|| check_kept(&validated, found.as_ref(), &context)) {
            return Err(Stage::Execute.run(self.enforce(binding, &context, failure)).await);
        }
        // ServiceAccounts are planned with it before anything is written.
        let arn = role_arn(aws.caller(), &validated, found.as_ref());
        let (plan, accounts) = Stage::Plan.of(|| {
            let plan = self.plan_role(binding, &validated, found.as_ref())?;
            let (accounts, plans) = self.plan_accounts(binding, &context.federation.usage, &arn, accounts)?;
            Ok((plan.with_accounts(plans), accounts))
        })?;
        let trust = self.trust_of(binding, &validated, found.as_ref());
        let working = self.execute_role(binding, &aws, &context, &validated, &plan, found, draft);
        let unfinished = Stage::Execute.run(Box::pin(working)).await?;
        let arn = settle_arn(arn, draft.status.role_arn.as_ref(), unfinished.as_ref())?;
        draft.status.role_arn = Some(arn.clone());
        let subjects = unfinished.as_ref().map_or(&validated.subjects, |left| &left.subjects);
        let syncing = Box::pin(self.sync_accounts(binding, accounts, plan.accounts, &looks, subjects, draft));
        let synced = Stage::Execute.run(syncing).await;
        if let Some(Unfinished { failure, .. }) = unfinished {
            if let Err(trouble) = synced {
                draft.note(&trouble);
            }
            return Err(failure);
        }
        synced?;
        let now = RoleNow {
            arn,
            id: draft.status.role_id.clone().unwrap_or_default(),
            trust,
        };
        let proof = role_proof(binding, &context.federation.usage, &provider, now, &validated.audiences)?;
        let proven = self
            .verify(binding, &aws, &context.federation.usage, &proof, draft)
            .await?;
        Ok(conclusion(binding, validated.role.name.as_str(), proven))
    }

    async fn connect_and_observe(
        &self,
        binding: &IamRoleBinding,
        context: &Context,
        provider: &Provider,
        validated: &ValidatedBinding,
    ) -> Result<(C::Aws, Option<IamRole>), StepError> {
        let aws = self.connect(context, provider).await?;
        let found = self.observe_role(binding, &aws, context, validated).await?;
        Ok((aws, found))
    }
}

/// The ARN that the role has now, which must be the one that its ServiceAccounts were planned with.
///
/// # Errors
/// There is no such role: nothing was made, for the reason that is left, or AWS calls it otherwise.
fn settle_arn(planned: String, made: Option<&String>, unfinished: Option<&Unfinished>) -> Result<String, StepError> {
    match (made, unfinished) {
        (Some(made), _) if *made == planned => Ok(planned),
        (_, Some(Unfinished { failure, .. })) => Err(failure.clone()),
        (None, None) => Ok(planned),
        (Some(made), None) => {
            let message =
                format!("AWS calls the role {made}, and {planned} was expected; the ServiceAccounts get it next.");
            Err(StepError::new(ConditionType::RoleSynced, Reason::Progressing, message))
        }
    }
}
