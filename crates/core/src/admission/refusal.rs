//! Refusals by guard-rails: a reason for machines and a sentence for people.

use crate::{text::counted, vocabulary::Reason};

/// Why a binding is not admitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionRefusal {
    /// The federation does not serve the namespace.
    #[error(
        "The federation does not serve namespace {namespace}; whoever owns the federation can allow it in \
         spec.bindings.allowedNamespaces."
    )]
    Namespace {
        /// The namespace.
        namespace: String,
    },
    /// The namespace has as many roles as it may have.
    #[error(
        "The namespace has {} already, which is the federation's spec.bindings.maxRolesPerNamespace; delete \
         a binding or have the limit raised.",
        counted(usize::try_from(*limit).unwrap_or(usize::MAX), "role", "roles")
    )]
    TooManyRoles {
        /// The limit.
        limit: u32,
    },
    /// Audiences that the provider does not have.
    #[error("spec.audiences: {} not among the federation's audiences ({}); use one of those.", are(unknown), known.join(", "))]
    Audiences {
        /// Those that it lacks.
        unknown: Vec<String>,
        /// Those that it has.
        known: Vec<String>,
    },
    /// A role name outside the namespace's prefix.
    #[error("spec.role.name: {name} must start with {prefix}; leave the field out or choose such a name.")]
    RoleName {
        /// The name.
        name: String,
        /// What it must start with.
        prefix: String,
    },
    /// Tag keys that tenants may not set.
    #[error(
        "spec.role.tags: {} not in the federation's spec.bindings.allowedTagKeys; remove what is not.",
        are(keys)
    )]
    TagKeys {
        /// The keys.
        keys: Vec<String>,
    },
    /// Tag keys that the federation leaves to somebody else.
    #[error(
        "spec.role.tags: {} among the federation's spec.bindings.ignoredTagKeys, which are somebody else's; remove what is.",
        are(keys)
    )]
    IgnoredTagKeys {
        /// The keys.
        keys: Vec<String>,
    },
    /// Too long a session.
    #[error("spec.role.maxSessionDuration: {asked}s is longer than the federation allows; use at most {limit}s.")]
    Session {
        /// Seconds asked for.
        asked: u32,
        /// Seconds allowed.
        limit: u32,
    },
    /// Roles may not be left behind.
    #[error("spec.deletionPolicy: the federation does not allow Retain (spec.bindings.allowRetain); use Delete.")]
    Retain,
    /// Managed policies that are not allowed.
    #[error(
        "spec.policies.managed: {} not in the federation's spec.bindings.allowedManagedPolicies; remove what is not or \
         have it allowed.",
        are(arns)
    )]
    ManagedPolicies {
        /// Their ARNs.
        arns: Vec<String>,
    },
    /// Inline policies are not allowed.
    #[error(
        "spec.policies.inline: the federation does not allow inline policies (spec.bindings.inlinePolicies); use \
         managed policies."
    )]
    Inline,
    /// Inline policies are allowed, but nothing bounds them.
    #[error(
        "spec.policies.inline: the federation allows inline policies but sets no spec.bindings.permissionsBoundary, \
         without which they are refused; have one set."
    )]
    InlineWithoutBoundary,
    /// The role trusts somebody else than ServiceAccounts of its namespace.
    #[error("The role's trust policy was changed by somebody and lets in others than the binding's ServiceAccounts.")]
    Trust,
    /// A role in place lacks the boundary.
    #[error("The role does not have the federation's permissions boundary {wanted}.")]
    Boundary {
        /// The boundary's ARN.
        wanted: String,
    },
}

impl AdmissionRefusal {
    /// The reason that conditions carry.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Namespace { .. } => Reason::NamespaceNotAllowed,
            Self::TooManyRoles { .. } => Reason::QuotaExceeded,
            Self::ManagedPolicies { .. } => Reason::PolicyNotAllowed,
            Self::Inline | Self::InlineWithoutBoundary => Reason::InlineNotAllowed,
            Self::Audiences { .. }
            | Self::RoleName { .. }
            | Self::TagKeys { .. }
            | Self::IgnoredTagKeys { .. }
            | Self::Session { .. }
            | Self::Retain
            | Self::Trust
            | Self::Boundary { .. } => Reason::InvalidSpec,
        }
    }
}

fn are(names: &[String]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}
