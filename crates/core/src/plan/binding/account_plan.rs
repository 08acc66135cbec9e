//! [`AccountPlan`]: all that is to be done to one ServiceAccount.

use super::{AccountChange, AccountField, AccountStep, DesiredAccount, ObservedAccount};
use crate::vocabulary::CONFIRMED_FOR;

/// Calls that a plan makes to one ServiceAccount at most: to make it, or to take it over, and to settle what that made known.
pub const MAX_CALLS: usize = 2;

/// Why a ServiceAccount does not become as wanted, whatever is done to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountRefusal {
    /// It does not exist and is not ours to create.
    #[error("it does not exist")]
    Missing,
    /// Somebody else keeps another value of a field. It is left alone.
    #[error("{manager} keeps another value of {field}")]
    Conflict {
        /// The field.
        field: AccountField,
        /// Its field manager.
        manager: String,
    },
    /// What was applied came back as something else, though nobody owns it.
    #[error("the cluster's admission does not let {0} be what was written")]
    Undone(AccountField),
    /// Somebody puts back, each time, what it was restored with.
    #[error("what it was restored with was put back each time")]
    PutBack,
}

/// All that is to be done to one ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPlan {
    /// Its name.
    pub account: String,
    /// In order; empty for one that is as it must be. A second one is what the answer to the first will call for, if nothing
    /// between us and the API server changes what is written.
    pub steps: Vec<AccountStep>,
    /// What is not as wanted once the steps are done.
    pub refusal: Option<AccountRefusal>,
}

impl AccountPlan {
    /// What binds a ServiceAccount that was observed in this state.
    pub fn bind(account: &str, desired: &DesiredAccount, observed: Option<&ObservedAccount>) -> Self {
        let first = match desired.change(observed) {
            AccountChange::Nothing => Ok(None),
            AccountChange::Missing => Err(AccountRefusal::Missing),
            AccountChange::Conflict { field, manager } => Err(AccountRefusal::Conflict { field, manager }),
            AccountChange::Create(fields) => Ok(Some(AccountStep::Create { fields })),
            AccountChange::Apply(fields) => Ok(Some(AccountStep::Apply { fields })),
            AccountChange::TakeOver { fields, replaces } => Ok(Some(AccountStep::TakeOver { fields, replaces })),
        };
        let (mut steps, mut state, mut next) = (Vec::new(), observed.cloned().unwrap_or_default(), first);
        while let Ok(Some(step)) = next {
            state = state.after(&step);
            next = step.then(desired, &state);
            if next.is_ok() && steps.len() + 1 == MAX_CALLS {
                next = Ok(None);
            }
            steps.push(as_planned(&steps, step));
        }
        Self {
            account: account.to_owned(),
            steps,
            refusal: next.err(),
        }
    }

    /// What takes off a ServiceAccount what `binding` did when it got `role_arn`; see [`ObservedAccount::removal`].
    pub fn unbind(
        account: &str,
        observed: Option<&ObservedAccount>,
        binding: &str,
        role_arn: &str,
        named: bool,
    ) -> Self {
        let removal = observed.and_then(|observed| observed.removal(binding, role_arn, named));
        Self {
            account: account.to_owned(),
            steps: removal.into_iter().collect(),
            refusal: None,
        }
    }

    /// Whether it would create the ServiceAccount, or cannot do without: somebody may have made one since.
    pub fn finds_none(&self) -> bool {
        let creates = matches!(self.steps.first(), Some(AccountStep::Create { .. }));
        creates || self.refusal == Some(AccountRefusal::Missing)
    }

    /// Nothing is done, for this reason.
    #[must_use]
    pub fn refused(self, refusal: AccountRefusal) -> Self {
        Self {
            steps: Vec::new(),
            refusal: Some(refusal),
            ..self
        }
    }
}

/// What follows a creation has a UID that nobody knows yet.
fn as_planned(before: &[AccountStep], step: AccountStep) -> AccountStep {
    match (before.last(), step) {
        (Some(AccountStep::Create { .. }), AccountStep::Apply { mut fields }) => {
            fields.annotations.remove(CONFIRMED_FOR);
            AccountStep::Confirm { fields }
        }
        (_, step) => step,
    }
}

impl AccountStep {
    /// What a ServiceAccount calls for once this step was answered like that: the next step, if any.
    ///
    /// # Errors
    /// It does not become as wanted.
    pub fn then(
        &self,
        desired: &DesiredAccount,
        answer: &ObservedAccount,
    ) -> Result<Option<AccountStep>, AccountRefusal> {
        match desired.change(Some(answer)) {
            AccountChange::Conflict { field, manager } => Err(AccountRefusal::Conflict { field, manager }),
            // The same again would be answered the same.
            AccountChange::Apply(again) if self.fields() == Some(&again) => {
                let undone = again.differing(answer).into_iter().next();
                undone.map_or(Ok(None), |field| Err(AccountRefusal::Undone(field)))
            }
            AccountChange::Apply(fields) => Ok(Some(AccountStep::Apply { fields })),
            AccountChange::TakeOver { fields, replaces } => Ok(Some(AccountStep::TakeOver { fields, replaces })),
            AccountChange::Nothing | AccountChange::Missing | AccountChange::Create(_) => Ok(None),
        }
    }
}

impl ObservedAccount {
    /// As the API server will show it after a step that applies fields: server-side apply's own rules, as far as they reach the
    /// fields that a binding may write. The UID of one that is created is not known.
    fn after(mut self, step: &AccountStep) -> Self {
        let Some(fields) = step.fields() else { return self };
        let force = matches!(step, AccountStep::TakeOver { .. });
        let names = fields.names();
        let (differing, before) = (fields.differing(&self), self.ours.clone());
        if force {
            self.theirs.retain(|field, _| !differing.contains(field));
        }
        for field in before
            .difference(&names)
            .filter(|field| !self.theirs.contains_key(*field))
        {
            match field {
                AccountField::Annotation(key) => drop(self.annotations.remove(key)),
                AccountField::Label(key) => drop(self.labels.remove(key)),
                AccountField::Automount => self.automount = None,
            }
        }
        self.annotations.extend(fields.annotations.clone());
        self.labels.extend(fields.labels.clone());
        self.automount = fields.automount.or(self.automount);
        self.ours = names;
        self
    }
}

#[cfg(test)]
mod tests;
