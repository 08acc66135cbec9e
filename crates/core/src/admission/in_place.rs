//! Guard-rails on a role as it is in AWS, whatever its binding now asks for.

use std::collections::BTreeSet;

use super::{AdmissionRefusal, AdmissionRequest, Guardrails, Labels};
use crate::{
    compare,
    naming::{RoleName, Tags},
    plan::binding::ObservedRole,
    trust::{self, Divided, TrustPolicy},
    vocabulary::TAG_PREFIX,
};

/// A role of ours, and what the cluster says around its binding.
#[derive(Debug, Clone, Copy)]
pub struct InPlace<'a> {
    /// The binding's namespace.
    pub namespace: &'a str,
    /// That namespace's labels.
    pub namespace_labels: &'a Labels,
    /// The role's name, if a person gave it.
    pub given_name: Option<&'a RoleName>,
    /// The role. Of its inline policies the names count, and whether they only deny.
    pub role: &'a ObservedRole,
    /// The tags that the federation sets on its roles.
    pub federation_tags: &'a Tags,
    /// Roles that older bindings of the namespace have.
    pub older_roles: u32,
}

impl Guardrails {
    /// Whether a role may go on as it is: everything that [`Guardrails::admit`] judges, under the boundary that is set
    /// now, and trusting ServiceAccounts of its own namespace only. A trust that lets nobody in may always go on.
    ///
    /// Tags are not judged, as strangers may set them: see [`InPlace::unlisted_tags`] for those that must go.
    ///
    /// # Errors
    /// The first thing that is not allowed.
    pub fn admit_in_place(&self, place: &InPlace<'_>) -> Result<(), AdmissionRefusal> {
        let role = place.role;
        // What only denies gives nobody anything that a guard-rail could forbid.
        let trusting = Divided::of(&role.trust).rest;
        let audiences = match TrustPolicy::read(&trusting) {
            Some(trust)
                if trust
                    .subjects
                    .iter()
                    .all(|subject| subject.namespace() == place.namespace) =>
            {
                trust.audiences.iter().map(ToString::to_string).collect()
            }
            None if compare::equivalent(&trusting, trust::closed().as_str()) => BTreeSet::new(),
            _ => return Err(AdmissionRefusal::Trust),
        };
        self.admit(&AdmissionRequest {
            namespace: place.namespace,
            namespace_labels: place.namespace_labels,
            given_name: place.given_name,
            managed: &role.giving_attached(),
            inline: &role.giving_inline().into_keys().cloned().collect(),
            tag_keys: &BTreeSet::new(),
            retain: false,
            session_seconds: role.max_session_seconds,
            audiences: &audiences,
            older_roles: place.older_roles,
        })?;
        match &self.permissions_boundary {
            Some(wanted) if role.boundary.as_ref() != Some(wanted) => {
                Err(AdmissionRefusal::Boundary { wanted: wanted.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Whether this namespace could have a role of this name at all: a claim that can never be admitted takes nothing
    /// from anybody.
    pub fn may_claim(&self, namespace: &str, labels: &Labels, given_name: Option<&RoleName>) -> bool {
        self.serves(labels) && self.allows_name(namespace, given_name)
    }
}

impl InPlace<'_> {
    /// The keys of the role's tags that neither we nor the federation set and that tenants may not set either, and that the federation does not leave to somebody else. Tags are
    /// authority, so those go, whoever set them. AWS's own (`aws:…`) cannot.
    pub fn unlisted_tags(&self, guardrails: &Guardrails) -> Vec<String> {
        let listed = |key: &str| {
            key.starts_with(TAG_PREFIX)
                || key.starts_with("aws:")
                || self.federation_tags.contains_key(key)
                || guardrails.ignored_tags.contains(key)
                || guardrails.allows_tag(key)
        };
        self.role.tags.keys().filter(|key| !listed(key)).cloned().collect()
    }
}
