//! Looking a role up in the inventory, and telling it what was seen and left.

use std::time::Duration;

use irsa_api::IamRoleBinding;
use irsa_aws::Connect;
use irsa_core::{inventory::Orphan, naming::RoleName};
use irsa_pipeline::{
    binding::observe::role::IamRole,
    spec::{
        federation_view::{Scope, Usage},
        identity::roles_in_place,
    },
};
use kube::ResourceExt;
use tokio::time::Instant;

use super::cache::{LookUp, RETRY};
use crate::{binding::bindings::Bindings, leadership::Leadership};

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// The role as the inventory shows it; a new one is taken where that would help. `None`: it must be read by itself.
    pub(in crate::binding) async fn look_up(
        &self,
        aws: &C::Aws,
        usage: &Usage,
        name: &RoleName,
        interval: Duration,
        not_before: Option<Instant>,
    ) -> Option<IamRole> {
        let scope = Scope::of(usage);
        let cache = self.inventories.cache(&scope);
        match cache.look_up(name.as_str(), interval, not_before, Instant::now()) {
            LookUp::Found(found) => return Some(*found),
            LookUp::Unknown => return None,
            LookUp::Outdated => {}
        }
        self.take_inventory(aws, &scope, RETRY).await;
        match cache.look_up(name.as_str(), interval, not_before, Instant::now()) {
            LookUp::Found(found) => Some(*found),
            LookUp::Unknown | LookUp::Outdated => None,
        }
    }

    /// A binding that goes, or has gone, leaves its role behind, for good or until it is removed.
    pub(in crate::binding) fn note_left(&self, binding: &IamRoleBinding) {
        let federation = &binding.spec.federation_ref.name;
        let has_role = binding.status.as_ref().is_some_and(|status| status.role_id.is_some());
        let Some(known) = self.federations.get(federation).filter(|_| has_role) else {
            return;
        };
        let cache = self.inventories.cache(&Scope::of(&known.usage));
        for role in roles_in_place(binding, Some(&known)) {
            let orphan = Orphan {
                namespace: binding.namespace().unwrap_or_default(),
                binding: binding.name_any(),
                role: role.to_string(),
            };
            cache.leave(federation, orphan, Instant::now());
        }
    }

    /// The role that a binding left behind is gone.
    pub(in crate::binding) fn note_removed(&self, binding: &IamRoleBinding) {
        let Some(known) = self.federations.get(&binding.spec.federation_ref.name) else {
            return;
        };
        let cache = self.inventories.cache(&Scope::of(&known.usage));
        for role in roles_in_place(binding, Some(&known)) {
            cache.removed(role.as_str());
        }
    }

    /// A role was read by itself: where listings show only half of it, that serves for a while.
    pub(in crate::binding) fn was_read(&self, usage: &Usage, name: &RoleName, found: &IamRole) {
        let cache = self.inventories.cache(&Scope::of(usage));
        cache.was_read(name.as_str(), found, Instant::now());
    }
}
