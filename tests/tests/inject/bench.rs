//! A control plane on which both carriers inject, each in namespaces of its own: whatever a test does is done with each, and the pods
//! must be the same.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use futures::future::join_all;
use irsa_core::vocabulary::{
    CONFIRMED_FOR, EKS_ROLE_ARN, INJECT_LABEL, INJECT_LABEL_VALUE, POD_INSTANCE_METADATA, POD_REGION, POD_SESSION_NAME,
    POD_STS_REGIONAL_ENDPOINTS,
};
use irsa_testkit::controlplane::{ApiReply, ControlPlane};
use irsa_tests::world::{OPERATOR_NAMESPACE, Webhook, kubernetes_minor, repository};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;

static SHARED: Mutex<Weak<Shared>> = Mutex::const_new(Weak::new());

/// Label of a namespace: who injects there.
const CARRIER: &str = "test.irsa-anywhere.dev/carrier";

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

/// Who injects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Policy,
    Webhook,
    /// Both, one after the other.
    Both,
}

/// What Kubernetes of this version injects with; in 1.34 and 1.35 policies are there where both flags are set.
fn carriers(minor: u32) -> &'static [Carrier] {
    if minor >= 34 {
        &[Carrier::Policy, Carrier::Webhook, Carrier::Both]
    } else {
        &[Carrier::Webhook]
    }
}

impl Carrier {
    const fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Webhook => "webhook",
            Self::Both => "both",
        }
    }

    fn namespace(self, name: &str) -> String {
        format!("{name}-{}", self.name())
    }
}

/// What the tests of one binary share: made for the first, stopped after the last.
struct Shared {
    plane: ControlPlane,
    carriers: &'static [Carrier],
    /// Of admission, in which policies are served.
    version: &'static str,
    _webhook: Webhook,
    _directory: TempDir,
}

impl Shared {
    async fn get() -> Arc<Self> {
        let mut slot = SHARED.lock().await;
        if let Some(running) = slot.upgrade() {
            return running;
        }
        let shared = Arc::new(Self::start().await);
        *slot = Arc::downgrade(&shared);
        shared
    }

    async fn start() -> Self {
        let minor = kubernetes_minor().unwrap();
        let carriers = carriers(minor);
        let (version, overlay) = if minor >= 36 {
            ("v1", "config/inject")
        } else {
            ("v1beta1", "config/inject-v1beta1")
        };
        let mut builder = ControlPlane::builder();
        if carriers.contains(&Carrier::Policy) && version != "v1" {
            builder = builder
                .flag("--feature-gates=MutatingAdmissionPolicy=true")
                .flag("--runtime-config=admissionregistration.k8s.io/v1beta1=true");
        }
        let plane = builder.start().await.unwrap();
        plane.create_namespace(OPERATOR_NAMESPACE).await.unwrap();
        plane
            .apply_file(&repository().join("config/webhook"), true)
            .await
            .unwrap();
        let directory = tempfile::tempdir().unwrap();
        let webhook = Webhook::install(&plane, directory.path()).await.unwrap();
        let configuration = "v1/mutatingwebhookconfigurations/irsa-anywhere-webhook";
        confine(&plane, configuration, "/webhooks/0", Carrier::Webhook).await;
        if carriers.contains(&Carrier::Policy) {
            plane.apply_file(&repository().join(overlay), true).await.unwrap();
            let policy = format!("{version}/mutatingadmissionpolicies/irsa-anywhere-inject");
            confine(&plane, &policy, "/spec/matchConstraints", Carrier::Policy).await;
        }
        Self {
            plane,
            carriers,
            version,
            _webhook: webhook,
            _directory: directory,
        }
    }
}

/// Lets a carrier work in its own namespaces only.
async fn confine(plane: &ControlPlane, object: &str, at: &str, carrier: Carrier) {
    let path = format!("/apis/admissionregistration.k8s.io/{object}");
    let values = [carrier.name(), Carrier::Both.name()];
    let patch = json!([{
        "op": "add", "path": format!("{at}/namespaceSelector/matchExpressions/-"),
        "value": {"key": CARRIER, "operator": "In", "values": values},
    }]);
    let reply = plane.client().unwrap().json_patch(&path, &patch).await.unwrap();
    assert!(reply.is_success(), "{}", reply.message());
}

/// Namespaces of its own on a control plane where both carriers inject.
pub(crate) struct Bench {
    shared: Arc<Shared>,
    name: &'static str,
    /// The first of them.
    pub(crate) namespace: String,
}

impl Bench {
    pub(crate) async fn new(name: &'static str) -> Self {
        let shared = Shared::get().await;
        let bench = Self {
            namespace: shared.carriers[0].namespace(name),
            name,
            shared,
        };
        for carrier in bench.shared.carriers {
            let namespace = carrier.namespace(name);
            bench.plane().create_namespace(&namespace).await.unwrap();
            bench.label(&namespace, CARRIER, &json!(carrier.name())).await;
        }
        bench
    }

