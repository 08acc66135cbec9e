//! Annotating the ServiceAccounts of a binding, and undoing it.

use std::collections::BTreeSet;

use irsa_api::{IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::Connect;
use irsa_core::{
    plan::binding::{AccountFields, AccountPlan, DesiredAccount, ObservedAccount},
    vocabulary::{ConditionType, EKS_ROLE_ARN, EventReason, Reason},
};
use irsa_pipeline::{
    binding::{
        aws_errors::kubernetes_error,
        conclude::{accounts_in_words, conflict, undone},
        execute::service_accounts::{Target, apply},
        observe::service_accounts,
        validate::accounts,
    },
    object::Managed,
    spec::{
        federation_view::Usage,
        identity::{service_account_of, subjects_before},
    },
    step_error::{Draft, StepError, first_of},
};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, Resource, ResourceExt};

use super::bindings::Bindings;
use crate::leadership::Leadership;

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// Annotates the ServiceAccounts whose `subjects` the role lets in, and undoes those that are no longer bound; one that is to
    /// be bound and is not let in yet waits. Goes through all of them and
    /// stops afterwards at the first trouble, so that one bad ServiceAccount does not keep the others waiting.
    pub(super) async fn sync_accounts(
        &self,
        binding: &IamRoleBinding,
        usage: &Usage,
        subjects: &[String],
        draft: &mut Draft<IamRoleBindingStatus>,
    ) -> Result<(), StepError> {
        let namespace = binding.namespace().unwrap_or_default();
        let api: Api<ServiceAccount> = Api::namespaced(self.driver.client.clone(), &namespace);
        let role_arn = draft.status.role_arn.clone().unwrap_or_default();
        let desired = accounts(binding, &role_arn, usage, self.federations.ids())?;
        let let_in: BTreeSet<&str> = subjects
            .iter()
            .filter_map(|subject| service_account_of(subject))
            .collect();
        let mut trouble = None;
        for (name, desired) in desired.iter().filter(|(name, _)| let_in.contains(name.as_str())) {
            self.memory.expect_account(&namespace, name, desired.clone());
            let observed = service_accounts::read(&api, name)
                .await
                .map_err(|error| kubernetes_error("read", name, error));
            let synced = match observed {
                Ok(observed) => self.sync_account(binding, &api, name, desired, observed).await,
                Err(failure) => Err(failure),
            };
            trouble = first_of(trouble, synced);
        }
        let bound: BTreeSet<String> = desired.keys().cloned().collect();
        let (stuck, undone) = self.unbind_former(binding, &api, &bound, &role_arn).await;
        trouble = first_of(trouble, undone);
        // Whoever may carry what this binding put there is not forgotten, whether he is let in or not.
        let left = subjects_before(binding).into_iter();
        let left = left.filter(|subject| {
            service_account_of(subject).is_some_and(|name| bound.contains(name) || stuck.contains(name))
        });
        let subjects: BTreeSet<String> = subjects.iter().cloned().chain(left).collect();
        draft.status.subjects = subjects.into_iter().collect();
        if let Some(failure) = trouble {
            if failure.reason == Reason::AnnotationConflict {
                self.announce_conflict(binding, &failure.message).await;
            }
            return Err(failure);
        }
        let shut_out = bound.iter().filter(|name| !let_in.contains(name.as_str()));
        let shut_out = self.shut_out(&api, shut_out, &role_arn).await?;
        match shut_out.in_words() {
            None => draft.holds(ConditionType::ServiceAccountsSynced, accounts_in_words(&bound)),
            Some(message) => draft.note(&StepError::new(
                ConditionType::ServiceAccountsSynced,
                Reason::Progressing,
                message,
            )),
        }
        Ok(())
    }

    async fn sync_account(
        &self,
        binding: &IamRoleBinding,
        api: &Api<ServiceAccount>,
        name: &str,
        desired: &DesiredAccount,
        observed: Option<ObservedAccount>,
    ) -> Result<(), StepError> {
        let plan = desired.plan(observed.as_ref());
        let Some(made) = self.change_account(api, name, &plan, observed.as_ref()).await? else {
            return Ok(());
        };
        // The UID of one that was created is known only now; what was taken over to be removed can be; and of a conflict over
        // what does not matter to injection is told only now.
        match (desired.plan(Some(&made)), &plan) {
            (AccountPlan::Apply(again), AccountPlan::Apply(fields)) if again == *fields => {
                let changed = fields.differing(&made).into_iter().next();
                self.memory.note_undone(&made, again);
                return changed.map_or(Ok(()), |field| Err(undone(name, &field)));
            }
            (AccountPlan::Apply(fields), _) => {
                self.apply_account(api, name, Target::Existing(&made), &fields).await?;
            }
            (AccountPlan::Conflict { field, manager }, _) => return Err(conflict(name, &field, &manager)),
            _ => {}
        }
        if let AccountPlan::TakeOver {
            replaces: Some(role), ..
        } = &plan
        {
            let note = format!(
                "ServiceAccount {name} was restored with the role {role} of another cluster; it has this binding's now."
            );
            let about = binding.object_ref(&());
            self.driver.events.normal(&about, EventReason::TakenOver, &note).await;
        }
        Ok(())
    }

    /// Does to a ServiceAccount what is planned; returns it as it is then, if that took a write.
    async fn change_account(
        &self,
        api: &Api<ServiceAccount>,
        name: &str,
        plan: &AccountPlan,
        observed: Option<&ObservedAccount>,
    ) -> Result<Option<ObservedAccount>, StepError> {
        let refuse = |reason, message| Err(StepError::new(ConditionType::ServiceAccountsSynced, reason, message));
        let (fields, target) = match (plan, observed) {
            (AccountPlan::Create(fields), _) => (fields, Target::New),
            (AccountPlan::Apply(fields), Some(account)) => match self.memory.was_undone(account, fields) {
                Some(field) => return Err(undone(name, &field)),
                None => (fields, Target::Existing(account)),
            },
            (AccountPlan::TakeOver { fields, .. }, Some(account)) if self.memory.may_take_over(&account.uid) => {
                (fields, Target::Taken(account))
            }
            (AccountPlan::TakeOver { .. }, _) => {
                let message = format!(
                    "Somebody puts {EKS_ROLE_ARN} of a restored ServiceAccount back each time, on {name}; take it out of \
                     what is applied there. It is not overwritten any more."
                );
                return refuse(Reason::AnnotationConflict, message);
            }
            (AccountPlan::Missing, _) => {
                let message = format!(
                    "The ServiceAccount {name} does not exist; create it, or set spec.serviceAccountMode: Create."
                );
                return refuse(Reason::ServiceAccountNotFound, message);
            }
            (AccountPlan::Conflict { field, manager }, _) => return Err(conflict(name, field, manager)),
            (AccountPlan::Nothing | AccountPlan::Apply(_), _) => return Ok(None),
        };
        self.apply_account(api, name, target, fields).await.map(Some)
    }

    async fn apply_account(
        &self,
        api: &Api<ServiceAccount>,
        name: &str,
        target: Target<'_>,
        fields: &AccountFields,
    ) -> Result<ObservedAccount, StepError> {
        let _permit = self.permit()?;
        let action = if matches!(target, Target::New) {
            "create"
        } else {
            "change"
        };
        let applied = apply(api, name, target, fields).await;
        applied.map_err(|error| kubernetes_error(action, name, error))
    }

    /// Says so once: when the condition does not say so yet. What no condition says, because of another ServiceAccount's
    /// trouble, is not announced either, or it would be by every pass.
    async fn announce_conflict(&self, binding: &IamRoleBinding, message: &str) {
        if binding
            .conditions()
            .iter()
            .any(|condition| condition.message == message)
        {
            return;
        }
        self.driver
            .events
            .warning(&binding.object_ref(&()), EventReason::AnnotationConflict, message)
            .await;
    }
}
