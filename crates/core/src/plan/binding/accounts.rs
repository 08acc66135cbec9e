//! What a binding does to its ServiceAccounts: annotations and a label that have pods injected, by server-side apply of
//! these keys only. Force is used for two things alone: for what this operator wrote on another object and a restore
//! brought here, and for a role annotation that is empty.
//!
//! **Confirmation.** Each ServiceAccount carries its own UID in [`CONFIRMED_FOR`], and the injection policy wants the two
//! to be equal. A restore makes a new UID, so that what was copied from another cluster, another role included, counts
//! for nothing until the binding of this cluster has looked at it.

use std::collections::{BTreeMap, BTreeSet};

use super::PodSettings;
use crate::{
    naming::default_role_federation,
    vocabulary::{
        CONFIRMED_FOR, EKS_AUDIENCE, EKS_ROLE_ARN, INJECT_LABEL, INJECT_LABEL_VALUE, OWNER_LABEL, POD_SETTINGS,
        RESTORED, RESTORED_VALUE,
    },
};

/// The keys that one apply sets. The apply's field manager owns exactly these, so a key left out is removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountKeys {
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

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
    /// Ids of this cluster's federations ([`crate::naming::federation_id`]): a role of theirs is no other cluster's.
    pub federations: BTreeSet<String>,
}

/// A ServiceAccount as the API server shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// `metadata.uid`: goes into every apply, so that it never creates or hits another object of the name.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// All annotations.
    pub annotations: BTreeMap<String, String>,
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// Annotation and label keys that our field manager owns.
    pub ours: BTreeSet<String>,
    /// Annotation and label keys that other field managers own, with the first one's name.
    pub theirs: BTreeMap<String, String>,
    /// Whether another field manager owns any field at all.
    pub shared: bool,
}

/// What to do about one ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountPlan {
    /// It carries what it must.
    Nothing,
    /// It does not exist and is not ours to create.
    Missing,
    /// Create it with these keys. Its UID is known only then, so that a second look confirms it.
    Create(AccountKeys),
    /// Apply these keys.
    Apply(AccountKeys),
    /// Apply these keys by force: what other managers own of them was restored, or is empty.
    TakeOver {
        /// All of ours.
        keys: AccountKeys,
        /// The role that the ServiceAccount was restored with, if it is another.
        replaces: Option<String>,
    },
    /// Somebody else set a key to another value. It is left alone.
    Conflict {
        /// The annotation or label.
        key: String,
        /// Its field manager.
        manager: String,
    },
}

/// How to undo what was done to one ServiceAccount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountRemoval {
    /// Nothing of this binding is on it.
    Nothing,
    /// Give up our keys, by an apply without any.
    Clear,
    /// Remove our keys, whoever else owns them: the ServiceAccount was restored with them.
    Strip,
    /// Delete it: we created it and nobody else uses it.
    Delete,
}

impl DesiredAccount {
    /// What to do about a ServiceAccount in this state.
    pub fn plan(&self, observed: Option<&Account>) -> AccountPlan {
        let Some(account) = observed else {
            return if self.create {
                AccountPlan::Create(self.keys(true))
            } else {
                AccountPlan::Missing
            };
        };
        let keys = self.keys_for(account);
        let wrong: Vec<&String> = keys.differing(account).collect();
        if wrong.is_empty() && !keys.leaves_out_one_of(account) {
            return AccountPlan::Nothing;
        }
        let restored = account.is_restored(&self.federations);
        let held = |key: &String| account.other_manager(key).map(|manager| (key.clone(), manager));
        let nobodys = |key: &str| restored || key == CONFIRMED_FOR || key == RESTORED || account.is_blank(key);
        let conflict = wrong.iter().filter(|key| !nobodys(key)).find_map(|key| held(key));
        if let Some((key, manager)) = conflict {
            return AccountPlan::Conflict {
                key,
                manager: manager.to_owned(),
            };
        }
        if wrong.iter().any(|key| held(key).is_some()) {
            let before = account.annotations.get(EKS_ROLE_ARN);
            let replaces = before.filter(|arn| !arn.is_empty() && **arn != self.role_arn).cloned();
            return AccountPlan::TakeOver { keys, replaces };
        }
        AccountPlan::Apply(keys)
    }

