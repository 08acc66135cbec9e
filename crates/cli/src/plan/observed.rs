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
use kube::ResourceExt;

use crate::{cluster::Cluster, failure::Failure};

/// Longest that the reads of ServiceAccounts may take together.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the cluster says around a binding.
pub(super) struct Surroundings {
    pub(super) binding: IamRoleBinding,
    /// UID of the namespace kube-system.
    pub(super) cluster: String,
    /// All bindings of the cluster.
    pub(super) others: Vec<IamRoleBinding>,
    /// How whoever asks reaches the account.
    pub(super) connection: Connection,
    federations: BTreeMap<String, Arc<FederationView>>,
    federation: Arc<FederationView>,
    labels: BTreeMap<String, Labels>,
}

impl Surroundings {
    pub(super) fn context(&self) -> Context {
        let conflicts = Conflicts::of(&self.binding, &self.others);
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

/// A binding of the cluster.
///
/// # Errors
/// It is not there or cannot be read.
pub(super) async fn binding(cluster: &Cluster, namespace: &str, name: &str) -> Result<IamRoleBinding, Failure> {
    let found = cluster.bindings(namespace).await;
    let found = found.map_err(|unseen| format!("the bindings of {namespace} cannot be listed: {unseen}"))?;
    let named = found.into_iter().find(|binding| binding.name_any() == name);
    named.ok_or_else(|| format!("there is no IamRoleBinding {namespace}/{name}; see --namespace and --context").into())
}

/// Bindings of a file as they would be once they were applied: with what the cluster has of them beside their spec.
///
/// # Errors
/// The bindings of a namespace cannot be listed.
pub(super) async fn as_applied(cluster: &Cluster, wanted: Vec<IamRoleBinding>) -> Result<Vec<IamRoleBinding>, Failure> {
    let mut applied = Vec::new();
    for binding in wanted {
        let namespace = binding.namespace().unwrap_or_default();
        let found = cluster.bindings(&namespace).await;
        let found = found.map_err(|unseen| format!("the bindings of {namespace} cannot be listed: {unseen}"))?;
        let live = found
            .into_iter()
            .find(|live| live.metadata.name == binding.metadata.name);
        applied.push(match live {
            Some(live) => IamRoleBinding {
                spec: binding.spec,
                // Its spec is another one, so what was said of the last is not said of this.
                metadata: kube::api::ObjectMeta {
                    generation: live.metadata.generation.map(|generation| generation + 1),
                    ..live.metadata
                },
                ..live
            },
            None => binding,
        });
    }
    Ok(applied)
}

/// What surrounds a binding.
///
/// # Errors
/// Something cannot be read without which nothing can be planned.
pub(super) async fn surroundings(cluster: &Cluster, binding: &IamRoleBinding) -> Result<Surroundings, Failure> {
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
    let federations = cluster.federations().await.map_err(unread("the OidcFederations"))?;
    let others = cluster
        .all_bindings()
        .await
        .map_err(unread("the IamRoleBindings of all namespaces"))?;
    let labels = cluster.namespace_labels().await.map_err(unread("the namespaces"))?;
    let view = |federation: &OidcFederation| {
        // Whoever plans believes what the status says.
        (federation.name_any(), Arc::new(FederationView::of(federation, true)))
    };
    let views: BTreeMap<String, Arc<FederationView>> = federations.iter().map(view).collect();
    let name = &binding.spec.federation_ref.name;
    let own = federations.iter().find(|federation| federation.name_any() == *name);
    let own =
        own.ok_or_else(|| format!("there is no OidcFederation {name}; create it or correct spec.federationRef"))?;
    Ok(Surroundings {
        cluster: uid.unwrap_or_default().to_owned(),
        connection: Connection {
            account_id: own.status.as_ref().and_then(|status| status.account_id.clone()),
            // The role that the operator takes is not the role of whoever asks.
            assume_role: None,
            ..connection(own)
        },
        federation: Arc::new(FederationView::of(own, true)),
        federations: views,
        binding: binding.clone(),
        others,
        labels,
    })
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
