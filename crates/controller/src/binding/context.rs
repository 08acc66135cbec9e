//! What the cluster says around a binding, read from the watches' memory.

use irsa_api::IamRoleBinding;
use irsa_aws::Connect;
use irsa_core::{
    admission::Labels,
    inventory::Orphan,
    vocabulary::{ConditionType, Reason},
};
use kube::{ResourceExt, runtime::reflector::ObjectRef};

use super::{Bindings, conflicts::Conflicts, federation::FederationView, home::roles_in_place, inventory::Scope};
use crate::{leadership::Leadership, object::ObjectKey, step_error::StepError};

/// What the cluster says around a binding.
pub(super) struct Context {
    pub(super) known: FederationView,
    pub(super) labels: Labels,
    pub(super) older_roles: u32,
    /// Roles of the namespace that no binding stands for; counted against a binding that would make a new one.
    pub(super) retained_roles: u32,
}

impl Context {
    /// Roles that count before what the binding asks for.
    pub(super) const fn roles_before(&self) -> u32 {
        self.older_roles.saturating_add(self.retained_roles)
    }
}

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// What the watches know; no I/O.
    pub(super) fn observe(&self, binding: &IamRoleBinding) -> Result<Context, StepError> {
        let name = &binding.spec.federation_ref.name;
        let known = self.federations.get(name).ok_or_else(|| {
            let message = format!("The OidcFederation {name} does not exist; create it or correct spec.federationRef.");
            StepError::new(ConditionType::FederationReady, Reason::FederationNotFound, message)
        })?;
        let namespace = binding.namespace().unwrap_or_default();
        let labels = self.labels(&namespace).ok_or_else(|| {
            let message = format!("The namespace {namespace} has not been seen yet.");
            StepError::new(ConditionType::Admitted, Reason::ApiServerUnavailable, message)
        })?;
        let conflicts = Conflicts::of(binding, &self.bindings);
        Ok(Context {
            retained_roles: self.retained_roles(binding, &known, &namespace),
            older_roles: conflicts.older_roles(|other| self.memory.is_released(&ObjectKey::of(other))),
            known,
            labels,
        })
    }

    fn retained_roles(&self, binding: &IamRoleBinding, known: &FederationView, namespace: &str) -> u32 {
        // One that has its role takes nobody's place.
        if binding.status.as_ref().is_some_and(|status| status.role_id.is_some()) {
            return 0;
        }
        let is_of = |orphan: &Orphan| {
            let owner = self.bindings.get(&ObjectRef::new(&orphan.binding).within(namespace));
            let roles = owner
                .as_deref()
                .and_then(|owner| Some(roles_in_place(owner.object()?, Some(known))));
            roles.is_some_and(|roles| {
                roles
                    .iter()
                    .any(|role| role.as_str().eq_ignore_ascii_case(&orphan.role))
            })
        };
        let federation = &binding.spec.federation_ref.name;
        let scope = Scope::of(&known.usage);
        self.inventories.retained(&scope, federation, namespace, is_of)
    }

    pub(super) fn labels(&self, namespace: &str) -> Option<Labels> {
        let namespace = self.namespaces.get(&ObjectRef::new(namespace))?;
        Some(namespace.labels().clone())
    }
}
