//! What a binding uses of its federation, and nothing else of it.
//!
//! A federation's status changes with every key rotation; a thousand bindings must not be looked at because of that. So
//! bindings see a federation as [`Usage`] only, and are woken when that changes.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use irsa_api::{IamRoleBinding, OidcFederation, Publish};
use irsa_aws::{Connection, RoleToAssume};
use irsa_core::{
    admission::Guardrails,
    naming::{Tags, default_role_path, federation_id, partition_of, partition_of_region},
    plan::binding::PodSettings,
    trust::TrustProvider,
    vocabulary::{CLAIM, ConditionType, Reason},
};
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{Resource, ResourceExt};

use super::{
    guardrails::guardrails,
    inventory::Scope,
    pods::{notices, pod_defaults},
};

/// What a binding uses of its federation. While it stays equal, no binding needs to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Whether it can be used.
    pub(crate) state: State,
    /// Whether another instance of the cluster may work on its things.
    pub(crate) copied: bool,
    /// The mark of another instance that a person has declared void, whatever has become of the federation itself.
    pub(crate) claim: Option<String>,
    /// How its account is reached.
    pub(crate) connection: Connection,
    /// What its bindings may do.
    pub(crate) guardrails: Guardrails,
    /// Path of its roles.
    pub(crate) role_path: String,
    /// Tags of its roles.
    pub(crate) tags: Tags,
    /// The audience of bindings that name none.
    pub(crate) default_audience: String,
    /// What pods of its bindings get beside role and token, unless a binding says otherwise.
    pub(crate) pods: PodSettings,
}

/// Whether bindings can be made true through a federation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Its provider is registered, and this process has seen it Ready. A federation that is unwell for a while stays
    /// usable: its provider is still there.
    Usable(Provider),
    /// Registered, and not Ready since this process looks: only bindings that were Ready before go on.
    Unproven(Provider),
    /// Not registered yet.
    Unregistered,
    /// Its spec must change first.
    Stalled,
    /// On its way out.
    Deleting,
}

impl State {
    /// The account of its provider, once registered.
    pub(crate) fn account(&self) -> Option<&str> {
        match self {
            Self::Usable(provider) | Self::Unproven(provider) => Some(&provider.account),
            Self::Unregistered | Self::Stalled | Self::Deleting => None,
        }
    }
}

/// The registered IAM OIDC provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provider {
    /// As trust policies name it.
    pub(crate) trust: TrustProvider,
    /// `aws`, `aws-cn`, …
    pub(crate) partition: String,
    /// Twelve digits.
    pub(crate) account: String,
}

/// A federation as bindings know it.
#[derive(Debug, Clone)]
pub(crate) struct FederationView {
    /// What they use.
    pub(crate) usage: Usage,
    /// How often they are checked.
    pub(crate) interval: Duration,
    /// Where events about what a binding left behind go.
    pub(crate) reference: ObjectReference,
    /// Its id, which is in the paths and names of its roles unless its spec chooses others.
    pub(crate) id: String,
}

/// Which bindings of a federation a change of it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Concerns {
    /// None.
    Nobody,
    /// All.
    Everybody,
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
            Self::Pods { before, after } => notices(binding, before, after),
        }
    }
}

/// The federations of the cluster as bindings know them, kept by the watch.
#[derive(Debug, Default)]
pub(crate) struct FederationCache {
    known: Mutex<HashMap<String, FederationView>>,
}

impl FederationCache {
    /// The federation of this name.
    pub(crate) fn get(&self, name: &str) -> Option<FederationView> {
        self.lock().get(name).cloned()
    }

    /// Takes note of a federation; says which of its bindings must look again.
    pub(crate) fn observe(&self, federation: &OidcFederation) -> Concerns {
        let name = federation.name_any();
        let mut known = self.lock();
        let before = known.get(&name);
        let same_object = before.filter(|before| before.reference.uid == federation.uid());
        let proven = same_object.is_some_and(|before| matches!(before.usage.state, State::Usable(_)));
        let usage = usage_of(federation, proven);
        let concerns = Concerns::of(before.map(|before| &before.usage), &usage);
        let interval = federation.spec.interval.get();
        known.insert(
            name,
            FederationView {
                usage,
                interval,
                reference: federation.object_ref(&()),
                id: federation_id(&federation.spec.issuer),
            },
        );
        concerns
    }

    /// The ids of all.
    pub(crate) fn ids(&self) -> BTreeSet<String> {
        self.lock().values().map(|known| known.id.clone()).collect()
    }

