//! Making a binding true.

use futures::future::join;
use irsa_api::{IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::{Aws, Connect};
use irsa_core::vocabulary::{ConditionType, Reason};
use irsa_pipeline::{
    binding::{
        conclude::{Unfinished, conclusion},
        observe::{context::Context, role::IamRole},
        validate::{ValidatedBinding, admit::check_kept},
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
            return self.use_existing(binding, role, &context, draft).await;
        }
        let admitted = Stage::Validate.of(|| self.admitted(binding, &context, |by| by.admit(binding, draft)));
        let (provider, validated) = match admitted {
            Ok(admitted) => admitted,
            Err(failure) => return Err(Stage::Execute.run(self.enforce(binding, &context, failure)).await),
        };
        draft.status.role_name = Some(validated.role.name.to_string());

        let looking = self.connect_and_observe(binding, &context, &provider, &validated);
        let (looked, accounts) = Stage::Observe.run(join(looking, self.observe_accounts(binding))).await;
        let (aws, found) = looked?;
        let (accounts, looks) = accounts;
        if let Err(failure) = Stage::Validate.of(|| check_kept(&validated, found.as_ref(), &context)) {
            return Err(Stage::Execute.run(self.enforce(binding, &context, failure)).await);
        }
        let arn = role_arn(&aws, &validated, found.as_ref());
        let (plan, accounts) = Stage::Plan.of(|| {
            let plan = self.plan_role(binding, &validated, found.as_ref())?;
            let (accounts, plans) = self.plan_accounts(binding, &context.federation.usage, &arn, accounts)?;
            Ok((plan.with_accounts(plans), accounts))
        })?;
        let working = self.execute_role(binding, &aws, &context, &validated, &plan, found, draft);
        let unfinished = Stage::Execute.run(Box::pin(working)).await?;
        check_made(&arn, unfinished.as_ref(), draft)?;
        let subjects = unfinished.as_ref().map_or(&validated.subjects, |left| &left.subjects);
        let syncing = self.sync_accounts(binding, accounts, plan.accounts, &looks, subjects, draft);
        let synced = Stage::Execute.run(syncing).await;
        if let Some(Unfinished { failure, .. }) = unfinished {
            if let Err(trouble) = synced {
                draft.note(&trouble);
            }
            return Err(failure);
        }
        synced?;
        Ok(conclusion(binding, validated.role.name.as_str()))
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

/// The ARN that the role has, or will have once it is made: ServiceAccounts are planned with it before anything is written.
fn role_arn(aws: &impl Aws, validated: &ValidatedBinding, found: Option<&IamRole>) -> String {
    let (caller, role) = (aws.caller(), &validated.role);
    let made = || role.name.arn(&caller.partition, &caller.account, &role.path);
    found.map_or_else(made, |found| found.arn.clone())
}

/// Whether ServiceAccounts can be given the role that they were planned with.
fn check_made(
    planned: &str,
    unfinished: Option<&Unfinished>,
    draft: &mut Draft<IamRoleBindingStatus>,
) -> Result<(), StepError> {
    if let (None, Some(Unfinished { failure, .. })) = (&draft.status.role_arn, unfinished) {
        return Err(failure.clone());
    }
    let made = draft.status.role_arn.get_or_insert_with(|| planned.to_owned());
    if made != planned {
        // Nothing was made: what an earlier pass wrote down is no reason to say anything else.
        if let Some(Unfinished { failure, .. }) = unfinished {
            return Err(failure.clone());
        }
        let message =
            format!("AWS calls the role {made}, and {planned} was expected; the ServiceAccounts get it next.");
        return Err(StepError::new(ConditionType::RoleSynced, Reason::Progressing, message));
    }
    Ok(())
}
