//! What a binding does to its ServiceAccounts: annotations and a label that have pods injected, and on those that it made the
//! fields of its template, by server-side apply of these only. Force is used for two things alone: for what this operator
//! wrote on another object and a restore brought here, and for a role annotation that is empty.
//!
//! **Who keeps another value of a field** keeps it. Of one that injection needs that is a conflict, and nothing is applied;
//! of one of the template's, the rest is applied first.
//!
//! **Confirmation.** Each ServiceAccount carries its own UID in [`CONFIRMED_FOR`], and the injection policy wants the two
//! to be equal. A restore makes a new UID, so that what was copied from another cluster, another role included, counts
//! for nothing until the binding of this cluster has looked at it.

use std::{collections::BTreeSet, sync::Arc};

use super::{AccountField, AccountFields, AccountStep, AccountTemplate, ObservedAccount, PodSettings};
use crate::vocabulary::{
    CONFIRMED_FOR, EKS_AUDIENCE, EKS_ROLE_ARN, INJECT_LABEL, INJECT_LABEL_VALUE, OWNER_LABEL, POD_SETTINGS, RESTORED,
    RESTORED_VALUE,
};

/// What a binding wants of one ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredAccount {
    /// The binding's name, for the owner label.
    pub binding: String,
    /// ARN of the role.
    pub role_arn: String,
    /// The audience of injected tokens.
    pub audience: String,
    /// What its pods get beside.
    pub pods: PodSettings,
    /// Whether a missing ServiceAccount is created.
    pub create: bool,
    /// What one that was created by the binding carries beside.
    pub template: AccountTemplate,
    /// Ids of this cluster's federations ([`crate::naming::federation_id`]): a role of theirs is no other cluster's. Shared: they are
    /// the same for all ServiceAccounts.
    pub federations: Arc<BTreeSet<String>>,
}

/// What one look at a ServiceAccount calls for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChange {
    /// It carries what it must.
    Nothing,
    /// It does not exist and is not ours to create.
    Missing,
    /// Create it with these fields. Its UID is known only then, so that a second look confirms it.
    Create(AccountFields),
    /// Apply these fields.
    Apply(AccountFields),
    /// Apply these fields by force: what other managers own of them was restored, or is empty.
    TakeOver {
        /// All of ours.
        fields: AccountFields,
        /// The role that the ServiceAccount was restored with, if it is another.
        replaces: Option<String>,
    },
    /// Somebody else set a field to another value. It is left alone.
    Conflict {
        /// The field.
        field: AccountField,
        /// Its field manager.
        manager: String,
    },
}

impl DesiredAccount {
    /// What a ServiceAccount in this state calls for. After an apply there may be more to do, or to tell: all of it is an
    /// [`AccountPlan`](super::AccountPlan).
    pub fn change(&self, observed: Option<&ObservedAccount>) -> AccountChange {
        let Some(account) = observed else {
            return if self.create {
                AccountChange::Create(self.fields(true))
            } else {
                AccountChange::Missing
            };
        };
        let mut fields = self.fields_for(account);
        let held = |field: &AccountField| account.other_manager(field).map(str::to_owned);
        let wrong = fields.differing(account);
        let of_template = self.template.fields().names();
        let (of_template, wrong): (Vec<_>, Vec<_>) = wrong.into_iter().partition(|field| of_template.contains(field));
        let conflict = |field: AccountField, manager: String| AccountChange::Conflict { field, manager };
        let restored = account.is_restored(&self.federations);
        let mut contested = wrong.iter().filter(|field| !restored && !account.is_nobodys(field));
        if let Some((field, manager)) = contested.find_map(|field| Some((field.clone(), held(field)?))) {
            return conflict(field, manager);
        }
        let (given_up, missing): (Vec<_>, Vec<_>) = of_template.into_iter().partition(|field| held(field).is_some());
        fields.retain(|field| !given_up.contains(field));
        if wrong.is_empty() && missing.is_empty() && !fields.leaves_out_one_of(account) {
            let first = given_up.into_iter().next();
            let first = first.and_then(|field| Some(conflict(field.clone(), held(&field)?)));
            return first.unwrap_or(AccountChange::Nothing);
        }
        if wrong.iter().any(|field| held(field).is_some()) {
            let before = account.annotations.get(EKS_ROLE_ARN);
            let replaces = before.filter(|arn| !arn.is_empty() && **arn != self.role_arn).cloned();
            return AccountChange::TakeOver { fields, replaces };
        }
        AccountChange::Apply(fields)
    }

    /// What an existing ServiceAccount must carry.
    fn fields_for(&self, account: &ObservedAccount) -> AccountFields {
        // The owner label must stay in each apply to one that we created, or the apply would remove it. What another binding's
        // template gave it stays as it is: a rule of the cluster may demand it, and nobody is there who could say otherwise.
        let made_here = account.is_created_by(&self.binding);
        let mut fields = self.fields(made_here);
        if !made_here {
            fields.add(&account.left_by_template());
        }
        fields.annotate(CONFIRMED_FOR, &account.uid);
        let restored = account.is_restored(&self.federations);
        if restored || account.owns_annotation(RESTORED) {
            fields.annotate(RESTORED, RESTORED_VALUE);
        }
        // An apply cannot remove what others own. Taken over as empty it is ours, and the next apply leaves it out.
        let leftover = |key: &&str| restored && account.annotations.contains_key(*key);
        for key in POD_SETTINGS.into_iter().filter(leftover) {
            fields.annotations.entry(key.to_owned()).or_default();
        }
        fields
    }

    fn fields(&self, created_by_us: bool) -> AccountFields {
        let entry = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let identity = [entry(EKS_ROLE_ARN, &self.role_arn), entry(EKS_AUDIENCE, &self.audience)];
        let owner = created_by_us.then(|| entry(OWNER_LABEL, &self.binding));
        let mut fields = AccountFields {
            annotations: self.pods.annotations().into_iter().chain(identity).collect(),
            labels: std::iter::once(entry(INJECT_LABEL, INJECT_LABEL_VALUE))
                .chain(owner)
                .collect(),
            automount: None,
        };
        if created_by_us {
            fields.add(self.template.fields());
        }
        fields
    }
}

impl ObservedAccount {
    /// How to undo what `binding` did when the ServiceAccount got `role_arn`. One that it still names (`named`) stays, with the
    /// label that says who made it: its pods run on, and it goes with the binding later.
    ///
    /// All bindings apply as one field manager, so the ARN tells whose fields these are: another binding that has taken
    /// over the ServiceAccount keeps them.
    pub fn removal(&self, binding: &str, role_arn: &str, named: bool) -> Option<AccountStep> {
        let owned = self.owns_annotation(EKS_ROLE_ARN);
        let bound = owned
            && self
                .annotations
                .get(EKS_ROLE_ARN)
                .is_some_and(|present| present == role_arn);
        let made = self.is_created_by(binding);
        // One that was made and is bound no more was left because it was still named.
        let left_before = made && !named && !owned;
        if !bound && !left_before {
            return None;
        }
        if made && !named && !self.shared {
            return Some(AccountStep::Delete);
        }
        if self.owns_annotation(RESTORED) {
            return Some(AccountStep::Strip);
        }
        let mut left = self.left_by_template();
        if made && named {
            left.labels.insert(OWNER_LABEL.to_owned(), binding.to_owned());
        }
        Some(AccountStep::Clear { left })
    }
}

#[cfg(test)]
mod tests;
