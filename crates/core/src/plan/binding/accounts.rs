//! What a binding does to its ServiceAccounts: annotations and a label that have pods injected, by server-side apply of
//! these keys only, never by force.

use std::collections::{BTreeMap, BTreeSet};

use super::PodSettings;
use crate::vocabulary::{EKS_AUDIENCE, EKS_ROLE_ARN, INJECT_LABEL, INJECT_LABEL_VALUE, OWNER_LABEL};

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
    /// Create it with these keys.
    Create(AccountKeys),
    /// Apply these keys.
    Apply(AccountKeys),
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
        // The owner label must stay in each apply to one that we created, or the apply would remove it.
        let keys = self.keys(account.is_created_by(&self.binding));
        let wrong: Vec<&String> = keys.differing(account).collect();
        if wrong.is_empty() && !keys.leaves_out_one_of(account) {
            return AccountPlan::Nothing;
        }
        let conflict = wrong
            .iter()
            .find_map(|key| account.other_manager(key).map(|manager| ((*key).clone(), manager)));
        match conflict {
            Some((key, manager)) => AccountPlan::Conflict {
                key,
                manager: manager.to_owned(),
            },
            None => AccountPlan::Apply(keys),
        }
    }

    fn keys(&self, created_by_us: bool) -> AccountKeys {
        let entry = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let owner = created_by_us.then(|| entry(OWNER_LABEL, &self.binding));
        let identity = [entry(EKS_ROLE_ARN, &self.role_arn), entry(EKS_AUDIENCE, &self.audience)];
        AccountKeys {
            annotations: self.pods.annotations().into_iter().chain(identity).collect(),
            labels: std::iter::once(entry(INJECT_LABEL, INJECT_LABEL_VALUE))
                .chain(owner)
                .collect(),
        }
    }
}

