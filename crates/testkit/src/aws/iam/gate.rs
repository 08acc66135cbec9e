//! The principal behind an access key, and the policies that limit a caller.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Iam,
    keys::KeyOwner,
    state::{AccountState, Document, key},
    versioned::View,
};
use crate::aws::{
    policy::Gate,
    wire::{Caller, Principal, PrincipalKind},
};

impl Iam {
    /// The identity behind an access key and its secret.
    pub(crate) fn principal_for_access_key(&self, access_key_id: &str) -> Option<(Principal, String)> {
        let (account, owner, secret) = self.keys.get(access_key_id)?;
        let (arn, user_id, kind) = match owner {
            KeyOwner::Root => (
                format!("arn:aws:iam::{account}:root"),
                account.to_owned(),
                PrincipalKind::Root,
            ),
            KeyOwner::User(name) => {
                let user = self.accounts.get(account)?.users.get(&key(name), View::Newest)?;
                (
                    user.arn.clone(),
                    user.id.clone(),
                    PrincipalKind::User(user.name.clone()),
                )
            }
        };
        let principal = Principal {
            account: account.to_owned(),
            arn,
            user_id,
            kind,
        };
        Some((principal, secret.to_owned()))
    }

    /// What limits this caller, in the newest state: the delay is of reads, not of authorization. UNSOURCED (in AWS
    /// authorization lags too, by its own time).
    ///
    /// A caller whose user or role is gone has no policies, hence no rights.
    pub(crate) fn gate(&self, caller: &Caller) -> Gate {
        let Caller::Principal(principal) = caller else {
            return Gate::anonymous();
        };
        let control = self.accounts.get(&principal.account);
        let control = control.map(|account| account.control_policies.clone());
        self.own_gate(principal)
            .with_control_policies(control.unwrap_or_default())
    }

    /// What the account itself says of the caller.
    fn own_gate(&self, principal: &Principal) -> Gate {
        let bare = |principal: &Principal| Gate::new(principal.clone(), Vec::new());
        let Some(account) = self.accounts.get(&principal.account) else {
            return bare(principal);
        };
        match &principal.kind {
            PrincipalKind::Root => bare(principal),
            PrincipalKind::User(name) => {
                let Some(user) = account.users.get(&key(name), View::Newest) else {
                    return bare(principal);
                };
                let policies = self.policies(account, &user.inline, &user.attached);
                self.bounded(
                    account,
                    Gate::new(principal.clone(), policies),
                    user.boundary.as_deref(),
                )
            }
            PrincipalKind::AssumedRole { role, session_policy } => {
                // A role that was made again under the old name is another role: its sessions are not the old ones'.
                let role = account.roles.get(&key(role), View::Newest);
                let is_same = |id: &str| principal.user_id.split(':').next() == Some(id);
                let Some(role) = role.filter(|role| is_same(&role.id)) else {
                    return bare(principal);
                };
                let policies = self.policies(account, &role.inline, &role.attached);
                let gate = Gate::new(principal.clone(), policies).with_role_arn(role.arn.clone());
                let gate = self.bounded(account, gate, role.boundary.as_deref());
                match session_policy {
                    None => gate,
                    // A document that does not parse allows nothing.
                    Some(text) => gate.with_session_policy(serde_json::from_str(text).unwrap_or(Value::Null)),
                }
            }
        }
    }

    fn policies(&self, account: &AccountState, inline: &BTreeMap<String, Document>, attached: &[String]) -> Vec<Value> {
        let attached = attached.iter().filter_map(|arn| self.managed_document(account, arn));
        inline
            .values()
            .chain(attached)
            .map(|document| document.value.clone())
            .collect()
    }

    /// A boundary that is gone allows nothing.
    fn bounded(&self, account: &AccountState, gate: Gate, boundary: Option<&str>) -> Gate {
        match boundary {
            None => gate,
            Some(arn) => {
                let document = self.managed_document(account, arn);
                gate.with_boundary(document.map_or(Value::Null, |document| document.value.clone()))
            }
        }
    }

    fn managed_document<'a>(&'a self, account: &'a AccountState, arn: &str) -> Option<&'a Document> {
        let own = || account.policies.get(arn, View::Newest).map(AsRef::as_ref);
        self.catalogue.get(arn).or_else(own)?.default_document()
    }
}
