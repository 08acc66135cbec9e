//! What the cluster says around a binding.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use irsa_api::{IamRoleBinding, OidcFederation, ServiceAccountMode};
use irsa_aws::Connection;
use irsa_core::{
    admission::Labels,
    import::TrustedAccount,
    proof::AccountName,
    vocabulary::{ConditionType, Reason},
};
use irsa_pipeline::{
    binding::{
        observe::{context::Context, service_accounts::ObservedAccounts},
        validate::conflicts::Conflicts,
    },
    spec::{
        federation_view::{FederationView, connection},
        identity::bound_before,
    },
    step_error::StepError,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{ResourceExt, api::ObjectMeta};

use crate::{cluster::Cluster, failure::Failure, manifests::Manifests};

/// Longest that the reads of ServiceAccounts may take together.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the cluster says around a binding.
pub(super) struct Surroundings {
    pub(super) binding: IamRoleBinding,
    /// UID of the namespace kube-system.
    pub(super) cluster: String,
    /// All bindings of the cluster.
    pub(super) others: Arc<Vec<IamRoleBinding>>,
    /// How whoever asks reaches the account.
    pub(super) connection: Connection,
    federations: BTreeMap<String, Arc<FederationView>>,
    federation: Arc<FederationView>,
    labels: Arc<BTreeMap<String, Labels>>,
}

impl Surroundings {
    pub(super) fn context(&self) -> Context {
        let conflicts = Conflicts::of(&self.binding, self.others.iter());
        let namespace = self.binding.namespace().unwrap_or_default();
        Context {
            federation: Arc::clone(&self.federation),
            labels: self.labels_of(&namespace).unwrap_or_default(),
            older_roles: conflicts.older_roles(|_| false),
            // Roles without a binding are known to who lists the account.
            retained_roles: 0,
        }
    }

    pub(super) fn federation_of(&self, name: &str) -> Option<Arc<FederationView>> {
        self.federations.get(name).cloned()
    }

    pub(super) fn federation_ids(&self) -> Arc<BTreeSet<String>> {
        Arc::new(self.federations.values().map(|view| view.id.clone()).collect())
    }

    pub(super) fn labels_of(&self, namespace: &str) -> Option<Labels> {
        self.labels.get(namespace).cloned()
    }

    /// The role that ServiceAccounts of before were annotated with.
    pub(super) fn annotated_with(&self, arn: &str) -> String {
        let status = self.binding.status.as_ref();
        status
            .and_then(|status| status.role_arn.clone())
            .unwrap_or_else(|| arn.to_owned())
    }
}

/// The objects of the cluster that plans rest on.
pub(crate) struct Live {
    /// UID of the namespace kube-system.
    pub(crate) cluster: String,
    pub(crate) federations: Vec<OidcFederation>,
    bindings: Arc<Vec<IamRoleBinding>>,
    labels: Arc<BTreeMap<String, Labels>>,
}

/// Looks at the cluster.
///
/// # Errors
/// Something cannot be read without which nothing can be planned.
pub(crate) async fn live(cluster: &Cluster) -> Result<Live, Failure> {
    let unread = |what: &str| {
        let what = what.to_owned();
        move |unseen: irsa_core::explain::Unseen| format!("{what} cannot be read: {unseen}")
    };
    let system = cluster
        .object("/api/v1/namespaces/kube-system")
        .await
        .map_err(unread("the namespace kube-system"))?;
    let uid = system
        .as_ref()
        .and_then(|system| system.pointer("/metadata/uid"))
        .and_then(|uid| uid.as_str());
    let kinds = cluster.has_our_kinds().await;
    let (federations, bindings) = if kinds.map_err(unread("the API group irsa-anywhere.dev"))? {
        (
            cluster.federations().await.map_err(unread("the OidcFederations"))?,
            cluster
                .all_bindings()
                .await
                .map_err(unread("the IamRoleBindings of all namespaces"))?,
        )
    } else {
        // Nothing of ours is installed yet.
        (Vec::new(), Vec::new())
    };
    Ok(Live {
        cluster: uid.unwrap_or_default().to_owned(),
        federations,
        bindings: Arc::new(bindings),
        labels: Arc::new(cluster.namespace_labels().await.map_err(unread("the namespaces"))?),
    })
}

impl Live {
    /// A binding of the cluster.
    ///
    /// # Errors
    /// It is not there.
    pub(super) fn binding(&self, namespace: &str, name: &str) -> Result<IamRoleBinding, Failure> {
        let found = self
            .bindings
            .iter()
            .find(|binding| is_named(*binding, Some(namespace), name));
        found.cloned().ok_or_else(|| {
            format!("there is no IamRoleBinding {namespace}/{name}; see --namespace and --context").into()
        })
    }

    /// A federation of the cluster.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn federation(&self, name: &str) -> Result<OidcFederation, Failure> {
        let found = self.federations.iter().find(|federation| federation.name_any() == name);
        found
            .cloned()
            .ok_or_else(|| format!("there is no OidcFederation {name}; see --context").into())
    }

    /// Namespace and name of each binding.
    pub(crate) fn binding_names(&self) -> BTreeSet<(String, String)> {
        let name = |binding: &IamRoleBinding| (binding.namespace().unwrap_or_default(), binding.name_any());
        self.bindings.iter().map(name).collect()
    }

    /// Each ServiceAccount that a binding names, with the binding's role where that is known, or its name.
    pub(crate) fn bound(&self) -> Vec<TrustedAccount> {
        let of_binding = |binding: &IamRoleBinding| {
            let namespace = binding.namespace().unwrap_or_default();
            // One that is not made or handed over yet has a name at the most.
            let named = binding.spec.role.name.as_deref();
            let role = role_of(binding).or(named).unwrap_or_default().to_owned();
            let names = binding.spec.service_accounts.iter().map(|account| account.name.clone());
            let bound = names.map(move |name| TrustedAccount {
                account: AccountName {
                    namespace: namespace.clone(),
                    name,
                },
                role: role.clone(),
            });
            bound.collect::<Vec<_>>()
        };
        self.bindings.iter().flat_map(of_binding).collect()
    }

    /// Objects of a file as they would be once they were applied: with what the cluster has of them beside their spec.
    pub(super) fn as_applied(&self, wanted: Manifests) -> (Vec<OidcFederation>, Vec<IamRoleBinding>) {
        let federations = wanted.federations.into_iter().map(|federation| {
            let live = self
                .federations
                .iter()
                .find(|live| live.name_any() == federation.name_any());
            match live.cloned() {
                Some(live) => OidcFederation {
                    spec: federation.spec,
                    metadata: next(live.metadata),
                    ..live
                },
                None => new(federation),
            }
        });
        let bindings = wanted.bindings.into_iter().map(|binding| {
            let namespace = binding.namespace();
            let name = binding.name_any();
            let live = self
                .bindings
                .iter()
                .find(|live| is_named(*live, namespace.as_deref(), &name));
            match live.cloned() {
                Some(live) => IamRoleBinding {
                    spec: binding.spec,
                    metadata: next(live.metadata),
                    ..live
                },
                None => new(binding),
            }
        });
        (federations.collect(), bindings.collect())
    }

    /// With these in the place of what is there.
    pub(crate) fn with(mut self, federations: &[OidcFederation], bindings: &[IamRoleBinding]) -> Self {
        if !bindings.is_empty() {
            let replaced = |live: &&IamRoleBinding| {
                let (namespace, name) = (live.namespace(), live.name_any());
                !bindings
                    .iter()
                    .any(|binding| is_named(binding, namespace.as_deref(), &name))
            };
            let kept = self.bindings.iter().filter(replaced);
            self.bindings = Arc::new(kept.chain(bindings).cloned().collect());
        }
        for federation in federations {
            self.federations.retain(|live| live.name_any() != federation.name_any());
            self.federations.push(federation.clone());
        }
        self
    }

    /// What surrounds a binding.
    ///
    /// # Errors
    /// There is no such federation.
    pub(super) fn around(&self, binding: &IamRoleBinding) -> Result<Surroundings, StepError> {
        let view = |federation: &OidcFederation| {
            // Whoever plans believes what the status says.
            (federation.name_any(), Arc::new(FederationView::of(federation, true)))
        };
        let name = &binding.spec.federation_ref.name;
        let own = self
            .federations
            .iter()
            .find(|federation| federation.name_any() == *name);
        let own = own.ok_or_else(|| {
            let message = format!("There is no OidcFederation {name}; create it or correct spec.federationRef.");
            StepError::new(ConditionType::RoleSynced, Reason::FederationNotFound, message)
        })?;
        Ok(Surroundings {
            cluster: self.cluster.clone(),
            connection: Connection {
                account_id: own.status.as_ref().and_then(|status| status.account_id.clone()),
                // The role that the operator takes is not the role of whoever asks.
                assume_role: None,
                ..connection(own)
            },
            federation: Arc::new(FederationView::of(own, true)),
            federations: self.federations.iter().map(view).collect(),
            binding: binding.clone(),
            others: Arc::clone(&self.bindings),
            labels: Arc::clone(&self.labels),
        })
    }
}

