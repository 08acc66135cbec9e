//! The roles of each account as two listings show them, so that looking at a thousand unchanged roles costs pages and not
//! thousands of calls.
//!
//! A listing is only ever used to find that there is nothing to do. Whoever writes has read the role itself before, so a
//! stale or half-seen listing costs a read or a later repair, never a wrong write.

mod cache;
mod listing;
mod refresh;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use irsa_api::{IamRoleBinding, OidcFederation};
use irsa_aws::{Aws, Connect, Connection, Role};
use irsa_core::{
    inventory::{Method, Orphan},
    naming::RoleName,
};
use kube::ResourceExt;
use tokio::time::Instant;

use self::cache::{Answer, RoleCache};
pub(super) use self::refresh::keep;
use super::{
    Bindings,
    execute::{Executed, RoleWork, execute},
    federation::{Usage, connection, role_path},
    home::roles_in_place,
    observe::IamRole,
};
use crate::{leadership::Leadership, step_error::StepError};

/// Roles that are listed together: one account, one way to reach it, one path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    connection: Connection,
    path: String,
}

impl Scope {
    /// Where a federation's roles are.
    pub(crate) fn of(usage: &Usage) -> Self {
        Self {
            connection: usage.connection.clone(),
            path: usage.role_path.clone(),
        }
    }

    fn of_federation(federation: &OidcFederation) -> Self {
        Self {
            connection: connection(federation),
            path: role_path(federation),
        }
    }
}

/// The inventories of all accounts. The controller of bindings takes them, the controller of federations says what they
/// found. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Inventories(Arc<Mutex<HashMap<Scope, Arc<RoleCache>>>>);

/// What the last inventory says of a federation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Findings {
    /// How its roles are checked.
    pub(crate) method: Method,
    /// How many bindings there were to check.
    pub(crate) ours: usize,
    /// Roles without a binding.
    pub(crate) orphans: Vec<Orphan>,
}

impl Inventories {
    /// What the last inventory found; `None` before the first.
    pub(crate) fn findings(&self, federation: &OidcFederation) -> Option<Findings> {
        let name = federation.metadata.name.as_deref().unwrap_or_default();
        let cache = self.lock().get(&Scope::of_federation(federation)).cloned();
        cache?.findings(name)
    }

    /// How many roles of a namespace have no binding, not counting those of which `is_of` says that they have one by now.
    pub(super) fn retained(
        &self,
        scope: &Scope,
        federation: &str,
        namespace: &str,
        is_of: impl Fn(&Orphan) -> bool,
    ) -> u32 {
        let cache = self.lock().get(scope).cloned();
        let orphans = cache.map(|cache| cache.orphans(federation)).unwrap_or_default();
        let left = orphans
            .iter()
            .filter(|orphan| orphan.namespace == namespace && !is_of(orphan));
        u32::try_from(left.count()).unwrap_or(u32::MAX)
    }

    fn cache(&self, scope: &Scope) -> Arc<RoleCache> {
        Arc::clone(self.lock().entry(scope.clone()).or_default())
    }

    /// Forgets all scopes but these.
    fn keep_only(&self, used: &[Scope]) {
        self.lock().retain(|scope, _| used.contains(scope));
    }

    fn orphan_count(&self) -> usize {
        self.lock().values().map(|cache| cache.orphan_count()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Scope, Arc<RoleCache>>> {
        // A poisoned lock means that another task panicked; the entries themselves are always whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// The role as the inventory shows it; a new one is taken where that would help. `None`: it must be read by itself.
    pub(super) async fn look_up(
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
            Answer::Found(found) => return Some(*found),
            Answer::Unknown => return None,
            Answer::Outdated => {}
        }
        self.take_inventory(aws, &scope, cache::RETRY).await;
        match cache.look_up(name.as_str(), interval, not_before, Instant::now()) {
            Answer::Found(found) => Some(*found),
            Answer::Unknown | Answer::Outdated => None,
        }
    }

    /// A binding that goes, or has gone, leaves its role behind, for good or until it is removed.
    pub(super) fn note_left(&self, binding: &IamRoleBinding) {
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
    pub(super) fn note_removed(&self, binding: &IamRoleBinding) {
        let Some(known) = self.federations.get(&binding.spec.federation_ref.name) else {
            return;
        };
        let cache = self.inventories.cache(&Scope::of(&known.usage));
        for role in roles_in_place(binding, Some(&known)) {
            cache.removed(role.as_str());
        }
    }

    /// A role was read by itself: where listings show only half of it, that serves for a while.
    pub(super) fn was_read(&self, usage: &Usage, name: &RoleName, found: &IamRole) {
        let cache = self.inventories.cache(&Scope::of(usage));
        cache.was_read(name.as_str(), found, Instant::now());
    }

    /// Does steps to a role. What listings said of it counts no longer, however far the steps come.
    pub(super) async fn write_role<A: Aws>(
        &self,
        binding: &IamRoleBinding,
        usage: &Usage,
        aws: &A,
        name: &RoleName,
        work: RoleWork<'_>,
        created: impl FnMut(Role) + Send,
    ) -> Result<Executed, StepError> {
        if work.steps.is_empty() {
            return Ok(Executed::default());
        }
        self.check_alone(binding, work.steps).await?;
        let cache = self.inventories.cache(&Scope::of(usage));
        let _touch = Touch::new(&cache, name);
        Ok(execute(aws, self.driver.leadership.as_ref(), name, work, created).await)
    }
}

/// A role is being written to: marked before and after, also when the pass is cut off in between.
struct Touch<'a> {
    cache: &'a RoleCache,
    name: &'a RoleName,
}

impl<'a> Touch<'a> {
    fn new(cache: &'a RoleCache, name: &'a RoleName) -> Self {
        cache.touch(name.as_str(), Instant::now());
        Self { cache, name }
    }
}

impl Drop for Touch<'_> {
    fn drop(&mut self) {
        self.cache.touch(self.name.as_str(), Instant::now());
    }
}
