//! A ServiceAccount as it is, and what of its fields a binding would change.

use std::collections::{BTreeMap, BTreeSet};

use super::{AccountField, AccountFields, template::is_reserved};
use crate::{
    naming::default_role_federation,
    vocabulary::{CONFIRMED_FOR, EKS_ROLE_ARN, INJECT_LABEL, INJECT_LABEL_VALUE, OWNER_LABEL, RESTORED},
};

/// A ServiceAccount as the API server shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservedAccount {
    /// `metadata.uid`: goes into every apply, so that it never creates or hits another object of the name.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// All annotations.
    pub annotations: BTreeMap<String, String>,
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// `automountServiceAccountToken`; `None` where it is not set, and where only the metadata were read.
    pub automount: Option<bool>,
    /// Those that our field manager owns.
    pub ours: BTreeSet<AccountField>,
    /// Those that other field managers own, with the first one's name.
    pub theirs: BTreeMap<AccountField, String>,
    /// Whether another field manager owns any field at all.
    pub shared: bool,
}

impl ObservedAccount {
    /// Who else set this field, if anybody did. An object that was created without any field is not tracked until its first
    /// apply, which then takes what is there for this manager's (kube-apiserver, `skipnonapplied.go`).
    pub(super) fn other_manager(&self, field: &AccountField) -> Option<&str> {
        let untracked = || (self.has(field) && !self.ours.contains(field)).then_some("before-first-apply");
        self.theirs.get(field).map(String::as_str).or_else(untracked)
    }

    /// Whether a field is seen to be there.
    fn has(&self, field: &AccountField) -> bool {
        match field {
            AccountField::Annotation(key) => self.annotations.contains_key(key),
            AccountField::Label(key) => self.labels.contains_key(key),
            AccountField::Automount => self.automount.is_some(),
        }
    }

    /// Whether `automountServiceAccountToken` is this. Where only the metadata were read, owning the field must do: who
    /// changes the value takes the field over.
    fn automounts(&self, wanted: bool) -> bool {
        let owned = || self.ours.contains(&AccountField::Automount);
        self.automount.map_or_else(owned, |value| value == wanted)
    }

    /// Whether another value of this field is no opinion: an annotation that is there and says nothing, or one that only we
    /// give a meaning.
    pub(super) fn is_nobodys(&self, field: &AccountField) -> bool {
        let AccountField::Annotation(key) = field else {
            return false;
        };
        key == CONFIRMED_FOR || key == RESTORED || self.annotations.get(key).is_some_and(String::is_empty)
    }

    pub(super) fn owns_annotation(&self, key: &str) -> bool {
        self.ours.contains(&AccountField::Annotation(key.to_owned()))
    }

    /// Whether what is on it was written by this operator for another object: another cluster's, or one of this cluster
    /// before it was restored. Known by a confirmation of another UID; and where that is lacking, by our label together
    /// with a role whose path and name both follow from an issuer that no federation of this cluster has. Such a role
    /// trusts the other issuer only, so whoever set it here by hand has nothing to lose.
    pub(super) fn is_restored(&self, federations: &BTreeSet<String>) -> bool {
        if self.owns_annotation(EKS_ROLE_ARN) {
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

    pub(super) fn is_created_by(&self, binding: &str) -> bool {
        self.ours.contains(&AccountField::Label(OWNER_LABEL.to_owned()))
            && self.labels.get(OWNER_LABEL).is_some_and(|owner| owner == binding)
    }

    /// What is ours and not there for injection.
    pub(super) fn left_by_template(&self) -> AccountFields {
        let mut fields = AccountFields {
            annotations: self.annotations.clone(),
            labels: self.labels.clone(),
            automount: self.automount,
        };
        fields.retain(|field| self.ours.contains(field) && !is_for_injection(field));
        fields
    }
}

impl AccountFields {
    /// Those of them that the ServiceAccount has otherwise or not at all.
    pub fn differing(&self, account: &ObservedAccount) -> Vec<AccountField> {
        let wrong = |wanted: &BTreeMap<String, String>, present: &BTreeMap<String, String>| -> Vec<String> {
            let wrong = wanted.iter().filter(|(key, value)| present.get(*key) != Some(value));
            wrong.map(|(key, _)| key.clone()).collect()
        };
        let annotations = wrong(&self.annotations, &account.annotations).into_iter();
        let labels = wrong(&self.labels, &account.labels).into_iter();
        let automount = self.automount.filter(|wanted| !account.automounts(*wanted));
        annotations
            .map(AccountField::Annotation)
            .chain(labels.map(AccountField::Label))
            .chain(automount.map(|_| AccountField::Automount))
            .collect()
    }

    /// Whether a field that is ours and there is wanted no more. The same that somebody else has set is his.
    pub(super) fn leaves_out_one_of(&self, account: &ObservedAccount) -> bool {
        let wanted = self.names();
        let mut ours = account.ours.iter();
        ours.any(|field| !wanted.contains(field) && account.has(field))
    }
}

/// Whether a field of ours is not a template's. No template has such keys.
fn is_for_injection(field: &AccountField) -> bool {
    match field {
        AccountField::Annotation(key) | AccountField::Label(key) => {
            key.split_once('/').is_some_and(|(prefix, _)| is_reserved(prefix))
        }
        AccountField::Automount => false,
    }
}
