//! [`Policies`]: the policies of users and roles.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    catalogue::Catalogue,
    state::{AccountState, Document, key},
    versioned::View,
};
use crate::aws::{
    policy::Gate,
    wire::{Principal, PrincipalKind},
};

/// The policies of an account, and AWS's own.
pub(super) struct Policies<'a> {
    pub(super) account: &'a AccountState,
    pub(super) catalogue: &'a Catalogue,
}

impl Policies<'_> {
    /// What the account says of a user, or of a session of a role.
    pub(super) fn gate(&self, principal: &Principal) -> Gate {
        let bare = |principal: &Principal| Gate::new(principal.clone(), Vec::new());
        let account = self.account;
        match &principal.kind {
            PrincipalKind::Root => bare(principal),
            PrincipalKind::User(name) => {
                let Some(user) = account.users.get(&key(name), View::Newest) else {
                    return bare(principal);
                };
                let policies = self.documents(&user.inline, &user.attached);
                self.bounded(Gate::new(principal.clone(), policies), user.boundary.as_deref())
            }
            PrincipalKind::AssumedRole { role, session_policy } => {
                // A role that was made again under the old name is another role: its sessions are not the old ones'.
                let role = account.roles.get(&key(role), View::Newest);
                let is_same = |id: &str| principal.user_id.split(':').next() == Some(id);
                let Some(role) = role.filter(|role| is_same(&role.id)) else {
                    return bare(principal);
                };
                let policies = self.documents(&role.inline, &role.attached);
                let gate = Gate::new(principal.clone(), policies).with_role_arn(role.arn.clone());
                let gate = self.bounded(gate, role.boundary.as_deref());
                match session_policy {
                    None => gate,
                    // A document that does not parse allows nothing.
                    Some(text) => gate.with_session_policy(serde_json::from_str(text).unwrap_or(Value::Null)),
                }
            }
        }
    }

    fn documents(&self, inline: &BTreeMap<String, Document>, attached: &[String]) -> Vec<Value> {
        let attached = attached.iter().filter_map(|arn| self.managed(arn));
        inline
            .values()
            .chain(attached)
            .map(|document| document.value.clone())
            .collect()
    }

    /// A boundary that is gone allows nothing.
    fn bounded(&self, gate: Gate, boundary: Option<&str>) -> Gate {
        match boundary {
            None => gate,
            Some(arn) => gate.with_boundary(self.managed(arn).map_or(Value::Null, |document| document.value.clone())),
        }
    }

    fn managed(&self, arn: &str) -> Option<&Document> {
        let own = || self.account.policies.get(arn, View::Newest).map(AsRef::as_ref);
        self.catalogue.get(arn).or_else(own)?.default_document()
    }
}
