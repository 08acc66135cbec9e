//! [`RoleStep`]: one call to IAM about a binding's role, as data.

use std::fmt;

use crate::{
    naming::{PolicyArn, Tags},
    plan::Step,
    vocabulary::ConditionType,
};

/// One call to IAM about the binding's role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleStep {
    /// Creates the role with everything but its policies.
    CreateRole {
        /// Path, with both slashes.
        path: String,
        /// Trust policy as JSON.
        trust: String,
        /// All tags.
        tags: Tags,
        /// ARN of the permissions boundary.
        boundary: Option<String>,
        /// Description; empty for none.
        description: String,
        /// Longest session, in seconds.
        max_session_seconds: u32,
    },
    /// Makes a role that was offered the binding's own, before anything else is done to it.
    Adopt {
        /// The ownership tags.
        tags: Tags,
    },
    /// Sets the permissions boundary.
    PutBoundary {
        /// ARN of the boundary.
        arn: String,
    },
    /// Deletes an inline policy.
    DeleteInline {
        /// Its name.
        name: String,
    },
    /// Detaches a managed policy.
    Detach {
        /// Its ARN.
        arn: PolicyArn,
    },
    /// Replaces the trust policy.
    UpdateTrust {
        /// JSON.
        trust: String,
    },
    /// Removes tags.
    Untag {
        /// Their keys.
        keys: Vec<String>,
    },
    /// Sets tags.
    Tag {
        /// Those that differ.
        tags: Tags,
    },
    /// Sets description and longest session.
    UpdateRole {
        /// Description; empty for none.
        description: String,
        /// Longest session, in seconds.
        max_session_seconds: u32,
    },
    /// Attaches a managed policy.
    Attach {
        /// Its ARN.
        arn: PolicyArn,
    },
    /// Creates or replaces an inline policy.
    PutInline {
        /// Its name.
        name: String,
        /// JSON.
        document: String,
    },
    /// Removes the permissions boundary.
    DeleteBoundary,
    /// Deletes the role, which has no policies any more.
    DeleteRole,
}

impl Step for RoleStep {
    fn action(&self) -> &'static str {
        match self {
            Self::CreateRole { .. } => "create",
            Self::Adopt { .. } => "take",
            Self::PutBoundary { .. }
            | Self::UpdateTrust { .. }
            | Self::Tag { .. }
            | Self::UpdateRole { .. }
            | Self::PutInline { .. } => "set",
            Self::Attach { .. } => "attach",
            Self::Detach { .. } => "detach",
            Self::Untag { .. } | Self::DeleteBoundary => "remove",
            Self::DeleteInline { .. } | Self::DeleteRole => "delete",
        }
    }

    fn aspect(&self) -> ConditionType {
        match self {
            Self::DeleteInline { .. } | Self::Detach { .. } | Self::Attach { .. } | Self::PutInline { .. } => {
                ConditionType::PoliciesSynced
            }
            Self::CreateRole { .. }
            | Self::Adopt { .. }
            | Self::PutBoundary { .. }
            | Self::UpdateTrust { .. }
            | Self::Untag { .. }
            | Self::Tag { .. }
            | Self::UpdateRole { .. }
            | Self::DeleteBoundary
            | Self::DeleteRole => ConditionType::RoleSynced,
        }
    }
}

/// What the step is about, for events and for people who read a plan: `trust policy`, `managed policy arn:…`.
impl fmt::Display for RoleStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateRole { .. } | Self::DeleteRole => f.write_str("role"),
            Self::Adopt { .. } => f.write_str("ownership of the role, which was offered"),
            Self::PutBoundary { .. } | Self::DeleteBoundary => f.write_str("permissions boundary"),
            Self::UpdateTrust { .. } => f.write_str("trust policy"),
            Self::Untag { keys } => write!(f, "tags {}", keys.join(", ")),
            Self::Tag { tags } => write!(f, "tags {}", tags.keys().cloned().collect::<Vec<_>>().join(", ")),
            Self::UpdateRole { .. } => f.write_str("description or session duration"),
            Self::Attach { arn } | Self::Detach { arn } => write!(f, "managed policy {arn}"),
            Self::PutInline { name, .. } | Self::DeleteInline { name } => write!(f, "inline policy {name}"),
        }
    }
}
