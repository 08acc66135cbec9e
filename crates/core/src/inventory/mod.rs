//! The inventory of an account's roles: how a check of all of them is paid for, what a listing proves of one, and whose are left over.
//!
//! A role is whole when two listings are put together: `ListRoles` knows trust, description and session duration,
//! `GetAccountAuthorizationDetails` tags, boundary and policies. What is seen so is only ever used to find that nothing is
//! to be done; whoever writes reads the role itself before.

mod method;
mod packed;

use std::collections::{BTreeMap, BTreeSet};

pub use method::{Because, Method, largest_account};
pub use packed::{PackedDeep, PackedShallow, RolePacker};

use crate::{
    naming::{Owner, PolicyArn, Tags},
    plan::binding::ObservedRole,
};

/// What `ListRoles` shows of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shallow {
    /// ARN.
    pub arn: String,
    /// The stable unique id.
    pub id: String,
    /// Its trust policy.
    pub trust: String,
    /// Its description; empty for none.
    pub description: String,
    /// Its longest session, in seconds.
    pub max_session_seconds: u32,
}

/// What it does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deep {
    /// The stable unique id of the role that this is about.
    pub id: String,
    /// Tags.
    pub tags: Tags,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
    /// Attached managed policies.
    pub attached: BTreeSet<PolicyArn>,
    /// Inline policies: name to document.
    pub inline: BTreeMap<String, String>,
}

impl Deep {
    /// The deep part of a role that was read by itself.
    pub fn of(id: &str, role: &ObservedRole) -> Self {
        Self {
            id: id.to_owned(),
            tags: role.tags.clone(),
            boundary: role.boundary.clone(),
            attached: role.attached.clone(),
            inline: role.inline.clone(),
        }
    }
}

impl Shallow {
    /// The whole role; `None` where both parts are not of the same one: a role that was deleted and made anew between the
    /// two listings has another id.
    pub fn with(&self, deep: &Deep) -> Option<ObservedRole> {
        (self.id == deep.id).then(|| ObservedRole {
            trust: self.trust.clone(),
            tags: deep.tags.clone(),
            boundary: deep.boundary.clone(),
            description: self.description.clone(),
            max_session_seconds: self.max_session_seconds,
            attached: deep.attached.clone(),
            inline: deep.inline.clone(),
        })
    }
}

/// A role of ours that no binding stands for: one that was kept by `deletionPolicy: Retain`, left by a forced deletion, or
/// whose binding was restored away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Orphan {
    /// Namespace of the binding that it was made for.
    pub namespace: String,
    /// Name of that binding.
    pub binding: String,
    /// Its name.
    pub role: String,
}

/// The orphans among roles, given by name and by what their tags say of their owner, by federation: those that carry the
/// mark of `cluster` and that are not the role of the binding that they were made for: it is gone, or has another one.
pub fn orphans(
    roles: impl IntoIterator<Item = (String, Owner)>,
    cluster: &str,
    is_of: impl Fn(&Owner, &str) -> bool,
) -> BTreeMap<String, Vec<Orphan>> {
    let mut orphans: BTreeMap<String, Vec<Orphan>> = BTreeMap::new();
    let ours = roles.into_iter().filter(|(_, owner)| owner.cluster == cluster);
    for (role, owner) in ours.filter(|(role, owner)| !is_of(owner, role)) {
        orphans.entry(owner.federation).or_default().push(Orphan {
            namespace: owner.namespace,
            binding: owner.name,
            role,
        });
    }
    for of_one in orphans.values_mut() {
        of_one.sort();
    }
    orphans
}

#[cfg(test)]
mod tests;