    /// Sets the label of all of its namespaces; `null` takes it away.
    pub(crate) async fn label_namespaces(&self, key: &str, value: &Value) {
        for namespace in self.namespaces() {
            self.label(&namespace, key, value).await;
        }
    }

    async fn label(&self, namespace: &str, key: &str, value: &Value) {
        let label = json!({"metadata": {"labels": {key: value}}});
        let path = format!("/api/v1/namespaces/{namespace}");
        let client = self.plane().client().unwrap();
        let reply = client.merge_patch(&path, &label).await.unwrap();
        assert!(reply.is_success(), "{}", reply.message());
    }

    pub(crate) fn plane(&self) -> &ControlPlane {
        &self.shared.plane
    }

    /// The API version of policies, where there are any.
    pub(crate) fn policies(&self) -> Option<&'static str> {
        let has_policy = self.shared.carriers.contains(&Carrier::Policy);
        has_policy.then_some(self.shared.version)
    }

    /// The namespaces, one for each carrier.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        let carriers = self.shared.carriers.iter();
        carriers.map(|carrier| carrier.namespace(self.name)).collect()
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
        for namespace in self.namespaces() {
            let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
            let reply = self.plane().client().unwrap().post(&path, &account).await.unwrap();
            assert!(reply.is_success(), "{}", reply.message());
        }
    }

    /// As the operator does once a binding has looked at the ServiceAccount.
    pub(crate) async fn confirm(&self, name: &str) {
        for namespace in self.namespaces() {
            let account = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}");
            let uid = self.plane().client().unwrap().get(&account).await.unwrap().body["metadata"]["uid"].clone();
            assert!(uid.is_string(), "{name}");
            let patch = json!({"metadata": {"annotations": {CONFIRMED_FOR: uid}}});
            let reply = self
                .plane()
                .client()
                .unwrap()
                .merge_patch(&account, &patch)
                .await
                .unwrap();
            assert!(reply.is_success(), "{}", reply.message());
        }
    }

    pub(crate) async fn patch_service_account(&self, name: &str, patch: &Value) {
        for namespace in self.namespaces() {
            let account = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}");
            let reply = self
                .plane()
                .client()
                .unwrap()
                .merge_patch(&account, patch)
                .await
                .unwrap();
            assert!(reply.is_success(), "{}", reply.message());
        }
    }

    /// Waits until pods of this ServiceAccount are injected everywhere, or are not any more.
    pub(crate) async fn until(&self, service_account: &str, injected: bool) {
        let started = Instant::now();
        loop {
            let replies = self.ask(&simple_pod(service_account)).await;
            let pods: Vec<Value> = replies.into_iter().map(|reply| reply.body).collect();
            if pods.iter().all(|pod| volume(pod).is_some() == injected) {
                return;
            }
            assert!(started.elapsed() < WITHIN, "injected is not {injected}: {pods:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The pod as admission leaves it; nothing is stored.
    pub(crate) async fn admit(&self, pod: &Value) -> Value {
        let reply = self.try_admit(pod).await;
        assert!(reply.is_success(), "{}", reply.message());
        reply.body
    }

    /// What the API server says to the pod, which must be the same whoever injects.
    pub(crate) async fn try_admit(&self, pod: &Value) -> ApiReply {
        let mut replies = self.ask(pod).await;
        let first = replies.remove(0);
        for (reply, carrier) in replies.iter().zip(&self.shared.carriers[1..]) {
            assert_eq!(reply.status, first.status, "{carrier:?}: {}\n{pod:#}", reply.message());
            if first.is_success() {
                let (policy, other) = (comparable(&first.body), comparable(&reply.body));
                assert_eq!(other, policy, "{carrier:?} and the policy alone differ\n{pod:#}");
            }
        }
        first
    }

    /// What the API server says to the pod in each namespace, whether it is the same or not.
    pub(crate) async fn ask(&self, pod: &Value) -> Vec<ApiReply> {
        let asking = self.namespaces().into_iter().map(async |namespace| {
            let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
            self.plane().client().unwrap().post(&path, pod).await.unwrap()
        });
        join_all(asking).await
    }
}

/// What of a pod does not differ from one creation to the next: its spec, without the random name of the API token's volume.
fn comparable(pod: &Value) -> Value {
    let mut spec = pod["spec"].clone();
    let random = spec["volumes"].as_array().into_iter().flatten().find_map(|volume| {
        let name = volume["name"].as_str()?;
        name.starts_with("kube-api-access-").then(|| name.to_owned())
    });
    if let Some(random) = random {
        spec = serde_json::from_str(&spec.to_string().replace(&random, "kube-api-access")).unwrap();
    }
    spec
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
