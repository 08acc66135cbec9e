//! [`AccountPlan`]: all that is to be done to one ServiceAccount.

use super::{AccountChange, AccountField, AccountFields, AccountStep, DesiredAccount, ObservedAccount};
use crate::vocabulary::CONFIRMED_FOR;

/// Calls that a plan makes to one ServiceAccount at most: to make it, or to take it over, and to settle what that made known.
const MAX_CALLS: usize = 2;

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
        let (mut steps, mut state) = (Vec::new(), observed.cloned());
        let refusal = loop {
            let step = match desired.change(state.as_ref()) {
                AccountChange::Nothing => break None,
                AccountChange::Missing => break Some(AccountRefusal::Missing),
                AccountChange::Conflict { field, manager } => break Some(AccountRefusal::Conflict { field, manager }),
                _ if steps.len() == MAX_CALLS => break None,
                AccountChange::Create(fields) => AccountStep::Create { fields },
                AccountChange::Apply(fields) if steps.is_empty() => AccountStep::Apply { fields },
                AccountChange::Apply(fields) => following(&steps, fields),
                AccountChange::TakeOver { fields, replaces } => AccountStep::TakeOver { fields, replaces },
            };
            state = Some(state.unwrap_or_default().after(&step));
            steps.push(step);
        };
        Self {
            account: account.to_owned(),
            steps,
            refusal,
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

    /// Whether it rests on there being no ServiceAccount of the name: somebody may make one at any time.
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

/// What is applied once the answer to an earlier step is known.
fn following(steps: &[AccountStep], mut fields: AccountFields) -> AccountStep {
    if let Some(AccountStep::Create { .. }) = steps.last() {
        fields.annotations.remove(CONFIRMED_FOR);
        return AccountStep::Confirm { fields };
    }
    AccountStep::Apply { fields }
}

impl ObservedAccount {
    /// As the API server will show it after a step that applies fields: server-side apply's own rules, as far as they reach the
    /// fields that a binding may write. The UID of one that is created is not known.
    fn after(mut self, step: &AccountStep) -> Self {
        let (fields, force) = match step {
            AccountStep::Create { fields }
            | AccountStep::Confirm { fields }
            | AccountStep::Apply { fields }
            | AccountStep::Clear { left: fields } => (fields, false),
            AccountStep::TakeOver { fields, .. } => (fields, true),
            AccountStep::Strip | AccountStep::Delete => return self,
        };
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