impl AccountKeys {
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
        } else {
            AccountRemoval::Clear
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::POD_REGION;

    const ARN: &str = "arn:aws:iam::123456789012:role/irsa/x/app";

    fn desired(create: bool) -> DesiredAccount {
        let (binding, role_arn) = ("app".to_owned(), ARN.to_owned());
        DesiredAccount {
            binding,
            role_arn,
            audience: "sts.amazonaws.com".to_owned(),
            pods: PodSettings {
                region: Some("eu-central-1".to_owned()),
                ..PodSettings::default()
            },
            create,
        }
    }

    /// A ServiceAccount after `keys` were applied by us.
    fn after(keys: AccountKeys) -> Account {
        let ours = keys.annotations.keys().chain(keys.labels.keys()).cloned().collect();
        Account {
            uid: "u".to_owned(),
            ours,
            annotations: keys.annotations,
            labels: keys.labels,
            ..Account::default()
        }
    }

    fn applied() -> Account {
        let AccountPlan::Apply(keys) = desired(false).plan(Some(&Account::default())) else {
            panic!("not applied")
        };
        after(keys)
    }

    fn created() -> Account {
        let AccountPlan::Create(keys) = desired(true).plan(None) else {
            panic!("not created")
        };
        after(keys)
    }

    #[test]
    fn an_existing_account_gets_our_annotations_and_the_label_once() {
        let account = applied();
        assert_eq!(account.annotations[EKS_ROLE_ARN], ARN);
        assert_eq!(account.annotations[EKS_AUDIENCE], "sts.amazonaws.com");
        assert_eq!(account.annotations[POD_REGION], "eu-central-1");
        assert_eq!(
            account.labels,
            BTreeMap::from([(INJECT_LABEL.to_owned(), "true".to_owned())])
        );
        assert_eq!(desired(false).plan(Some(&account)), AccountPlan::Nothing);
        assert_eq!(desired(true).plan(Some(&account)), AccountPlan::Nothing);
    }

    #[test]
    fn a_missing_account_is_created_only_when_asked() {
        assert_eq!(desired(false).plan(None), AccountPlan::Missing);
        let account = created();
        assert_eq!(account.labels[OWNER_LABEL], "app");
        assert_eq!(desired(true).plan(Some(&account)), AccountPlan::Nothing);
    }

    #[test]
    fn a_removed_key_is_put_back_and_the_owner_label_is_not_dropped() {
        for key in [EKS_ROLE_ARN, EKS_AUDIENCE, POD_REGION, INJECT_LABEL] {
            let mut account = created();
            account.annotations.remove(key);
            account.labels.remove(key);
            account.ours.remove(key);
            let AccountPlan::Apply(keys) = desired(true).plan(Some(&account)) else {
                panic!("{key} not put back")
            };
            assert_eq!(keys.labels[OWNER_LABEL], "app");
            assert_eq!(keys.annotations.len() + keys.labels.len(), 5);
        }
    }

    #[test]
    fn another_value_that_nobody_is_on_record_for_is_a_conflict_too() {
        let mut account = applied();
        account.ours.clear();
        assert_eq!(desired(false).plan(Some(&account)), AccountPlan::Nothing);
        account.annotations.insert(EKS_ROLE_ARN.to_owned(), "other".to_owned());
        let conflict = AccountPlan::Conflict {
            key: EKS_ROLE_ARN.to_owned(),
            manager: "before-first-apply".to_owned(),
        };
        assert_eq!(desired(false).plan(Some(&account)), conflict);
    }

    #[test]
    fn another_managers_other_value_is_a_conflict_and_its_equal_value_is_fine() {
        let mut account = applied();
        account.ours.clear();
        account.theirs = BTreeMap::from([(EKS_ROLE_ARN.to_owned(), "helm".to_owned())]);
        assert_eq!(desired(false).plan(Some(&account)), AccountPlan::Nothing);
        account
            .annotations
            .insert(EKS_ROLE_ARN.to_owned(), "arn:aws:iam::1:role/other".to_owned());
        let conflict = AccountPlan::Conflict {
            key: EKS_ROLE_ARN.to_owned(),
            manager: "helm".to_owned(),
        };
        assert_eq!(desired(false).plan(Some(&account)), conflict);
        account.annotations.remove(EKS_AUDIENCE);
        assert_eq!(desired(false).plan(Some(&account)), conflict);
    }

    #[test]
    fn our_own_old_value_is_replaced() {
        let moved = DesiredAccount {
            role_arn: format!("{ARN}2"),
            ..desired(false)
        };
        let AccountPlan::Apply(keys) = moved.plan(Some(&applied())) else {
            panic!("not applied")
        };
        assert_eq!(keys.annotations[EKS_ROLE_ARN], format!("{ARN}2"));
    }

    #[test]
    fn a_setting_that_is_wanted_no_more_is_taken_off_once_and_somebody_elses_is_left() {
        let without = DesiredAccount {
            pods: PodSettings::default(),
            ..desired(false)
        };
        let AccountPlan::Apply(keys) = without.plan(Some(&applied())) else {
            panic!("it stays")
        };
        assert!(!keys.annotations.contains_key(POD_REGION));
        assert_eq!(without.plan(Some(&after(keys))), AccountPlan::Nothing);
        let mut by_hand = applied();
        by_hand.ours.remove(POD_REGION);
        by_hand.theirs = BTreeMap::from([(POD_REGION.to_owned(), "kubectl".to_owned())]);
        assert_eq!(without.plan(Some(&by_hand)), AccountPlan::Nothing);
        let other_region = "us-east-1".to_owned();
        by_hand.annotations.insert(POD_REGION.to_owned(), other_region);
        let conflict = AccountPlan::Conflict {
            key: POD_REGION.to_owned(),
            manager: "kubectl".to_owned(),
        };
        assert_eq!(desired(false).plan(Some(&by_hand)), conflict);
    }

    #[test]
    fn only_what_this_binding_did_is_undone() {
        assert_eq!(applied().removal("app", ARN), AccountRemoval::Clear);
        assert_eq!(applied().removal("app", "another role"), AccountRemoval::Nothing);
        let mut taken_over = applied();
        taken_over.ours.clear();
        assert_eq!(taken_over.removal("app", ARN), AccountRemoval::Nothing);
        let mut bare = applied();
        bare.annotations.clear();
        assert_eq!(bare.removal("app", ARN), AccountRemoval::Nothing);
    }

    #[test]
    fn an_account_is_deleted_only_when_we_made_it_and_nobody_else_uses_it() {
        assert_eq!(created().removal("app", ARN), AccountRemoval::Delete);
        assert_eq!(
            Account {
                shared: true,
                ..created()
            }
            .removal("app", ARN),
            AccountRemoval::Clear
        );
        assert_eq!(created().removal("other", ARN), AccountRemoval::Clear);
        let mut labelled_by_hand = applied();
        labelled_by_hand.labels.insert(OWNER_LABEL.to_owned(), "app".to_owned());
        assert_eq!(labelled_by_hand.removal("app", ARN), AccountRemoval::Clear);
    }
}
