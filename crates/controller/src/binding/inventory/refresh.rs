//! Taking inventories: once per interval for every federation that has a provider, and when a pass asks for one.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use futures::future::join_all;
use irsa_api::IamRoleBinding;
use irsa_aws::Connect;
use irsa_core::{
    inventory::{Orphan, orphans},
    naming::Owner,
};
use irsa_pipeline::spec::{federation_view::Scope, identity::roles_in_place};
use kube::ResourceExt;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, warn};

use super::{
    cache::RoleCache,
    listing::{Listing, key},
};
use crate::{binding::bindings::Bindings, leadership::Leadership, watch::Trigger};

/// How often it is looked whether an inventory is due.
const TICK: Duration = Duration::from_secs(5);
/// Longest that an inventory may take: passes wait for it.
const PATIENCE: Duration = Duration::from_mins(1);
/// A little sooner than each binding's own check, which then finds a fresh one.
const OF_AN_INTERVAL: f64 = 0.9;

/// Takes inventories for ever, and wakes the bindings whose roles are not as they were.
pub(in crate::binding) async fn keep<C: Connect, L: Leadership>(
    bindings: &Bindings<C, L>,
    trigger: &Trigger<IamRoleBinding>,
) {
    // Before all bindings are listed, every role would look like one without a binding.
    if let Err(error) = bindings.store.wait_until_ready().await {
        warn!(%error, "the watch of bindings has ended");
    }
    loop {
        // Also those that cannot be used now: what is known of their roles is judged by meanwhile.
        bindings.inventories.keep_only(&bindings.federations.all_scopes());
        let scopes = bindings.federations.scopes();
        let due = scopes.iter().filter(|(scope, interval)| {
            let cache = bindings.inventories.cache(scope);
            cache.is_due(interval.mul_f64(OF_AN_INTERVAL), Instant::now())
        });
        join_all(due.map(|(scope, interval)| take_one(bindings, scope, *interval))).await;
        wake_changed(bindings, trigger, scopes.keys());
        bindings.count_orphans();
        sleep(TICK).await;
    }
}

async fn take_one<C: Connect, L: Leadership>(bindings: &Bindings<C, L>, scope: &Scope, interval: Duration) {
    let connected = timeout(PATIENCE, bindings.connect.connect(&scope.connection)).await;
    match connected {
        Ok(Ok(aws)) => {
            let at_most_each = interval.mul_f64(OF_AN_INTERVAL);
            bindings.take_inventory(&aws, scope, at_most_each).await;
        }
        Ok(Err(error)) => {
            debug!(%error, "no inventory without a connection");
            bindings.inventories.cache(scope).begin(Instant::now());
        }
        Err(_) => {
            debug!("no inventory without a connection, which takes too long");
            bindings.inventories.cache(scope).begin(Instant::now());
        }
    }
}

/// Wakes the bindings whose roles are not as they were, whoever took the inventory that shows it.
fn wake_changed<'a, C: Connect, L: Leadership>(
    bindings: &Bindings<C, L>,
    trigger: &Trigger<IamRoleBinding>,
    scopes: impl Iterator<Item = &'a Scope>,
) {
    let changed: BTreeSet<String> = scopes
        .flat_map(|scope| bindings.inventories.cache(scope).take_changed())
        .collect();
    if changed.is_empty() {
        return;
    }
    trigger.wake_where(|binding| {
        let known = bindings.federations.get(&binding.spec.federation_ref.name);
        let roles = roles_in_place(binding, known.as_deref());
        roles.iter().any(|role| changed.contains(&key(role.as_str())))
    });
}

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// Takes an inventory, unless one was attempted less than `at_most_each` ago; waits for one that is being taken.
    pub(super) async fn take_inventory(&self, aws: &C::Aws, scope: &Scope, at_most_each: Duration) {
        let cache = self.inventories.cache(scope);
        let _flight = cache.flight.lock().await;
        let started = Instant::now();
        if !cache.is_due(at_most_each, started) {
            return;
        }
        if timeout(PATIENCE, self.list_roles(aws, scope, &cache, started))
            .await
            .is_err()
        {
            warn!("the roles could not be listed within {PATIENCE:?}; each is read by itself");
        }
    }

    async fn list_roles(&self, aws: &C::Aws, scope: &Scope, cache: &RoleCache, started: Instant) {
        let no_details = cache.begin(started);
        let population = self.population(scope);
        let taken = async {
            let ours = population.bindings.len();
            let listing = Listing::take(aws, &scope.path, &self.cluster, ours, no_details).await?;
            let known = cache.tags_of_strangers();
            let strangers = listing.strangers(aws, &population.claimed(), &known).await?;
            Ok::<_, irsa_aws::AwsError>((listing, strangers))
        };
        match taken.await {
            Ok((listing, strangers)) => {
                // Looked at again: a binding may have come or gone while the roles were listed.
                let left = self
                    .population(scope)
                    .orphans(listing.owners(&strangers), &self.cluster);
                debug!(roles = listing.shallow.len(), method = ?listing.method, "took an inventory of roles");
                cache.install(started, population.bindings.len(), listing, strangers, left);
            }
            Err(error) => warn!(%error, "the roles could not be listed; each is read by itself"),
        }
    }

    fn count_orphans(&self) {
        self.driver.metrics.set_orphaned_roles(self.inventories.orphan_count());
    }

    /// The bindings whose roles are in a scope.
    fn population(&self, scope: &Scope) -> Population {
        let federations = self.federations.in_scope(scope);
        let mut population = Population {
            federations: federations.keys().cloned().collect(),
            ..Population::default()
        };
        for binding in self.store.state() {
            if let Some(binding) = binding.outline() {
                let federation = &binding.spec.federation_ref.name;
                if let Some(known) = federations.get(federation) {
                    let roles = roles_in_place(binding, Some(known));
                    let roles = roles.iter().map(|role| key(role.as_str()));
                    population.bindings.insert(place(federation, binding), roles.collect());
                }
            }
        }
        population
    }
}

fn place(federation: &str, binding: &IamRoleBinding) -> (String, String, String) {
    (
        federation.to_owned(),
        binding.namespace().unwrap_or_default(),
        binding.name_any(),
    )
}

/// Who there is.
#[derive(Debug, Default)]
struct Population {
    federations: Vec<String>,
    /// Federation, namespace and name, each with the names of its roles.
    bindings: HashMap<(String, String, String), Vec<String>>,
}

impl Population {
    /// The names of all their roles.
    fn claimed(&self) -> HashSet<String> {
        self.bindings.values().flatten().cloned().collect()
    }

    /// Each federation's roles that no binding stands for.
    fn orphans(&self, roles: impl IntoIterator<Item = (String, Owner)>, cluster: &str) -> HashMap<String, Vec<Orphan>> {
        let here = roles
            .into_iter()
            .filter(|(_, owner)| self.federations.contains(&owner.federation));
        let is_of = |owner: &Owner, role: &str| {
            let place = (owner.federation.clone(), owner.namespace.clone(), owner.name.clone());
            self.bindings
                .get(&place)
                .is_some_and(|roles| roles.contains(&key(role)))
        };
        orphans(here, cluster, is_of).into_iter().collect()
    }
}
