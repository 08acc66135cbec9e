//! What has to be done to a binding's ServiceAccounts.

use std::collections::{BTreeMap, BTreeSet};

use irsa_api::IamRoleBinding;
use irsa_core::plan::binding::{
    AccountField, AccountFields, AccountPlan, AccountRefusal, AccountStep, DesiredAccount, ObservedAccount,
};
use kube::ResourceExt;

use crate::binding::observe::service_accounts::ObservedAccounts;

/// What earlier passes know of ServiceAccounts.
pub trait AccountHistory {
    /// The first field that an apply of these would not change, because it did not the last time and the ServiceAccount is as
    /// it was after that.
    fn undone(&self, account: &ObservedAccount, fields: &AccountFields) -> Option<AccountField>;

    /// Whether the ServiceAccount with this UID was taken over so often that somebody must want what is put back there.
    fn is_put_back(&self, uid: &str) -> bool;
}

/// The ServiceAccounts of a binding, as they must be and as they are.
#[derive(Debug)]
pub struct Accounts {
    /// Those that are bound, by name.
    pub desired: BTreeMap<String, DesiredAccount>,
    /// These, and those that were bound before.
    pub observed: ObservedAccounts,
    /// The role that those of before were annotated with.
    pub annotated_with: String,
    /// Whether the binding goes, and what it made with it.
    pub removes: bool,
}

impl Accounts {
    /// The plans of all that could be read: of those that are bound, and then of those that are no more.
    pub fn plan(&self, binding: &IamRoleBinding, history: &impl AccountHistory) -> Vec<AccountPlan> {
        let bound = self.desired.iter().filter_map(|(name, desired)| {
            let observed = self.observed.get(name).ok()?;
            Some(restrained(
                AccountPlan::bind(name, desired, observed),
                observed,
                history,
            ))
        });
        let former = self.former().filter_map(|name| {
            let observed = self.observed.get(name).ok()?;
            let named = !self.removes && is_named(binding, name);
            let (binding, role_arn) = (binding.name_any(), &self.annotated_with);
            Some(AccountPlan::unbind(name, observed, &binding, role_arn, named))
        });
        bound.chain(former).collect()
    }

    /// Those that were bound and are no more.
    pub fn former(&self) -> impl Iterator<Item = &str> {
        self.observed.names().filter(|name| !self.desired.contains_key(*name))
    }

    /// Those that are bound and whose subjects are not among these.
    pub fn shut_out<'a>(&'a self, let_in: &'a BTreeSet<&str>) -> impl Iterator<Item = &'a str> {
        let bound = self.desired.keys().map(String::as_str);
        bound.filter(|name| !let_in.contains(name))
    }
}

/// With mode `None` one is named and not bound: what injection needs is taken off, and it is not deleted.
fn is_named(binding: &IamRoleBinding, account: &str) -> bool {
    let mut named = binding.spec.service_accounts.iter();
    named.any(|named| named.name == account)
}

/// Without what was tried before in vain.
fn restrained(plan: AccountPlan, observed: Option<&ObservedAccount>, history: &impl AccountHistory) -> AccountPlan {
    let Some(account) = observed else { return plan };
    let refusal = match plan.steps.first() {
        Some(AccountStep::Apply { fields }) => history.undone(account, fields).map(AccountRefusal::Undone),
        Some(AccountStep::TakeOver { .. }) => history.is_put_back(&account.uid).then_some(AccountRefusal::PutBack),
        _ => None,
    };
    match refusal {
        Some(refusal) => plan.refused(refusal),
        None => plan,
    }
}
