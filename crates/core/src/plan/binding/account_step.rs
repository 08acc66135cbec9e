//! [`AccountStep`]: one call to the Kubernetes API about a ServiceAccount, as data.

use super::AccountFields;

/// One call to the Kubernetes API about a ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountStep {
    /// Creates it with these fields.
    Create {
        /// All of ours but its confirmation, which has its UID.
        fields: AccountFields,
    },
    /// Applies these fields and the UID that the creation gave it.
    Confirm {
        /// All of ours but its confirmation.
        fields: AccountFields,
    },
    /// Applies these fields.
    Apply {
        /// All of ours.
        fields: AccountFields,
    },
    /// Applies these fields by force: what other managers own of them was restored, or is empty.
    TakeOver {
        /// All of ours.
        fields: AccountFields,
        /// The role that the ServiceAccount was restored with, if it is another.
        replaces: Option<String>,
    },
    /// Gives up what injection needs, by an apply of nothing but what stays: what a template gave a ServiceAccount that
    /// others use too, and that an admission policy may demand of it.
    Clear {
        /// What stays.
        left: AccountFields,
    },
    /// Removes our keys, whoever else owns them: the ServiceAccount was restored with them.
    Strip,
    /// Deletes it: we created it, nobody else uses it, and the binding names it no more or goes itself.
    Delete,
}

impl AccountStep {
    /// What it applies; `None` for one that applies nothing.
    pub const fn fields(&self) -> Option<&AccountFields> {
        match self {
            Self::Create { fields }
            | Self::Confirm { fields }
            | Self::Apply { fields }
            | Self::TakeOver { fields, .. }
            | Self::Clear { left: fields } => Some(fields),
            Self::Strip | Self::Delete => None,
        }
    }

    /// What it does, as a command.
    pub(super) const fn action(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Confirm { .. } => "confirm",
            Self::Apply { .. } => "annotate",
            Self::TakeOver { .. } => "take over",
            Self::Clear { .. } | Self::Strip => "clear",
            Self::Delete => "delete",
        }
    }
}
