//! Making a binding true.

use irsa_api::{IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::Connect;
use irsa_core::{
    plan::binding::Plan,
    vocabulary::{ConditionType, Reason},
};

use super::{
    Bindings,
    aws_errors::step_error,
    conflicts::Conflicts,
    context::Context,
    federation::Provider,
    home::check_home,
    observe::{self, Depth, IamRole},
    validate::{ValidatedBinding, usable, validate},
    work::Unfinished,
};
use crate::{
    leadership::Leadership,
    log::Stage,
    object::{Managed, ObjectKey},
    step_error::{Draft, StepError},
};

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
        let (provider, validated) = match Stage::Validate.of(|| self.admit(binding, &context, draft)) {
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
        let unfinished = Stage::Execute.run(working).await?;
        if let (None, Some(Unfinished { failure, .. })) = (&draft.status.role_arn, &unfinished) {
            return Err(failure.clone());
        }
        let subjects = unfinished.as_ref().map_or(&validated.subjects, |left| &left.subjects);
        let syncing = self.sync_accounts(binding, &context.known.usage, subjects, draft);
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

    /// Whether the binding may have what it asks for, and what that is; no I/O.
    fn admit(
        &self,
        binding: &IamRoleBinding,
        context: &Context,
        draft: &mut Draft<IamRoleBindingStatus>,
    ) -> Result<(Provider, ValidatedBinding), StepError> {
        let usage = &context.known.usage;
        let provider = usable(&usage.state, binding)?.clone();
        draft.holds(ConditionType::FederationReady, "The federation can be used.");
        check_home(binding, &provider.account)?;
        let validated = validate(binding, usage, &provider, &self.cluster, self.limits)?;
        let conflicts = Conflicts::of(binding, &self.bindings);
        let labels = |namespace: &str| self.labels(namespace);
        conflicts.check_role_name(&validated.role.name, &provider.account, &self.federations, labels)?;
        conflicts.check_service_accounts()?;
        validated
            .admit(&usage.guardrails, &context.labels, context.roles_before())
            .map_err(|refusal| StepError::new(ConditionType::Admitted, refusal.reason(), refusal.to_string()))?;
        draft.holds(
            ConditionType::Admitted,
            "The federation's guard-rails allow what is asked for.",
        );
        Ok((provider, validated))
    }

    pub(super) async fn connect(&self, context: &Context, provider: &Provider) -> Result<C::Aws, StepError> {
        let connected = self.connect.connect(&context.known.usage.connection).await;
        let aws = connected.map_err(|error| step_error(ConditionType::RoleSynced, &error))?;
        check_account(&aws, provider)?;
        Ok(aws)
    }

    /// The role: as the inventory shows it if that is as it must be, or else read by itself, for what is written next
    /// must not rest on a listing.
    async fn observe_role(
        &self,
        binding: &IamRoleBinding,
        aws: &C::Aws,
        context: &Context,
        validated: &ValidatedBinding,
    ) -> Result<Option<IamRole>, StepError> {
        let (usage, role) = (&context.known.usage, &validated.role);
        let key = ObjectKey::of(binding);
        if is_settled(binding) && self.may_rely_on_listings(binding) {
            let listed = self.look_up(aws, usage, &role.name, context.known.interval, None).await;
            let good = |found: &IamRole| {
                self.plan(binding, validated, Some(found))
                    .is_ok_and(|plan| plan.steps.is_empty())
            };
            if let Some(found) = listed.filter(good) {
                return Ok(Some(found));
            }
        }
        self.memory.will_look(&key);
        let read = observe::role(aws, role.name.as_str(), |tags| role.may_take(tags), Depth::Documents).await;
        let found = read.map_err(|error| step_error(ConditionType::RoleSynced, &error))?;
        self.memory.has_looked(&key);
        if let Some(found) = found.as_ref().filter(|found| role.owner.owns(&found.role.tags)) {
            self.was_read(usage, &role.name, found);
        }
        Ok(found)
    }

    /// Whether an inventory may answer for the binding's role: not where somebody asks for a look by the annotation, and not
    /// before a look that failed was made up for.
    pub(super) fn may_rely_on_listings(&self, binding: &IamRoleBinding) -> bool {
        let status = binding.status.as_ref();
        let handled = status.and_then(|status| status.last_handled_reconcile_at.as_deref());
        let requested = binding.requested_at().is_some_and(|at| Some(at) != handled);
        !requested && !self.memory.owes_a_look(&ObjectKey::of(binding))
    }

    fn plan(
        &self,
        binding: &IamRoleBinding,
        validated: &ValidatedBinding,
        found: Option<&IamRole>,
    ) -> Result<Plan, StepError> {
        let fingerprint = validated.role.fingerprint();
        // A binding that was ready before this process started has been made what its spec says by an earlier one.
        let made_before = is_settled(binding).then_some(fingerprint);
        let applied = self.memory.applied(&ObjectKey::of(binding)).or(made_before);
        Plan::apply(&validated.role, found.map(|found| &found.role), applied)
            .map_err(|refusal| StepError::new(ConditionType::RoleSynced, refusal.reason(), refusal.to_string()))
    }
}

/// With `exclusive: false` the role keeps what is attached to it, by whomever: that must be allowed too.
fn check_kept(validated: &ValidatedBinding, found: Option<&IamRole>, context: &Context) -> Result<(), StepError> {
    let Some(found) = found else {
        return Ok(());
    };
    let guardrails = &context.known.usage.guardrails;
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

/// The role must be in the account of the provider that it trusts.
fn check_account<A: irsa_aws::CallerIdentity>(aws: &A, provider: &Provider) -> Result<(), StepError> {
    let ours = &aws.caller().account;
    if *ours == provider.account {
        return Ok(());
    }
    let message = format!(
        "The operator's credentials belong to account {ours} and the federation's provider to {}; correct one of them.",
        provider.account
    );
    Err(StepError::new(
        ConditionType::FederationReady,
        Reason::FederationNotReady,
        message,
    ))
}

fn is_settled(binding: &IamRoleBinding) -> bool {
    let ready = ConditionType::Ready.as_str();
    binding.conditions().iter().any(|condition| {
        condition.type_ == ready
            && condition.status == "True"
            && condition.observed_generation == Some(binding.generation())
    })
}

pub(super) fn conclusion(binding: &IamRoleBinding, role: &str) -> String {
    let names: Vec<&str> = binding
        .spec
        .service_accounts
        .iter()
        .map(|account| account.name.as_str())
        .collect();
    format!("{} may assume the role {role}.", names.join(", "))
}
