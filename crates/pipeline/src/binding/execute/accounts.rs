//! Steps on ServiceAccounts become calls: those of one in order, each with the right to write asked for first; those of
//! different ones beside each other.

use futures::{Stream, StreamExt, stream};
use irsa_core::{
    plan::binding::{
        AccountFields, AccountPlan, AccountRefusal, AccountStep, DesiredAccount, MAX_CALLS, ObservedAccount,
    },
    vocabulary::{ConditionType, Reason},
};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;

use super::service_accounts::{Target, apply, delete, strip};
use crate::{binding::aws_errors::kubernetes_error, permit::Leadership, step_error::StepError};

/// Calls of one binding that are under way at a time: the API server's fairness counts them all to one user.
const AT_A_TIME: usize = 8;

/// What is to be done to one ServiceAccount.
#[derive(Debug, Clone, Copy)]
pub struct AccountWork<'a> {
    /// The steps.
    pub plan: &'a AccountPlan,
    /// As it must be; `None` for one that is bound no more.
    pub desired: Option<&'a DesiredAccount>,
    /// As it was when that was planned.
    pub observed: Option<&'a ObservedAccount>,
}

/// What came of it.
#[derive(Debug)]
pub struct AccountDone<'a> {
    /// The ServiceAccount's name.
    pub account: &'a str,
    /// It was taken over.
    pub taken_over: Option<TakenOver>,
    /// As it is now; to apply these fields to that is in vain, because something between us and the store changes them.
    pub undone: Option<(ObservedAccount, AccountFields)>,
    /// Whether it is as wanted.
    pub ended: Result<(), AccountTrouble>,
}

/// A ServiceAccount that another cluster's operator had written.
#[derive(Debug, Clone)]
pub struct TakenOver {
    /// Its UID.
    pub uid: String,
    /// The role that it was restored with, if that was another.
    pub replaces: Option<String>,
}

/// Why a ServiceAccount is not as wanted.
#[derive(Debug)]
pub enum AccountTrouble {
    /// Somebody has to do something about it.
    Refused(AccountRefusal),
    /// A call failed.
    Failed(StepError),
}

/// Where steps are done.
#[derive(Debug)]
pub struct AccountExecutor<'a, L> {
    /// The binding's namespace.
    pub api: &'a Api<ServiceAccount>,
    /// Asked before each write.
    pub leadership: &'a L,
}

impl<L: Leadership> AccountExecutor<'_, L> {
    /// Does all of it, whatever becomes of one: a bad ServiceAccount does not keep the others waiting. What came of each is told
    /// as soon as it is known, in any order.
    pub fn execute<'w>(&'w self, work: Vec<AccountWork<'w>>) -> impl Stream<Item = AccountDone<'w>> + Send + 'w {
        let mut runs = Vec::with_capacity(work.len());
        for work in work {
            runs.push(self.run(work));
        }
        stream::iter(runs).buffer_unordered(AT_A_TIME)
    }

    async fn run<'a>(&self, work: AccountWork<'a>) -> AccountDone<'a> {
        let mut done = AccountDone {
            account: &work.plan.account,
            taken_over: None,
            undone: None,
            ended: Ok(()),
        };
        done.ended = match (work.plan.steps.first(), work.plan.refusal.clone()) {
            (Some(first), _) => self.run_from(first, work, &mut done).await,
            (None, Some(refusal)) => Err(AccountTrouble::Refused(refusal)),
            (None, None) => Ok(()),
        };
        done
    }

    /// Makes the calls from the first planned one. The next one is what the answer calls for: the planned one, with what is known
    /// only now (of a ServiceAccount that was created, its UID), unless something between us and the API server has changed
    /// what was written.
    async fn run_from(
        &self,
        first: &AccountStep,
        work: AccountWork<'_>,
        done: &mut AccountDone<'_>,
    ) -> Result<(), AccountTrouble> {
        let (mut step, mut observed) = (first.clone(), work.observed.cloned());
        for _ in 0..MAX_CALLS {
            let made = self.write(done.account, &step, observed.as_ref()).await;
            let (Some(made), Some(desired)) = (made.map_err(AccountTrouble::Failed)?, work.desired) else {
                return Ok(());
            };
            if let AccountStep::TakeOver { replaces, .. } = &step {
                done.taken_over = Some(TakenOver {
                    uid: made.uid.clone(),
                    replaces: replaces.clone(),
                });
            }
            let next = step.then(desired, &made);
            if let (Err(AccountRefusal::Undone(_)), Some(fields)) = (&next, step.fields()) {
                done.undone = Some((made.clone(), fields.clone()));
            }
            match next.map_err(AccountTrouble::Refused)? {
                None => return Ok(()),
                Some(next) => (step, observed) = (next, Some(made)),
            }
        }
        // Each answer called for something else. What is left is not tried again either until the ServiceAccount changes.
        let (Some(fields), Some(observed)) = (step.fields(), observed) else {
            return Ok(());
        };
        let field = fields.differing(&observed).into_iter().next();
        done.undone = Some((observed, fields.clone()));
        field.map_or(Ok(()), |field| {
            Err(AccountTrouble::Refused(AccountRefusal::Undone(field)))
        })
    }

    /// Makes one call. Returns the ServiceAccount as it is then, where it is still bound.
    async fn write(
        &self,
        name: &str,
        step: &AccountStep,
        observed: Option<&ObservedAccount>,
    ) -> Result<Option<ObservedAccount>, StepError> {
        let (api, aspect) = (self.api, ConditionType::ServiceAccountsSynced);
        let failed = |action: &'static str| move |error| kubernetes_error(action, name, error);
        let permit = self.leadership.permit();
        let _permit = permit.map_err(|error| StepError::not_leader(aspect, error))?;
        match (step, observed) {
            (AccountStep::Create { fields }, _) => {
                let made = apply(api, name, Target::New, fields).await;
                made.map(Some).map_err(failed("create"))
            }
            (AccountStep::Apply { fields } | AccountStep::Confirm { fields }, Some(account)) => {
                let made = apply(api, name, Target::Existing(account), fields).await;
                made.map(Some).map_err(failed("change"))
            }
            (AccountStep::TakeOver { fields, .. }, Some(account)) => {
                let made = apply(api, name, Target::Taken(account), fields).await;
                made.map(Some).map_err(failed("change"))
            }
            (AccountStep::Clear { left }, Some(account)) => {
                let cleared = apply(api, name, Target::Unchanged(account), left).await;
                cleared.map(|_| None).map_err(failed("change"))
            }
            (AccountStep::Strip, Some(account)) => {
                let stripped = strip(api, name, account).await;
                stripped.map(|()| None).map_err(failed("change"))
            }
            (AccountStep::Delete, Some(account)) => {
                let deleted = delete(api, name, account).await;
                deleted.map(|()| None).map_err(failed("delete"))
            }
            // Only a creation is planned for one that is not there.
            (_, None) => {
                let message = format!("The ServiceAccount {name} is gone; it is looked at anew.");
                Err(StepError::new(aspect, Reason::WriteConflict, message))
            }
        }
    }
}