    /// What an existing ServiceAccount must carry.
    fn keys_for(&self, account: &Account) -> AccountKeys {
        // The owner label must stay in each apply to one that we created, or the apply would remove it.
        let mut keys = self.keys(account.is_created_by(&self.binding));
        keys.annotate(CONFIRMED_FOR, &account.uid);
        let restored = account.is_restored(&self.federations);
        if restored || account.ours.contains(RESTORED) {
            keys.annotate(RESTORED, RESTORED_VALUE);
        }
        // An apply cannot remove what others own. Taken over as empty it is ours, and the next apply leaves it out.
        let leftover = |key: &&str| restored && account.annotations.contains_key(*key);
        for key in POD_SETTINGS.into_iter().filter(leftover) {
            keys.annotations.entry(key.to_owned()).or_default();
        }
        keys
    }

    fn keys(&self, created_by_us: bool) -> AccountKeys {
        let entry = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let identity = [entry(EKS_ROLE_ARN, &self.role_arn), entry(EKS_AUDIENCE, &self.audience)];
        let owner = created_by_us.then(|| entry(OWNER_LABEL, &self.binding));
        AccountKeys {
            annotations: self.pods.annotations().into_iter().chain(identity).collect(),
            labels: std::iter::once(entry(INJECT_LABEL, INJECT_LABEL_VALUE))
                .chain(owner)
                .collect(),
        }
    }
}

impl AccountKeys {
    fn annotate(&mut self, key: &str, value: &str) {
        self.annotations.insert(key.to_owned(), value.to_owned());
    }

    fn differing<'a>(&'a self, account: &'a Account) -> impl Iterator<Item = &'a String> {
        let wrong = |wanted: &'a BTreeMap<String, String>, present: &'a BTreeMap<String, String>| {
            wanted
                .iter()
                .filter(move |(key, value)| present.get(*key) != Some(value))
                .map(|(key, _)| key)
        };
        wrong(&self.annotations, &account.annotations).chain(wrong(&self.labels, &account.labels))
    }

    /// Whether one of our annotations is wanted no more. The same that somebody else has set is his.
    fn leaves_out_one_of(&self, account: &Account) -> bool {
        let mut ours = account.ours.iter();
        ours.any(|key| account.annotations.contains_key(key) && !self.annotations.contains_key(key))
    }
}

impl Account {
    /// Who else set this key, if anybody did. An object that was created without any field is not tracked until its first
    /// apply, which then takes what is there for this manager's (kube-apiserver, `skipnonapplied.go`).
    fn other_manager(&self, key: &str) -> Option<&str> {
        let untracked = || {
            let present = self.annotations.contains_key(key) || self.labels.contains_key(key);
            (present && !self.ours.contains(key)).then_some("before-first-apply")
        };
        self.theirs.get(key).map(String::as_str).or_else(untracked)
    }

    /// Whether an annotation is there and says nothing.
    fn is_blank(&self, key: &str) -> bool {
        self.annotations.get(key).is_some_and(String::is_empty)
    }

    /// Whether what is on it was written by this operator for another object: another cluster's, or one of this cluster
    /// before it was restored. Known by a confirmation of another UID; and where that is lacking, by our label together
    /// with a role whose path and name both follow from an issuer that no federation of this cluster has. Such a role
    /// trusts the other issuer only, so whoever set it here by hand has nothing to lose.
    fn is_restored(&self, federations: &BTreeSet<String>) -> bool {
        if self.ours.contains(EKS_ROLE_ARN) {
            return false;
        }
        if let Some(uid) = self.annotations.get(CONFIRMED_FOR).filter(|uid| !uid.is_empty()) {
            return *uid != self.uid;
        }
        let labelled = self.labels.get(INJECT_LABEL).map(String::as_str) == Some(INJECT_LABEL_VALUE);
        let role = self.annotations.get(EKS_ROLE_ARN).map(String::as_str);
        let federation = role.and_then(default_role_federation);
        labelled && federation.is_some_and(|id| !federations.contains(id))
    }

    fn is_created_by(&self, binding: &str) -> bool {
        self.ours.contains(OWNER_LABEL) && self.labels.get(OWNER_LABEL).is_some_and(|owner| owner == binding)
    }

    /// How to undo what `binding` did when the ServiceAccount got `role_arn`.
    ///
    /// All bindings apply as one field manager, so the ARN tells whose keys these are: another binding that has taken
    /// over the ServiceAccount keeps them.
    pub fn removal(&self, binding: &str, role_arn: &str) -> AccountRemoval {
        let ours = self.ours.contains(EKS_ROLE_ARN);
        if !ours
            || self
                .annotations
                .get(EKS_ROLE_ARN)
                .is_none_or(|present| present != role_arn)
        {
            return AccountRemoval::Nothing;
        }
        if self.is_created_by(binding) && !self.shared {
            AccountRemoval::Delete
        } else if self.ours.contains(RESTORED) {
            AccountRemoval::Strip
        } else {
            AccountRemoval::Clear
        }
    }
}

#[cfg(test)]
mod tests;
