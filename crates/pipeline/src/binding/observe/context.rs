//! What the cluster says around a binding: its federation, its namespace, and the roles that count before its own.

use std::sync::Arc;

use irsa_core::admission::Labels;

use crate::spec::federation_view::FederationView;

/// What the cluster says around a binding.
#[derive(Debug, Clone)]
pub struct Context {
    /// Its federation.
    pub federation: Arc<FederationView>,
    /// Labels of its namespace.
    pub labels: Labels,
    /// Roles that older bindings of the namespace have.
    pub older_roles: u32,
    /// Roles of the namespace that no binding stands for; counted against a binding that would make a new one.
    pub retained_roles: u32,
}

impl Context {
    /// Roles that count before what the binding asks for.
    pub const fn roles_before(&self) -> u32 {
        self.older_roles.saturating_add(self.retained_roles)
    }
}
