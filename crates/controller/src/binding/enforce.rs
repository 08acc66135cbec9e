//! A binding that cannot have what it asks for: what becomes of the role that it has.
//!
//! The role is judged by what it is in AWS, never by what the spec now says, and whatever is wrong with the spec: a
//! tenant who breaks or suspends his own binding must not keep a role that the guard-rails no longer allow.

use irsa_api::{IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::{CallerIdentity, Connect};
use irsa_core::{
    naming::RoleName,
    outcome::Outcome,
    plan::binding::Order,
    vocabulary::{Class, ConditionType, EventReason, Reason},
};
use irsa_pipeline::{
    binding::{
        aws_errors::step_error,
        execute::role::RoleWork,
        observe::{context::Context, role::role_in_place},
        plan::role::{Enforcement, JudgedRole, depth},
        validate::account::check_role_account,
    },
    object::{Managed, ObjectKey},
    report::Report,
    spec::identity::{owner, roles_in_place},
    step_error::{Draft, StepError},
};
use kube::Resource;

use super::{bindings::Bindings, verify::forget_proof};
use crate::{leadership::Leadership, reconciler::suspended};

/// When to look again at the role of a suspended binding that could not be judged.
const RETRY_SUSPENDED: std::time::Duration = std::time::Duration::from_mins(1);

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// The pass ends with `failure`. A role that the guard-rails allow as it is goes on; one that they do not is closed.
    pub(super) async fn enforce(&self, binding: &IamRoleBinding, context: &Context, failure: StepError) -> StepError {
        let made = binding.status.as_ref().is_some_and(|status| status.role_name.is_some());
        let waits = failure.aspect == ConditionType::FederationReady;
        if waits && !made {
            return failure;
        }
        let sentence = failure.message.clone();
        match Box::pin(self.close_unless_allowed(binding, context)).await {
            Ok(Enforcement::Untouched) => failure,
            Ok(Enforcement::Closed(because)) => {
                let because = because
                    .map(|refusal| refusal.to_string())
                    .filter(|because| !sentence.contains(because.as_str()));
                let why = because.map(|because| format!(" The role itself may not go on: {because}"));
                let message = format!(
                    "{sentence}{} Until then nobody can assume the role: its trust policy is closed.",
                    why.unwrap_or_default()
                );
                StepError { message, ..failure }
            }
            // Not yet known to be closed: the trouble decides when to try again.
            Err(trouble) => StepError {
                reason: if waits && trouble.reason.class() != Class::Retry {
                    failure.reason
                } else {
                    trouble.reason
                },
                message: format!("{sentence} {}", trouble.message),
                source: trouble.source,
                ..failure
            },
        }
    }

    /// What `spec.suspend` does not hold up: closing. `None` where there is nothing to close.
    pub(super) async fn watch_suspended(&self, binding: &IamRoleBinding) -> Option<Report<IamRoleBindingStatus>> {
        // Of unknown surroundings the watches bring news, and with it the next pass.
        let context = self.observe(binding).ok()?;
        let report = |failure| refused(binding, failure);
        match self.close_unless_allowed(binding, &context).await {
            // What was judged may be what the role was before the last change to it.
            Ok(Enforcement::Untouched | Enforcement::Closed(None)) => {
                let hidden = self.propagation.hidden_for(&ObjectKey::of(binding));
                hidden.map(|left| Report {
                    look_again: Some(left),
                    ..suspended(binding)
                })
            }
            Ok(Enforcement::Closed(Some(because))) => {
                let message = format!(
                    "{because} The binding is suspended, and nobody can assume its role: the trust policy is closed."
                );
                Some(report(StepError::new(
                    ConditionType::Admitted,
                    because.reason(),
                    message,
                )))
            }
            Err(trouble) => {
                let message = format!(
                    "spec.suspend is true; whether the role may go on is not known: {}",
                    trouble.message
                );
                Some(Report {
                    look_again: Some(RETRY_SUSPENDED),
                    ..Report::new(
                        Outcome::new(Reason::Suspended, message),
                        binding.status().cloned().unwrap_or_default(),
                    )
                })
            }
        }
    }

    /// A binding that cannot be read: its role is judged like that of every other that cannot have what it asks for.
    pub(super) async fn judge_unreadable(&self, binding: &IamRoleBinding, error: &str) -> Report<IamRoleBindingStatus> {
        let message = format!("The object cannot be read: {error}. Correct what it names, or delete the object.");
        let failure = StepError::new(ConditionType::Admitted, Reason::InvalidSpec, message);
        let failure = match self.observe(binding) {
            Ok(context) => self.enforce(binding, &context, failure).await,
            Err(unknown) => unknown,
        };
        refused(binding, failure)
    }

    pub(super) async fn close_unless_allowed(
        &self,
        binding: &IamRoleBinding,
        context: &Context,
    ) -> Result<Enforcement, StepError> {
        let names = roles_in_place(binding, Some(&context.federation));
        if names.is_empty() {
            return Ok(Enforcement::Untouched);
        }
        let connected = self.connect.connect(&context.federation.usage.connection).await;
        let aws = connected.map_err(|error| step_error(ConditionType::RoleSynced, &error))?;
        let mut verdict = None;
        for name in &names {
            if let Some(judged) = self.judge_role(binding, context, &aws, name).await? {
                verdict = Some(match verdict {
                    Some(closed @ Enforcement::Closed(_)) => closed,
                    _ => judged,
                });
            }
        }
        match verdict {
            Some(verdict) => Ok(verdict),
            None => check_role_account(binding, &aws.caller().account).map(|()| Enforcement::Untouched),
        }
    }

    /// One role: closed unless the guard-rails allow it as it is; `None` where there is none of ours. As the inventory shows
    /// it where that leaves nothing to do and the binding stays.
    async fn judge_role(
        &self,
        binding: &IamRoleBinding,
        context: &Context,
        aws: &C::Aws,
        name: &RoleName,
    ) -> Result<Option<Enforcement>, StepError> {
        let owner = owner(binding, &self.cluster);
        let (usage, interval) = (&context.federation.usage, context.federation.interval);
        // Nobody looks again at a suspended one by itself, so what was made of it last must show.
        let shown_from = self.propagation.shown_from(&ObjectKey::of(binding));
        let has_role = binding.status.as_ref().is_some_and(|status| status.role_id.is_some());
        if has_role
            && !binding.is_deleted()
            && self.may_rely_on_listings(binding)
            && let Some(listed) = self.look_up(aws, usage, name, interval, shown_from).await
            && let Some(judged) = JudgedRole::of(binding, context, &owner, name, &listed)
            && judged.steps.is_empty()
        {
            return Ok(Some(judged.verdict()));
        }
        self.memory.will_look(&ObjectKey::of(binding));
        let depth = depth(&usage.guardrails);
        let found = role_in_place(aws, binding, &context.federation, &owner, name, depth)
            .await?
            .ours();
        self.memory.has_looked(&ObjectKey::of(binding));
        let Some(found) = found else { return Ok(None) };
        let Some(judged) = JudgedRole::of(binding, context, &owner, name, &found) else {
            return Ok(None);
        };
        let order = Order::of_removal(&judged.steps, &found.role);
        let work = RoleWork {
            steps: &judged.steps,
            order: &order,
            put_off: &[],
        };
        let writing = self.write_role(binding, usage, aws, name, work, |_| ());
        let writes = !judged.steps.is_empty();
        let executed = self.propagation.during(&ObjectKey::of(binding), writes, writing).await;
        executed?.result(&judged.steps)?;
        if !judged.steps.is_empty() {
            self.memory.doubt(&ObjectKey::of(binding));
            let note = judged.in_words(name);
            let about = binding.object_ref(&());
            self.driver.events.warning(&about, EventReason::Applied, &note).await;
        }
        Ok(Some(judged.verdict()))
    }
}

/// What was proven of a role that is closed, or whose binding nobody can read, is forgotten.
fn refused(binding: &IamRoleBinding, failure: StepError) -> Report<IamRoleBindingStatus> {
    let mut draft = Draft::of(binding);
    forget_proof(&mut draft.status, &failure);
    draft.report(Err(failure))
}
