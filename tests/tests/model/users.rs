//! What users do to the objects of the cluster.

use irsa_testkit::apiserver::MemoryApiServer;
use serde_json::json;

use crate::{
    actions::{BindingEdit, FederationEdit},
    wishes::{BindingWish, FEDERATION, FederationWish, account_path, binding_path},
    world::World,
};

impl World {
    fn is_going(&self, path: &str) -> bool {
        let object = self.outside.api.get(path);
        object.is_some_and(|object| !object["metadata"]["deletionTimestamp"].is_null())
    }

    fn is_held(&self, path: &str) -> bool {
        let object = self.outside.api.get(path).unwrap_or_default();
        object["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|finalizers| !finalizers.is_empty())
    }

    pub(crate) fn edit_federation(&mut self, edit: &FederationEdit) {
        if self.is_going(FEDERATION) {
            return;
        }
        let mut wish = match (&self.federation, edit) {
            (Some(wish), _) => wish.clone(),
            (None, FederationEdit::Create) => FederationWish::default(),
            (None, _) => return,
        };
        match *edit {
            FederationEdit::Create => {}
            FederationEdit::SecondAudience(on) => wish.second_audience = on,
            FederationEdit::Team(team) => wish.team = team,
            FederationEdit::OnlyTenants(on) => wish.only_tenants = on,
            FederationEdit::Policies(mask) => wish.policies = mask,
            FederationEdit::Boundary(which) => wish.boundary = which,
            FederationEdit::Inline(on) => wish.inline = on,
            FederationEdit::AllowRetain(on) => wish.allow_retain = on,
            FederationEdit::MaxRoles(most) => wish.max_roles = u32::from(most),
            FederationEdit::ShortCache(on) => wish.short_cache = on,
            FederationEdit::Retain(on) => wish.retain = on,
            FederationEdit::Suspend(on) => wish.suspend = on,
        }
        self.outside.api.put(FEDERATION, wish.object());
        self.federation = Some(wish);
    }

    pub(crate) fn delete_federation(&mut self) {
        let Some(wish) = self.federation.take() else { return };
        if wish.retain {
            self.left.federation = true;
        } else if self.is_held(FEDERATION) {
            self.left.federation = false;
        }
        self.outside.api.delete(FEDERATION);
    }

    pub(crate) fn put_binding(&mut self, slot: usize, wish: BindingWish) {
        if self.is_going(&binding_path(slot)) {
            return;
        }
        self.outside.api.put(&binding_path(slot), wish.object(slot));
        self.bindings[slot] = Some(wish);
    }

    pub(crate) fn delete_binding(&mut self, slot: usize, force: bool) {
        let path = binding_path(slot);
        let wish = self.bindings[slot].take();
        if force && self.outside.api.get(&path).is_some() {
            let annotations = json!({"irsa-anywhere.dev/force-delete": ""});
            self.outside
                .api
                .put(&path, json!({"metadata": {"annotations": annotations}}));
            self.left.roles[slot] = true;
        }
        let Some(wish) = wish else { return };
        if wish.retain || force {
            self.left.roles[slot] = true;
        } else if self.is_held(&path) {
            self.left.roles[slot] = false;
        }
        self.outside.api.delete(&path);
    }
}

pub(crate) fn put_account(api: &MemoryApiServer, namespace: &str, account: &str) {
    let metadata = json!({"name": account, "namespace": namespace});
    let object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
    api.put(&account_path(namespace, account), object);
}

pub(crate) fn change_binding(wish: &mut BindingWish, edit: &BindingEdit) {
    match *edit {
        BindingEdit::Accounts(mask) => wish.accounts = mask,
        BindingEdit::Managed(mask) => wish.managed = mask,
        BindingEdit::Inline(which) => wish.inline = which,
        BindingEdit::SecondAudience(on) => wish.second_audience = on,
        BindingEdit::LongSession(on) => wish.long_session = on,
        BindingEdit::NoAnnotations(on) => wish.no_annotations = on,
        BindingEdit::Retain(on) => wish.retain = on,
        BindingEdit::Suspend(on) => wish.suspend = on,
    }
}
