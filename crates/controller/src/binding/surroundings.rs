//! What the cluster says around a binding, read from the watches' memory.

use irsa_api::IamRoleBinding;
use irsa_aws::Connect;
use irsa_core::{
    admission::Labels,
    vocabulary::{ConditionType, Reason},
};
use kube::{ResourceExt, runtime::reflector::ObjectRef};

use super::{Bindings, federation::Known, siblings::Siblings};
use crate::{halt::Halt, leadership::Leadership};

/// What the cluster says around a binding.
pub(super) struct Surroundings {
    pub(super) known: Known,
    pub(super) labels: Labels,
    pub(super) older_roles: u32,
}

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// What the watches know; no I/O.
    pub(super) fn observe(&self, binding: &IamRoleBinding) -> Result<Surroundings, Halt> {
        let name = &binding.spec.federation_ref.name;
        let known = self.federations.get(name).ok_or_else(|| {
            let message = format!("The OidcFederation {name} does not exist; create it or correct spec.federationRef.");
            Halt::new(ConditionType::FederationReady, Reason::FederationNotFound, message)
        })?;
        let namespace = binding.namespace().unwrap_or_default();
        let labels = self.labels(&namespace).ok_or_else(|| {
            let message = format!("The namespace {namespace} has not been seen yet.");
            Halt::new(ConditionType::Admitted, Reason::ApiServerUnavailable, message)
        })?;
        Ok(Surroundings {
            known,
            labels,
            older_roles: Siblings::of(binding, &self.siblings).older_roles(),
        })
    }

    pub(super) fn labels(&self, namespace: &str) -> Option<Labels> {
        let namespace = self.namespaces.get(&ObjectRef::new(namespace))?;
        Some(namespace.labels().clone())
    }
}
