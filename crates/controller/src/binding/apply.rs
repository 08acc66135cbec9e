//! Making a binding true.

use irsa_api::{IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::Connect;
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
        let (aws, found) = Stage::Observe.run(looking).await?;
        if let Err(failure) = Stage::Validate.of(|| check_kept(&validated, found.as_ref(), &context)) {
            return Err(Stage::Execute.run(self.enforce(binding, &context, failure)).await);
        }
        let plan = Stage::Plan.of(|| self.plan(binding, &validated, found.as_ref()))?;
        let working = self.execute_plan(binding, &aws, &context, &validated, plan, found, draft);
        let unfinished = Stage::Execute.run(Box::pin(working)).await?;
        if let (None, Some(Unfinished { failure, .. })) = (&draft.status.role_arn, &unfinished) {
            return Err(failure.clone());
        }
        let subjects = unfinished.as_ref().map_or(&validated.subjects, |left| &left.subjects);
        let syncing = self.sync_accounts(binding, &context.federation.usage, subjects, draft);
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
