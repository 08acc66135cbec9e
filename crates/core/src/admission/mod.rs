//! Guard-rails: what a federation's owner lets tenants do. What is absent is refused, never allowed.
//!
//! The same judgement serves twice: on what a binding asks for, and on what a role is already. A role whose binding asks
//! for too much keeps working as it is; a role that is itself no longer allowed has its trust closed.

mod in_place;
mod pattern;
mod precedence;
mod refusal;
mod selector;

use std::collections::BTreeSet;

pub use in_place::InPlace;
pub use pattern::PolicyPattern;
pub use precedence::Precedence;
pub use refusal::AdmissionRefusal;
pub use selector::{LabelSelector, Labels, Operator, Requirement};

use crate::{
    naming::{IgnoredTags, PolicyArn, RoleName},
    vocabulary::TAG_PREFIX,
};

/// Which namespaces a federation serves.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum ServedNamespaces {
    /// None: the field is absent.
    #[default]
    None,
    /// Every namespace.
    All,
    /// Those whose labels match.
    Selected(LabelSelector),
}

/// Which role names tenants may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RoleNames {
    /// Those that start with `<roleNamePrefix><namespace>.`.
    #[default]
    Prefixed,
    /// Any.
    Any,
}

/// The guard-rails of one federation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Guardrails {
    /// The namespaces that it serves.
    pub allowed_namespaces: ServedNamespaces,
    /// What role names begin with.
    pub role_name_prefix: String,
    /// Which role names tenants may give.
    pub role_names: RoleNames,
    /// The boundary of every role.
    pub permissions_boundary: Option<String>,
    /// Managed policies that may be attached.
    pub allowed_managed_policies: Vec<PolicyPattern>,
    /// Whether inline policies are allowed; nothing without a boundary.
    pub inline_policies: bool,
    /// Tag keys that tenants may set.
    pub allowed_tag_keys: BTreeSet<String>,
    /// Tags that are somebody else's for good.
    pub ignored_tags: IgnoredTags,
    /// Whether roles may be left behind.
    pub allow_retain: bool,
    /// The longest session, in seconds.
    pub max_session_seconds: u32,
    /// Roles that one namespace may have.
    pub max_roles_per_namespace: u32,
    /// The provider's audiences.
    pub audiences: BTreeSet<String>,
}

/// What a binding asks for, or what its role is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmissionRequest<'a> {
    /// The binding's namespace.
    pub namespace: &'a str,
    /// That namespace's labels.
    pub namespace_labels: &'a Labels,
    /// A role name that a person gave; `None` for the default, which is always within the prefix.
    pub given_name: Option<&'a RoleName>,
    /// Managed policies.
    pub managed: &'a BTreeSet<PolicyArn>,
    /// Names of inline policies.
    pub inline: &'a BTreeSet<String>,
    /// Tag keys that the tenant sets; keys that the federation sets itself may be left out.
    pub tag_keys: &'a BTreeSet<String>,
    /// Whether the role is to be left behind.
    pub retain: bool,
    /// Longest session, in seconds.
    pub session_seconds: u32,
    /// Audiences.
    pub audiences: &'a BTreeSet<String>,
    /// Roles that older bindings of the namespace have.
    pub older_roles: u32,
}

impl Guardrails {
    /// Whether the federation allows this, and if not, the first thing that it does not allow.
    pub fn admit(&self, request: &AdmissionRequest<'_>) -> Result<(), AdmissionRefusal> {
        self.admit_namespace(request)?;
        self.admit_role(request)?;
        self.admit_policies(request)
    }

    /// Whether a namespace may use a role that somebody else keeps, with these audiences. Nothing is made, so nothing else
    /// is asked.
    ///
    /// # Errors
    /// The namespace or the audiences.
    pub fn admit_existing(
        &self,
        namespace: &str,
        labels: &Labels,
        audiences: &BTreeSet<String>,
    ) -> Result<(), AdmissionRefusal> {
        let nothing = BTreeSet::new();
        self.admit(&AdmissionRequest {
            namespace,
            namespace_labels: labels,
            given_name: None,
            managed: &BTreeSet::new(),
            inline: &nothing,
            tag_keys: &nothing,
            retain: false,
            session_seconds: 0,
            audiences,
            older_roles: 0,
        })
    }

