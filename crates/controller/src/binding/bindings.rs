//! What a pass over a binding is made with: connections, memory, and what the watches show.

use irsa_api::IamRoleBinding;
use irsa_core::admission::Labels;
use irsa_pipeline::binding::validate::Limits;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    ResourceExt,
    core::PartialObjectMeta,
    runtime::reflector::{ObjectRef, Store},
};

use super::{
    federation_cache::FederationCache,
    inventory::Inventories,
    memory::{BindingMemory, BindingRecord},
    prover::Prover,
};
use crate::{instances::Instances, leadership::Leadership, memory::Propagation, reconciler::Driver, watch::Decoded};

/// Makes bindings true.
pub struct Bindings<C, L> {
    pub(super) driver: Driver<L>,
    pub(super) connect: C,
    /// UID of the namespace kube-system.
    pub(super) cluster: String,
    pub(super) limits: Limits,
    pub(super) federations: FederationCache,
    pub(super) namespaces: Store<PartialObjectMeta<Namespace>>,
    /// All bindings, this one included.
    pub(super) store: Store<Decoded<IamRoleBinding>>,
    pub(super) memory: BindingMemory,
    pub(super) inventories: Inventories,
    pub(super) propagation: Propagation<BindingRecord>,
    pub(super) instances: Instances,
    pub(super) prover: Prover,
}

impl<C, L: Leadership> Bindings<C, L> {
    /// The labels of a namespace, where the watch has seen it.
    pub(super) fn namespace_labels(&self, namespace: &str) -> Option<Labels> {
        let namespace = self.namespaces.get(&ObjectRef::new(namespace))?;
        Some(namespace.labels().clone())
    }
}
