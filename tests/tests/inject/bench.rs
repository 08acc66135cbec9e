use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use irsa_core::vocabulary::{
    CONFIRMED_FOR, EKS_ROLE_ARN, INJECT_LABEL, INJECT_LABEL_VALUE, POD_INSTANCE_METADATA, POD_REGION, POD_SESSION_NAME,
    POD_STS_REGIONAL_ENDPOINTS,
};
use irsa_testkit::controlplane::{ApiReply, ControlPlane, SharedControlPlane};
use serde_json::{Value, json};

static PLANE: SharedControlPlane = SharedControlPlane::new();

pub(crate) const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/irsa/0a1b2c3d/irsa-0a1b2c3d-team.app";
pub(crate) const VOLUME: &str = "aws-iam-token";
/// The volume's name where a pod has another volume of the first.
pub(crate) const SECOND_VOLUME: &str = "irsa-anywhere-token";
/// Where the token is mounted, as the AWS webhook does.
pub(crate) const DIRECTORY: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
/// Where it is mounted when something of the pod's own is in the way there.
pub(crate) const SECOND_DIRECTORY: &str = "/irsa-anywhere.dev/serviceaccount";
pub(crate) const REGION: &str = "eu-central-1";
/// Admission learns of a changed ServiceAccount or policy by a watch.
const WITHIN: Duration = Duration::from_secs(30);

/// A namespace of its own on a control plane where `config/inject` is applied.
pub(crate) struct Bench {
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) namespace: String,
}

impl Bench {
    pub(crate) async fn new(namespace: &str) -> Self {
        let plane = PLANE
            .get(ControlPlane::builder, async |plane: &ControlPlane| {
                let inject = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/inject");
                plane.apply_file(&inject, true).await.map(drop)
            })
            .await
            .unwrap();
        plane.create_namespace(namespace).await.unwrap();
        Self {
            plane,
            namespace: namespace.to_owned(),
        }
    }

    /// A bound ServiceAccount as the operator leaves it, with more annotations; returns once admission knows of it.
    pub(crate) async fn bind(&self, name: &str, annotations: &[(&str, &str)]) {
        let mut all = serde_json::Map::from_iter([(EKS_ROLE_ARN.to_owned(), json!(ROLE_ARN))]);
        all.extend(annotations.iter().map(|(key, value)| ((*key).to_owned(), json!(value))));
        self.service_account(name, json!({INJECT_LABEL: INJECT_LABEL_VALUE}), Value::Object(all))
            .await;
        self.confirm(name).await;
        self.until(name, true).await;
    }

    pub(crate) async fn service_account(&self, name: &str, labels: Value, annotations: Value) {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": name, "labels": labels, "annotations": annotations},
        });
        let path = format!("/api/v1/namespaces/{}/serviceaccounts", self.namespace);
        let reply = self.plane.client().unwrap().post(&path, &account).await.unwrap();
        assert!(reply.is_success(), "{}", reply.message());
    }

    /// As the operator does once a binding has looked at the ServiceAccount.
    pub(crate) async fn confirm(&self, name: &str) {
        let account = format!("/api/v1/namespaces/{}/serviceaccounts/{name}", self.namespace);
        let uid = self.plane.client().unwrap().get(&account).await.unwrap().body["metadata"]["uid"].clone();
        assert!(uid.is_string(), "{name}");
        self.patch_service_account(name, &json!({"metadata": {"annotations": {CONFIRMED_FOR: uid}}}))
            .await;
    }

    pub(crate) async fn patch_service_account(&self, name: &str, patch: &Value) {
        let account = format!("/api/v1/namespaces/{}/serviceaccounts/{name}", self.namespace);
        let reply = self.plane.client().unwrap().merge_patch(&account, patch).await.unwrap();
        assert!(reply.is_success(), "{}", reply.message());
    }

    /// Waits until pods of this ServiceAccount are injected, or are not any more.
    pub(crate) async fn until(&self, service_account: &str, injected: bool) {
        let started = Instant::now();
        loop {
            let pod = self.admit(&simple_pod(service_account)).await;
            if volume(&pod).is_some() == injected {
                return;
            }
            assert!(started.elapsed() < WITHIN, "injected is not {injected}: {pod:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The pod as admission leaves it; nothing is stored.
    pub(crate) async fn admit(&self, pod: &Value) -> Value {
        let reply = self.try_admit(pod).await;
        assert!(reply.is_success(), "{}", reply.message());
        reply.body
    }

    pub(crate) async fn try_admit(&self, pod: &Value) -> ApiReply {
        let path = format!("/api/v1/namespaces/{}/pods?dryRun=All", self.namespace);
        self.plane.client().unwrap().post(&path, pod).await.unwrap()
    }
}

/// Annotations of a ServiceAccount whose pods get all that there is.
pub(crate) fn settings() -> [(&'static str, &'static str); 4] {
    [
        (POD_REGION, REGION),
        (POD_SESSION_NAME, "PodName"),
        (POD_STS_REGIONAL_ENDPOINTS, "true"),
        (POD_INSTANCE_METADATA, "Disabled"),
    ]
}

/// One container without environment.
pub(crate) fn simple_pod(service_account: &str) -> Value {
    pod(
        service_account,
        json!({"containers": [{"name": "app", "image": "app"}]}),
    )
}

pub(crate) fn pod(service_account: &str, spec: Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "app-"}, "spec": spec});
    pod["spec"]["serviceAccountName"] = json!(service_account);
    pod
}

pub(crate) fn annotated(mut pod: Value, key: &str, value: &str) -> Value {
    pod["metadata"]["annotations"][key] = json!(value);
    pod
}

/// The injected volume.
pub(crate) fn volume(pod: &Value) -> Option<&Value> {
    pod["spec"]["volumes"]
        .as_array()?
        .iter()
        .find(|volume| volume["name"] == VOLUME)
}

/// Lifetime in seconds of the injected token.
pub(crate) fn expiration(pod: &Value) -> i64 {
    let source = &volume(pod).unwrap()["projected"]["sources"][0];
    source["serviceAccountToken"]["expirationSeconds"].as_i64().unwrap()
}

/// A container or init container by name.
pub(crate) fn container<'a>(pod: &'a Value, name: &str) -> &'a Value {
    ["containers", "initContainers"]
        .iter()
        .filter_map(|list| pod["spec"][list].as_array())
        .flatten()
        .find(|container| container["name"] == name)
        .unwrap_or_else(|| panic!("no container {name}: {pod:#}"))
}

/// Names and values of a container's environment, in order.
pub(crate) fn env(container: &Value) -> Vec<(&str, &str)> {
    let list = container["env"].as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .map(|item| {
            (
                item["name"].as_str().unwrap(),
                item["value"].as_str().unwrap_or_default(),
            )
        })
        .collect()
}

/// The value of a container's variable; of a field reference `field:` and its path.
pub(crate) fn variable(container: &Value, name: &str) -> Option<String> {
    let list = container["env"].as_array()?;
    let found = list.iter().find(|item| item["name"] == name)?;
    if let Some(field) = found.pointer("/valueFrom/fieldRef/fieldPath").and_then(Value::as_str) {
        return Some(format!("field:{field}"));
    }
    Some(found["value"].as_str().unwrap_or_default().to_owned())
}

/// The container's mounts of the injected volume.
pub(crate) fn mounts(container: &Value) -> Vec<&Value> {
    let list = container["volumeMounts"].as_array().map_or(&[][..], Vec::as_slice);
    list.iter().filter(|mount| mount["name"] == VOLUME).collect()
}