    fn admit_namespace(&self, request: &AdmissionRequest<'_>) -> Result<(), AdmissionRefusal> {
        if !self.serves(request.namespace_labels) {
            return Err(AdmissionRefusal::Namespace {
                namespace: request.namespace.to_owned(),
            });
        }
        if request.older_roles >= self.max_roles_per_namespace {
            return Err(AdmissionRefusal::TooManyRoles {
                limit: self.max_roles_per_namespace,
            });
        }
        Ok(())
    }

    fn admit_role(&self, request: &AdmissionRequest<'_>) -> Result<(), AdmissionRefusal> {
        let unknown: Vec<String> = request.audiences.difference(&self.audiences).cloned().collect();
        if !unknown.is_empty() {
            let known = self.audiences.iter().cloned().collect();
            return Err(AdmissionRefusal::Audiences { unknown, known });
        }
        if let Some(name) = request
            .given_name
            .filter(|name| !self.allows_name(request.namespace, Some(name)))
        {
            return Err(AdmissionRefusal::RoleName {
                name: name.to_string(),
                prefix: self.name_prefix(request.namespace),
            });
        }
        let keys = self.ignored_tags.among(request.tag_keys);
        if !keys.is_empty() {
            return Err(AdmissionRefusal::IgnoredTagKeys { keys });
        }
        let keys: Vec<String> = request
            .tag_keys
            .iter()
            .filter(|key| !self.allows_tag(key))
            .cloned()
            .collect();
        if !keys.is_empty() {
            return Err(AdmissionRefusal::TagKeys { keys });
        }
        if request.session_seconds > self.max_session_seconds {
            return Err(AdmissionRefusal::Session {
                asked: request.session_seconds,
                limit: self.max_session_seconds,
            });
        }
        if request.retain && !self.allow_retain {
            return Err(AdmissionRefusal::Retain);
        }
        Ok(())
    }

    fn admit_policies(&self, request: &AdmissionRequest<'_>) -> Result<(), AdmissionRefusal> {
        let refused: Vec<String> = request
            .managed
            .iter()
            .filter(|arn| !self.allowed_managed_policies.iter().any(|pattern| pattern.matches(arn)))
            .map(PolicyArn::to_string)
            .collect();
        if !refused.is_empty() {
            return Err(AdmissionRefusal::ManagedPolicies { arns: refused });
        }
        if request.inline.is_empty() {
            return Ok(());
        }
        match (self.inline_policies, &self.permissions_boundary) {
            (true, Some(_)) => Ok(()),
            (true, None) => Err(AdmissionRefusal::InlineWithoutBoundary),
            (false, _) => Err(AdmissionRefusal::Inline),
        }
    }

    fn serves(&self, namespace_labels: &Labels) -> bool {
        match &self.allowed_namespaces {
            ServedNamespaces::None => false,
            ServedNamespaces::All => true,
            ServedNamespaces::Selected(selector) => selector.matches(namespace_labels),
        }
    }

    /// Whether a binding of this namespace may choose this name for its role. A default name is always within the
    /// namespace's prefix.
    pub fn allows_name(&self, namespace: &str, given: Option<&RoleName>) -> bool {
        self.role_names == RoleNames::Any
            || given.is_none_or(|name| name.as_str().starts_with(&self.name_prefix(namespace)))
    }

    fn name_prefix(&self, namespace: &str) -> String {
        format!("{}{namespace}.", self.role_name_prefix)
    }

    fn allows_tag(&self, key: &str) -> bool {
        self.allowed_tag_keys.contains(key) && !key.starts_with(TAG_PREFIX)
    }
}

#[cfg(test)]
mod tests;
