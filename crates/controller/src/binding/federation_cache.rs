//! The federations of the cluster as bindings see them, kept by the watch; and whom a change of one concerns.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use irsa_api::{IamRoleBinding, OidcFederation};
use irsa_core::plan::binding::PodSettings;
use irsa_pipeline::spec::{
    federation_view::{FederationState, FederationView, Scope, Usage},
    pods::notices,
};
use kube::ResourceExt;

use crate::memory::Locked;

/// Which bindings of a federation a change of it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Concerns {
    /// None.
    Nobody,
    /// All.
    Everybody,
    /// Those that were proven with other signing keys.
    Proven,
    /// Those whose pods get something else.
    Pods {
        /// What it said.
        before: PodSettings,
        /// What it says now.
        after: PodSettings,
    },
}

impl Concerns {
    fn of(before: Option<&Usage>, now: &Usage) -> Self {
        let Some(before) = before else {
            return Self::Everybody;
        };
        if before == now {
            return Self::Nobody;
        }
        let signing_keys = now.signing_keys.clone();
        if (Usage {
            signing_keys,
            ..before.clone()
        }) == *now
        {
            return Self::Proven;
        }
        let pods = now.pods.clone();
        let otherwise_equal = Usage { pods, ..before.clone() } == *now;
        if !otherwise_equal {
            return Self::Everybody;
        }
        Self::Pods {
            before: before.pods.clone(),
            after: now.pods.clone(),
        }
    }

    /// Whether this binding of the federation must look again.
    pub(crate) fn include(&self, binding: &IamRoleBinding) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::Proven => {
                let status = binding.status.as_ref();
                status.is_some_and(|status| status.verified_digest.is_some())
            }
            Self::Pods { before, after } => notices(binding, before, after),
        }
    }
}

/// The federations of the cluster as bindings know them, kept by the watch.
#[derive(Debug, Default)]
pub(crate) struct FederationCache {
    known: Locked<HashMap<String, Arc<FederationView>>>,
    /// What [`Self::ids`] said last.
    ids: Locked<Arc<BTreeSet<String>>>,
}

impl FederationCache {
    /// The federation of this name.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<FederationView>> {
        self.known.lock().get(name).cloned()
    }

    /// Takes note of a federation; says which of its bindings must look again.
    pub(crate) fn observe(&self, federation: &OidcFederation) -> Concerns {
        let name = federation.name_any();
        let mut known = self.known.lock();
        let before = known.get(&name);
        let same_object = before.filter(|before| before.reference.uid == federation.uid());
        let proven = same_object.is_some_and(|before| matches!(before.usage.state, FederationState::Usable(_)));
        let view = FederationView::of(federation, proven);
        let concerns = Concerns::of(before.map(|before| &before.usage), &view.usage);
        known.insert(name, Arc::new(view));
        concerns
    }

    /// The ids of all. It is one set for all who ask for as long as it stays the same: each bound ServiceAccount keeps it.
    pub(crate) fn ids(&self) -> Arc<BTreeSet<String>> {
        let ids = self.known.lock().values().map(|known| known.id.clone()).collect();
        let mut shared = self.ids.lock();
        if **shared != ids {
            *shared = Arc::new(ids);
        }
        Arc::clone(&shared)
    }

    /// Forgets a federation; says whether it was known.
    pub(crate) fn forget(&self, name: &str) -> bool {
        self.known.lock().remove(name).is_some()
    }

    /// Forgets all federations but these, and names those forgotten.
    pub(crate) fn keep_only(&self, present: &HashSet<String>) -> Vec<String> {
        let mut known = self.known.lock();
        let gone: Vec<String> = known.keys().filter(|name| !present.contains(*name)).cloned().collect();
        known.retain(|name, _| present.contains(name));
        gone
    }

    /// Where roles of federations with a provider are, and how often each place is looked at.
    pub(crate) fn scopes(&self) -> HashMap<Scope, Duration> {
        let mut scopes = HashMap::new();
        for known in self
            .known
            .lock()
            .values()
            .filter(|known| known.usage.state.account().is_some())
        {
            let interval = scopes.entry(Scope::of(&known.usage)).or_insert(known.interval);
            *interval = known.interval.min(*interval);
        }
        scopes
    }

    /// Where roles of any federation are.
    pub(crate) fn all_scopes(&self) -> Vec<Scope> {
        self.known
            .lock()
            .values()
            .map(|known| Scope::of(&known.usage))
            .collect()
    }

    /// The federations whose roles are there.
    pub(crate) fn in_scope(&self, scope: &Scope) -> HashMap<String, Arc<FederationView>> {
        let known = self.known.lock();
        let there = known.iter().filter(|(_, known)| Scope::of(&known.usage) == *scope);
        there.map(|(name, known)| (name.clone(), known.clone())).collect()
    }
}

#[cfg(test)]
mod tests;
