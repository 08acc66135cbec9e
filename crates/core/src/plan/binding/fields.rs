//! The fields of a ServiceAccount that a binding writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::Account;

/// A field of a ServiceAccount that a binding may write.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountField {
    /// The annotation with this key.
    Annotation(String),
    /// The label with this key.
    Label(String),
    /// `automountServiceAccountToken`.
    Automount,
}

impl fmt::Display for AccountField {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Annotation(key) => write!(formatter, "the annotation {key}"),
            Self::Label(key) => write!(formatter, "the label {key}"),
            Self::Automount => formatter.write_str("automountServiceAccountToken"),
        }
    }
}

/// What one apply sets. The apply's field manager owns exactly these fields, so one that is left out is removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountFields {
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// `automountServiceAccountToken`; `None`: not ours to say.
    pub automount: Option<bool>,
}

impl AccountFields {
    pub(super) fn annotate(&mut self, key: &str, value: &str) {
        self.annotations.insert(key.to_owned(), value.to_owned());
    }

    /// Adds what is not there yet.
    pub(super) fn add(&mut self, more: &Self) {
        let missing = |into: &mut BTreeMap<String, String>, from: &BTreeMap<String, String>| {
            for (key, value) in from {
                into.entry(key.clone()).or_insert_with(|| value.clone());
            }
        };
        missing(&mut self.annotations, &more.annotations);
        missing(&mut self.labels, &more.labels);
        self.automount = self.automount.or(more.automount);
    }

    /// Only those fields of which this holds.
    pub(super) fn retain(&mut self, keep: impl Fn(&AccountField) -> bool) {
        self.annotations
            .retain(|key, _| keep(&AccountField::Annotation(key.clone())));
        self.labels.retain(|key, _| keep(&AccountField::Label(key.clone())));
        self.automount = self.automount.filter(|_| keep(&AccountField::Automount));
    }

    pub(super) fn names(&self) -> BTreeSet<AccountField> {
        let annotations = self.annotations.keys().cloned().map(AccountField::Annotation);
        let labels = self.labels.keys().cloned().map(AccountField::Label);
        let automount = self.automount.map(|_| AccountField::Automount);
        annotations.chain(labels).chain(automount).collect()
    }

    /// Those of them that the ServiceAccount has otherwise or not at all.
    pub fn differing(&self, account: &Account) -> Vec<AccountField> {
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
    pub(super) fn leaves_out_one_of(&self, account: &Account) -> bool {
        let wanted = self.names();
        let mut ours = account.ours.iter();
        ours.any(|field| !wanted.contains(field) && account.has(field))
    }
}