/// The role of a binding: the one that it has, or the one of somebody else's that it names.
pub(crate) fn role_of(binding: &IamRoleBinding) -> Option<&str> {
    let made = binding.status.as_ref().and_then(|status| status.role_arn.as_deref());
    made.or_else(|| Some(binding.spec.existing_role.as_ref()?.arn.as_str()))
}

/// An object that is not there yet is younger than all that are.
pub(crate) fn new<K: ResourceExt>(mut object: K) -> K {
    object.meta_mut().creation_timestamp = Some(Time(Timestamp::now()));
    object
}

fn is_named(object: &impl ResourceExt, namespace: Option<&str>, name: &str) -> bool {
    object.namespace().as_deref() == namespace && object.name_any() == name
}

/// Its spec is another one, so what was said of the last is not said of this.
fn next(metadata: ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        generation: metadata.generation.map(|generation| generation + 1),
        ..metadata
    }
}

/// The ServiceAccounts that the binding binds, or may have bound.
pub(super) async fn accounts(cluster: &Cluster, binding: &IamRoleBinding) -> ObservedAccounts {
    let binds = binding.spec.service_account_mode != ServiceAccountMode::None;
    let named = binding.spec.service_accounts.iter().filter(|_| binds);
    let named = named.map(|account| account.name.clone());
    let names: BTreeSet<String> = bound_before(binding).into_iter().chain(named).collect();
    let late = StepError::new(
        ConditionType::ServiceAccountsSynced,
        Reason::ApiServerUnavailable,
        format!("The ServiceAccounts could not be read within {} s.", PATIENCE.as_secs()),
    );
    let api = cluster.service_accounts(&binding.namespace().unwrap_or_default());
    ObservedAccounts::read(&api, names, tokio::time::sleep(PATIENCE), &late).await
}
