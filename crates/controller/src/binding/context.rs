//! What the cluster says around a binding, read from the watches' memory.

use irsa_api::IamRoleBinding;
use irsa_aws::Connect;
use irsa_core::{
    inventory::Orphan,
    vocabulary::{ConditionType, Reason},
};
use irsa_pipeline::{
    binding::{
        observe::context::Context,
        validate::{admit::AdmissionChain, conflicts::Conflicts},
    },
    object::ObjectKey,
    spec::{
        federation_view::{FederationView, Scope},
        identity::roles_in_place,
    },
    step_error::StepError,
};
use kube::{ResourceExt, runtime::reflector::ObjectRef};

use super::bindings::Bindings;
use crate::leadership::Leadership;

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// What the watches know; no I/O.
    pub(super) fn observe(&self, binding: &IamRoleBinding) -> Result<Context, StepError> {
        let name = &binding.spec.federation_ref.name;
        let federation = self.federations.get(name).ok_or_else(|| {
            let message = format!("The OidcFederation {name} does not exist; create it or correct spec.federationRef.");
            StepError::new(ConditionType::FederationReady, Reason::FederationNotFound, message)
        })?;
        let namespace = binding.namespace().unwrap_or_default();
        let labels = self.namespace_labels(&namespace).ok_or_else(|| {
            let message = format!("The namespace {namespace} has not been seen yet.");
            StepError::new(ConditionType::Admitted, Reason::ApiServerUnavailable, message)
        })?;
        let all = self.store.state();
        let conflicts = Conflicts::of(binding, all.iter().filter_map(|decoded| decoded.outline()));
        Ok(Context {
            retained_roles: self.retained_roles(binding, &federation, &namespace),
            older_roles: conflicts.older_roles(|other| self.memory.is_released(&ObjectKey::of(other))),
            federation,
            labels,
        })
    }

    fn retained_roles(&self, binding: &IamRoleBinding, known: &FederationView, namespace: &str) -> u32 {
        // One that has its role takes nobody's place.
        if binding.status.as_ref().is_some_and(|status| status.role_id.is_some()) {
            return 0;
        }
        let is_of = |orphan: &Orphan| {
            let owner = self.store.get(&ObjectRef::new(&orphan.binding).within(namespace));
            let roles = owner
                .as_deref()
                .and_then(|owner| Some(roles_in_place(owner.outline()?, Some(known))));
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

    /// What the checks say by what is known of the cluster.
    pub(super) fn admitted<T>(
        &self,
        binding: &IamRoleBinding,
        context: &Context,
        check: impl FnOnce(&AdmissionChain<'_>) -> T,
    ) -> T {
        let all = self.store.state();
        let conflicts = Conflicts::of(binding, all.iter().filter_map(|decoded| decoded.outline()));
        check(&AdmissionChain {
            cluster: &self.cluster,
            limits: self.limits,
            context,
            conflicts: &conflicts,
            federation: &|name| self.federations.get(name),
            labels: &|namespace| self.namespace_labels(namespace),
        })
    }
}
