//! The principal behind an access key, and the policies that limit a caller.

use super::{Iam, identity::Policies, keys::KeyOwner, state::key, versioned::View};
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
        match self.accounts.get(&principal.account) {
            Some(account) => Policies {
                account,
                catalogue: &self.catalogue,
            }
            .gate(principal),
            None => Gate::new(principal.clone(), Vec::new()),
        }
    }
}
