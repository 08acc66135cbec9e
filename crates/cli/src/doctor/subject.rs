//! Whom the question is about: the ServiceAccount, its binding and federation, and the pod if one was named.

use irsa_api::{IamRoleBinding, OidcFederation};
use irsa_core::explain::Fact;
use irsa_pipeline::spec::{
    federation_view::{FederationView, connection},
    pods::pods,
};
use kube::ResourceExt;
use serde_json::Value;

use crate::{args::DoctorTarget, cluster::Cluster, failure::Failure};

/// Whom the question is about.
pub(crate) struct BoundAccount {
    /// Its namespace.
    pub(crate) namespace: String,
    /// The ServiceAccount's name.
    pub(crate) account: String,
    /// The pod, if one was named.
    pub(crate) pod: Option<Value>,
    /// The binding of its namespace that names the ServiceAccount; the oldest of several.
    pub(crate) binding: Fact<Option<IamRoleBinding>>,
    /// The binding's federation.
    pub(crate) federation: Fact<Option<OidcFederation>>,
}

impl BoundAccount {
    /// The region of the federation; empty where that is not known.
    pub(crate) fn region(&self) -> String {
        let federation = self.federation.as_ref().ok().and_then(Option::as_ref);
        federation
            .map(|federation| connection(federation).region)
            .unwrap_or_default()
    }
}

impl BoundAccount {
    /// The region that its pods get, if they get one.
    pub(crate) fn pods_region(&self) -> Option<String> {
        let binding = self.binding.as_ref().ok()?.as_ref()?;
        let federation = self.federation.as_ref().ok()?.as_ref()?;
        pods(binding, &FederationView::of(federation, true).usage.pods).region
    }
}

/// Finds it.
///
/// # Errors
/// The object that was named is not there, or cannot be read.
pub(crate) async fn find(cluster: &Cluster, target: &DoctorTarget) -> Result<BoundAccount, Failure> {
    let namespace = cluster.namespace.clone();
    match target {
        DoctorTarget::Pod { name } => {
            let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
            let pod = needed(cluster.object(&path).await, &format!("pod {namespace}/{name}"))?;
            let account = pod.pointer("/spec/serviceAccountName").and_then(Value::as_str);
            let account = account.unwrap_or("default").to_owned();
            Ok(bound(cluster, namespace, account, Some(pod)).await)
        }
        DoctorTarget::Serviceaccount { name } => {
            let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}");
            needed(
                cluster.object(&path).await,
                &format!("ServiceAccount {namespace}/{name}"),
            )?;
            Ok(bound(cluster, namespace, name.clone(), None).await)
        }
        DoctorTarget::Federation { name } => Err(format!("the OidcFederation {name} has no ServiceAccount").into()),
        DoctorTarget::Binding { name, service_account } => {
            let bindings = cluster.bindings(&namespace).await;
            let what = format!("IamRoleBinding {namespace}/{name}");
            let found = bindings.map(|all| all.into_iter().find(|binding| binding.name_any() == *name));
            let binding = needed(found, &what)?;
            let account = account_of(&binding, service_account.as_deref())?;
            Ok(with_federation(cluster, namespace, account, None, Ok(Some(binding))).await)
        }
    }
}

fn needed<T>(found: Fact<Option<T>>, what: &str) -> Result<T, Failure> {
    match found {
        Ok(Some(object)) => Ok(object),
        Ok(None) => Err(format!("there is no {what}; see --namespace and --context").into()),
        Err(unseen) => Err(format!("the {what} cannot be read: {unseen}").into()),
    }
}

fn account_of(binding: &IamRoleBinding, wanted: Option<&str>) -> Result<String, Failure> {
    let mut accounts = binding
        .spec
        .service_accounts
        .iter()
        .map(|account| account.name.as_str());
    match wanted {
        None => accounts.next().map(str::to_owned),
        Some(wanted) => accounts.find(|name| *name == wanted).map(str::to_owned),
    }
    .ok_or_else(|| {
        format!(
            "the IamRoleBinding {} does not name that ServiceAccount",
            binding.name_any()
        )
        .into()
    })
}

async fn bound(cluster: &Cluster, namespace: String, account: String, pod: Option<Value>) -> BoundAccount {
    let bindings = cluster.bindings(&namespace).await;
    // One that is being deleted binds nobody any more.
    let goes_on = |binding: &IamRoleBinding| binding.metadata.deletion_timestamp.is_none();
    let names = |binding: &IamRoleBinding| {
        goes_on(binding) && binding.spec.service_accounts.iter().any(|named| named.name == account)
    };
    let binding = bindings.map(|all| all.into_iter().find(names));
    with_federation(cluster, namespace, account, pod, binding).await
}

async fn with_federation(
    cluster: &Cluster,
    namespace: String,
    account: String,
    pod: Option<Value>,
    binding: Fact<Option<IamRoleBinding>>,
) -> BoundAccount {
    let federation = match &binding {
        Ok(Some(binding)) => cluster.federation(&binding.spec.federation_ref.name).await,
        Ok(None) => Ok(None),
        Err(unseen) => Err(unseen.clone()),
    };
    BoundAccount {
        namespace,
        account,
        pod,
        binding,
        federation,
    }
}
