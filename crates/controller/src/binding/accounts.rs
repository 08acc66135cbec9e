//! The ServiceAccounts of a binding: observed and planned with its role, written after it is made and before it is removed.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    time::Duration,
};

use futures::StreamExt;
use irsa_api::{IamRoleBinding, IamRoleBindingStatus, ServiceAccountMode};
use irsa_aws::Connect;
use irsa_core::{
    plan::binding::AccountPlan,
    vocabulary::{ConditionType, EventReason, Reason},
};
use irsa_pipeline::{
    binding::{
        conclude::{ShutOut, account_trouble, accounts_in_words, taken_over},
        execute::accounts::{AccountDone, AccountExecutor, AccountWork},
        observe::service_accounts::ObservedAccounts,
        plan::accounts::Accounts,
        validate::{self, conflicts::Conflicts},
    },
    object::Managed,
    spec::{
        federation_view::Usage,
        identity::{bound_before, service_account_of, subjects_before},
    },
    step_error::{Draft, StepError, first_of},
};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, Resource, ResourceExt};

use super::{bindings::Bindings, memory::Looks};
use crate::leadership::Leadership;

/// Longest that one round of reads may take. A pass has two at most.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// Those that the binding binds, or may have bound. What the watch tells of them from now on is noted.
    pub(super) async fn observe_accounts(&self, binding: &IamRoleBinding) -> (ObservedAccounts, Looks<'_>) {
        let binds = binding.is_deleted() || binding.spec.service_account_mode != ServiceAccountMode::None;
        let named = binding.spec.service_accounts.iter().filter(|_| binds);
        let named = named.map(|account| account.name.clone());
        let names: BTreeSet<String> = bound_before(binding).into_iter().chain(named).collect();
        let looks = self
            .memory
            .look_at(&binding.namespace().unwrap_or_default(), names.iter());
        (self.read_accounts(binding, names).await, looks)
    }

    /// Runs beside the read of the role: the limit keeps an API server that does not answer from holding up what is to be taken
    /// from the role.
    async fn read_accounts(&self, binding: &IamRoleBinding, names: BTreeSet<String>) -> ObservedAccounts {
        let seconds = READ_TIMEOUT.as_secs();
        let message = format!("The ServiceAccounts could not be read within {seconds} s.");
        let late = StepError::new(
            ConditionType::ServiceAccountsSynced,
            Reason::ApiServerUnavailable,
            message,
        );
        let limit = tokio::time::sleep(READ_TIMEOUT);
        ObservedAccounts::read(&self.accounts_api(binding), names, limit, &late).await
    }

    /// As they must be once the role has this ARN, and what has to be done for it.
    pub(super) fn plan_accounts(
        &self,
        binding: &IamRoleBinding,
        usage: &Usage,
        role_arn: &str,
        observed: ObservedAccounts,
    ) -> Result<(Accounts, Vec<AccountPlan>), StepError> {
        let status = binding.status.as_ref();
        // What they were annotated with, which a change of spec.existingRole has left behind.
        let annotated_with = status.and_then(|status| status.role_arn.as_deref());
        let accounts = Accounts {
            desired: validate::accounts(binding, role_arn, usage, self.federations.ids())?,
            observed,
            annotated_with: annotated_with.unwrap_or(role_arn).to_owned(),
            removes: false,
        };
        let plans = accounts.plan(binding, &self.memory);
        Ok((accounts, plans))
    }

    /// Annotates the ServiceAccounts whose `subjects` the role lets in, and undoes those that are no longer bound; one that is to
    /// be bound and is not let in yet waits. Tries all of them, and returns the first trouble afterwards: one bad ServiceAccount
    /// does not keep the others waiting.
    pub(super) async fn sync_accounts(
        &self,
        binding: &IamRoleBinding,
        mut accounts: Accounts,
        plans: Vec<AccountPlan>,
        looks: &Looks<'_>,
        subjects: &[String],
        draft: &mut Draft<IamRoleBindingStatus>,
    ) -> Result<(), StepError> {
        let let_in: BTreeSet<&str> = subjects
            .iter()
            .filter_map(|subject| service_account_of(subject))
            .collect();
        let troubles = self.write_accounts(binding, &mut accounts, plans, looks, &let_in).await;
        // The subject of every ServiceAccount that may still carry our annotations stays.
        let left = subjects_before(binding).into_iter().filter(|subject| {
            let is_stuck = |name: &str| troubles.iter().any(|(account, _)| account == name);
            service_account_of(subject).is_some_and(|name| accounts.desired.contains_key(name) || is_stuck(name))
        });
        let subjects: BTreeSet<String> = subjects.iter().cloned().chain(left).collect();
        draft.status.subjects = subjects.into_iter().collect();
        if let Some(failure) = first(troubles) {
            if failure.reason == Reason::AnnotationConflict {
                self.announce_conflict(binding, &failure.message).await;
            }
            return Err(failure);
        }
        match ShutOut::of(&accounts, &let_in)?.in_words() {
            None => draft.holds(ConditionType::ServiceAccountsSynced, accounts_in_words(&accounts)),
            Some(message) => draft.note(&StepError::new(
                ConditionType::ServiceAccountsSynced,
                Reason::Progressing,
                message,
            )),
        }
        Ok(())
    }

    /// Takes what this binding did off all its ServiceAccounts; those that it made go.
    pub(super) async fn unbind_accounts(&self, binding: &IamRoleBinding) -> Result<(), StepError> {
        let Some(role_arn) = binding.status.as_ref().and_then(|status| status.role_arn.clone()) else {
            return Ok(());
        };
        let (observed, looks) = self.observe_accounts(binding).await;
        let mut accounts = Accounts {
            desired: BTreeMap::new(),
            observed,
            annotated_with: role_arn,
            removes: true,
        };
        let plans = accounts.plan(binding, &self.memory);
        let nobody = BTreeSet::new();
        let troubles = self
            .write_accounts(binding, &mut accounts, plans, &looks, &nobody)
            .await;
        first(troubles).map_or(Ok(()), Err)
    }

    /// Does what is planned to those that are let in and to those that are bound no more. Returns the troubles, with the
    /// ServiceAccounts that they concern: of those that are bound, and then of the others.
    async fn write_accounts(
        &self,
        binding: &IamRoleBinding,
        accounts: &mut Accounts,
        plans: Vec<AccountPlan>,
        looks: &Looks<'_>,
        let_in: &BTreeSet<&str>,
    ) -> Vec<(String, StepError)> {
        self.expect_accounts(binding, accounts, let_in);
        let plans = self.look_again(binding, accounts, plans, looks).await;
        let accounts = &*accounts;
        // What another binding has annotated with the same role is that one's.
        let has_another = |all: &Conflicts<'_>, name: &str| all.has_another_with(name, &accounts.annotated_with);
        let anothers = self.former_that(binding, accounts, has_another);
        let may_be_written = |name: &str| match accounts.desired.get(name) {
            Some(_) => let_in.contains(name),
            None => !anothers.contains(name),
        };
        let work = plans.iter().filter(|plan| may_be_written(&plan.account));
        let work = work.map(|plan| AccountWork {
            plan,
            desired: accounts.desired.get(&plan.account),
            observed: accounts.observed.get(&plan.account).ok().flatten(),
        });
        let executor = AccountExecutor {
            api: &self.accounts_api(binding),
            leadership: self.driver.leadership.as_ref(),
        };
        let mut troubles = Vec::new();
        let mut executing = pin!(executor.execute(work.collect()));
        while let Some(done) = executing.next().await {
            self.note_account(binding, &done).await;
            if let Err(trouble) = &done.ended {
                troubles.push((done.account.to_owned(), account_trouble(done.account, trouble)));
            }
        }
        let unread = accounts.observed.names().filter(|name| may_be_written(name));
        troubles.extend(unread.filter_map(|name| Some((name.to_owned(), accounts.observed.get(name).err()?))));
        troubles.sort_by_key(|(name, _)| (!accounts.desired.contains_key(name), name.clone()));
        troubles
    }

    /// What was found missing, or has changed since it was read, is read and planned anew.
    async fn look_again(
        &self,
        binding: &IamRoleBinding,
        accounts: &mut Accounts,
        plans: Vec<AccountPlan>,
        looks: &Looks<'_>,
    ) -> Vec<AccountPlan> {
        let namespace = binding.namespace().unwrap_or_default();
        let is_stale = |plan: &&AccountPlan| plan.finds_none() || looks.has_changed(&namespace, &plan.account);
        let stale: BTreeSet<String> = plans.iter().filter(is_stale).map(|plan| plan.account.clone()).collect();
        if stale.is_empty() {
            return plans;
        }
        accounts.observed.replace(self.read_accounts(binding, stale).await);
        accounts.plan(binding, &self.memory)
    }

    /// What the watch of ServiceAccounts compares with from now on.
    fn expect_accounts(&self, binding: &IamRoleBinding, accounts: &Accounts, let_in: &BTreeSet<&str>) {
        let namespace = binding.namespace().unwrap_or_default();
        let bound = accounts
            .desired
            .iter()
            .filter(|(name, _)| let_in.contains(name.as_str()));
        for (name, desired) in bound {
            self.memory.expect_account(&namespace, name, desired.clone());
        }
        for name in self.former_that(binding, accounts, |all, name| !all.is_bound_by_another(name)) {
            self.memory.release_account(&namespace, &name);
        }
    }

    /// Those that were bound and are no more, and of which this holds by what the other bindings are now.
    fn former_that(
        &self,
        binding: &IamRoleBinding,
        accounts: &Accounts,
        holds: impl Fn(&Conflicts<'_>, &str) -> bool,
    ) -> BTreeSet<String> {
        let mut former = accounts.former().peekable();
        // There are seldom any, and often many bindings.
        if former.peek().is_none() {
            return BTreeSet::new();
        }
        let all = self.store.state();
        let conflicts = Conflicts::of(binding, all.iter().filter_map(|decoded| decoded.outline()));
        former
            .filter(|name| holds(&conflicts, name))
            .map(str::to_owned)
            .collect()
    }

    async fn note_account(&self, binding: &IamRoleBinding, done: &AccountDone<'_>) {
        if let Some((account, fields)) = &done.undone {
            self.memory.note_undone(account, fields.clone());
        }
        let Some(taken) = &done.taken_over else { return };
        self.memory.count_takeover(&taken.uid);
        if let (Some(role), Ok(())) = (&taken.replaces, &done.ended) {
            let about = binding.object_ref(&());
            let note = taken_over(done.account, role);
            self.driver.events.normal(&about, EventReason::TakenOver, &note).await;
        }
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

    fn accounts_api(&self, binding: &IamRoleBinding) -> Api<ServiceAccount> {
        Api::namespaced(self.driver.client.clone(), &binding.namespace().unwrap_or_default())
    }
}

/// The first is the verdict; of the others the log tells.
fn first(troubles: Vec<(String, StepError)>) -> Option<StepError> {
    let troubles = troubles.into_iter();
    troubles.fold(None, |first, (_, failure)| first_of(first, Err(failure)))
}
