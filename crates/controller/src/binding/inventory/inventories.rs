//! The inventories of all accounts.

use std::{collections::HashMap, sync::Arc};

use irsa_api::OidcFederation;
use irsa_core::{inventory::Orphan, naming::RoleName};
use irsa_pipeline::{
    federation::roles::Findings,
    spec::federation_view::{Scope, Usage},
};
use tokio::time::Instant;

use super::cache::RoleCache;
use crate::memory::Locked;

/// The inventories of all accounts. The controller of bindings takes them, the controller of federations says what they
/// found. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Inventories(Arc<Locked<HashMap<Scope, Arc<RoleCache>>>>);

impl Inventories {
    /// What the last inventory found; `None` before the first.
    pub(crate) fn findings(&self, federation: &OidcFederation) -> Option<Findings> {
        let name = federation.metadata.name.as_deref().unwrap_or_default();
        let cache = self.0.lock().get(&Scope::of_federation(federation)).cloned();
        cache?.findings(name)
    }

    /// How many roles of a namespace have no binding, not counting those of which `is_of` says that they have one by now.
    pub(in crate::binding) fn retained(
        &self,
        scope: &Scope,
        federation: &str,
        namespace: &str,
        is_of: impl Fn(&Orphan) -> bool,
    ) -> u32 {
        let cache = self.0.lock().get(scope).cloned();
        let orphans = cache.map(|cache| cache.orphans(federation)).unwrap_or_default();
        let left = orphans
            .iter()
            .filter(|orphan| orphan.namespace == namespace && !is_of(orphan));
        u32::try_from(left.count()).unwrap_or(u32::MAX)
    }

    pub(super) fn cache(&self, scope: &Scope) -> Arc<RoleCache> {
        Arc::clone(self.0.lock().entry(scope.clone()).or_default())
    }

    /// Forgets all scopes but these.
    pub(super) fn keep_only(&self, used: &[Scope]) {
        self.0.lock().retain(|scope, _| used.contains(scope));
    }

    pub(in crate::binding) fn orphan_count(&self) -> usize {
        self.0.lock().values().map(|cache| cache.orphan_count()).sum()
    }
}

/// A role is being written to: marked before and after, also when the pass is cut off in between.
pub(in crate::binding) struct Touch<'a> {
    cache: Arc<RoleCache>,
    name: &'a RoleName,
}

impl<'a> Touch<'a> {
    /// Until it is dropped, and for a while after, no listing answers for the role.
    pub(in crate::binding) fn new(inventories: &Inventories, usage: &Usage, name: &'a RoleName) -> Self {
        let cache = inventories.cache(&Scope::of(usage));
        cache.touch(name.as_str(), Instant::now());
        Self { cache, name }
    }
}

impl Drop for Touch<'_> {
    fn drop(&mut self) {
        self.cache.touch(self.name.as_str(), Instant::now());
    }
}
