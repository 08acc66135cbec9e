//! The fields of a ServiceAccount that a binding writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

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
}