    /// Forgets a federation; says whether it was known.
    pub(crate) fn forget(&self, name: &str) -> bool {
        self.lock().remove(name).is_some()
    }

    /// Forgets all federations but these, and names those forgotten.
    pub(crate) fn keep_only(&self, present: &HashSet<String>) -> Vec<String> {
        let mut known = self.lock();
        let gone: Vec<String> = known.keys().filter(|name| !present.contains(*name)).cloned().collect();
        known.retain(|name, _| present.contains(name));
        gone
    }

    /// Where roles of federations with a provider are, and how often each place is looked at.
    pub(crate) fn scopes(&self) -> HashMap<Scope, Duration> {
        let mut scopes = HashMap::new();
        for known in self
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
        self.lock().values().map(|known| Scope::of(&known.usage)).collect()
    }

    /// The federations whose roles are there.
    pub(crate) fn in_scope(&self, scope: &Scope) -> HashMap<String, FederationView> {
        let known = self.lock();
        let there = known.iter().filter(|(_, known)| Scope::of(&known.usage) == *scope);
        there.map(|(name, known)| (name.clone(), known.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, FederationView>> {
        // A poisoned lock means that another task panicked; the entries themselves are always whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn usage_of(federation: &OidcFederation, proven: bool) -> Usage {
    let spec = &federation.spec;
    let state = state(federation, proven);
    let connection = connection(federation);
    // Whatever its state: by it a bare policy name becomes an ARN, and roles that have that policy are judged meanwhile, too.
    let partition = registered(federation).map_or_else(
        || partition_of_region(&connection.region).to_owned(),
        |provider| provider.partition,
    );
    Usage {
        state,
        copied: is_copied(federation),
        claim: federation.annotations().get(CLAIM).cloned(),
        pods: pod_defaults(&spec.pods, &connection.region),
        connection,
        guardrails: guardrails(&spec.bindings, &spec.issuer, &partition, &spec.audiences),
        role_path: role_path(federation),
        tags: spec.tags.clone(),
        default_audience: spec.audiences.first().cloned().unwrap_or_default(),
    }
}

fn state(federation: &OidcFederation, proven: bool) -> State {
    if federation.metadata.deletion_timestamp.is_some() {
        return State::Deleting;
    }
    if is_true(federation, ConditionType::Stalled) {
        return State::Stalled;
    }
    match registered(federation) {
        Some(provider) if proven || is_true(federation, ConditionType::Ready) => State::Usable(provider),
        Some(provider) => State::Unproven(provider),
        None => State::Unregistered,
    }
}

fn is_copied(federation: &OidcFederation) -> bool {
    let conditions = federation.status.iter().flat_map(|status| &status.conditions);
    let ready = conditions
        .into_iter()
        .find(|one| one.type_ == ConditionType::Ready.as_str());
    ready.is_some_and(|ready| ready.reason == Reason::ClusterCopied.as_str())
}

fn is_true(federation: &OidcFederation, kind: ConditionType) -> bool {
    let conditions: &[Condition] = federation
        .status
        .as_ref()
        .map(|status| &*status.conditions)
        .unwrap_or_default();
    conditions
        .iter()
        .any(|condition| condition.type_ == kind.as_str() && condition.status == "True")
}

fn registered(federation: &OidcFederation) -> Option<Provider> {
    let arn = federation.status.as_ref()?.provider_arn.as_deref()?;
    let issuer = federation.spec.issuer.strip_prefix("https://")?;
    Some(Provider {
        trust: TrustProvider::new(arn, issuer),
        partition: partition_of(arn)?.to_owned(),
        account: arn.split(':').nth(4)?.to_owned(),
    })
}

/// The path of a federation's roles.
pub(crate) fn role_path(federation: &OidcFederation) -> String {
    let given = federation.spec.bindings.role_path.clone();
    given.unwrap_or_else(|| default_role_path(&federation.spec.issuer))
}

/// How a federation's account is reached.
pub(crate) fn connection(federation: &OidcFederation) -> Connection {
    let aws = &federation.spec.aws;
    let bucket_region = match &federation.spec.publish {
        Publish::S3(s3) => Some(s3.region.clone()),
        _ => None,
    };
    Connection {
        region: aws.region.clone().or(bucket_region).unwrap_or_default(),
        account_id: aws.account_id.clone(),
        assume_role: aws.assume_role.as_ref().map(|role| RoleToAssume {
            arn: role.arn.clone(),
            external_id: role.external_id.clone(),
        }),
    }
}

#[cfg(test)]
mod tests;
