use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use irsa_core::vocabulary::{EKS_ROLE_ARN, INJECT_LABEL, INJECT_LABEL_MANUAL};
use irsa_testkit::controlplane::ControlPlane;
use irsa_tests::world::{OPERATOR_NAMESPACE, Webhook, pods::variable, repository};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Text as it is in a Secret and in a configuration.
pub(crate) fn encoded(text: &str) -> String {
    STANDARD.encode(text)
}

/// The same back; what is not there is empty.
pub(crate) fn decoded(value: &Value) -> String {
    let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).unwrap();
    String::from_utf8(bytes).unwrap()
}

const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/app";

/// A cluster with `config/webhook` and a bound ServiceAccount `app`; no webhook runs yet.
pub(crate) struct Bench {
    pub(crate) cluster: ControlPlane,
    directory: TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let cluster = ControlPlane::builder().audit(true).start().await.unwrap();
        cluster.create_namespace(OPERATOR_NAMESPACE).await.unwrap();
        let bench = Self {
            cluster,
            directory: tempfile::tempdir().unwrap(),
        };
        bench.apply().await;
        bench.bind("app").await;
        bench
    }

    /// Applies `config/webhook`, as whoever keeps it in Git does again and again.
    pub(crate) async fn apply(&self) {
        self.cluster
            .apply_file(&repository().join("config/webhook"), true)
            .await
            .unwrap();
    }

    pub(crate) async fn bind(&self, name: &str) {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {
                "name": name, "namespace": "default", "labels": {INJECT_LABEL: INJECT_LABEL_MANUAL},
                "annotations": {EKS_ROLE_ARN: ROLE_ARN},
            },
        });
        let path = "/api/v1/namespaces/default/serviceaccounts";
        let reply = self.cluster.client().unwrap().post(path, &account).await.unwrap();
        assert!(reply.is_success(), "{}", reply.message());
    }

    /// A replica that nobody asks yet.
    pub(crate) async fn start(&self, arguments: &[&str]) -> Webhook {
        Webhook::start(&self.cluster, self.directory.path(), arguments)
            .await
            .unwrap()
    }

    /// A replica that is asked and is ready.
    pub(crate) async fn ready(&self, arguments: &[&str]) -> Webhook {
        let webhook = self.start(arguments).await;
        webhook.ask_this_one(&self.cluster).await.unwrap();
        webhook.ready().await.unwrap();
        webhook
    }

    /// Whether a pod of this ServiceAccount that is created now gets its role.
    pub(crate) async fn is_injected(&self, account: &str) -> bool {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "app-"},
            "spec": {"serviceAccountName": account, "containers": [{"name": "app", "image": "app"}]},
        });
        let path = "/api/v1/namespaces/default/pods?dryRun=All";
        let reply = self.cluster.client().unwrap().post(path, &pod).await.unwrap();
        assert!(reply.is_success(), "a pod is never refused: {}", reply.message());
        variable(&reply.body, "AWS_ROLE_ARN") == Some(ROLE_ARN)
    }

    /// Creates pods all the time that `act` takes: all of them must get their role. How many there were.
    pub(crate) async fn meanwhile<T>(&self, act: impl Future<Output = T>) -> (T, usize) {
        let (done, count) = (AtomicBool::new(false), AtomicUsize::new(0));
        let creating = async {
            while !done.load(Ordering::Relaxed) {
                assert!(self.is_injected("app").await, "a pod came without its role");
                count.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let acting = async {
            let result = act.await;
            done.store(true, Ordering::Relaxed);
            result
        };
        let (result, ()) = tokio::join!(Box::pin(acting), creating);
        (result, count.into_inner())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let reply = self.cluster.client().unwrap().get(path).await.unwrap();
        assert!(reply.is_success(), "{}", reply.message());
        reply.body
    }

    pub(crate) async fn patch(&self, path: &str, patch: &Value) {
        let reply = self.cluster.client().unwrap().merge_patch(path, patch).await.unwrap();
        assert!(reply.is_success(), "{}", reply.message());
    }

    /// An entry of the certificate's Secret, as text.
    pub(crate) async fn held(&self, webhook: &Webhook, key: &str) -> String {
        decoded(&self.get(&webhook.secret()).await["data"][key])
    }

    /// Whom API servers trust.
    pub(crate) async fn trusted(&self, webhook: &Webhook) -> String {
        let configuration = self.get(&webhook.configuration()).await;
        decoded(&configuration["webhooks"][0]["clientConfig"]["caBundle"])
    }

    /// Waits until it is so, for half a minute.
    pub(crate) async fn until(&self, what: &str, mut so: impl AsyncFnMut() -> bool) {
        for _ in 0..300 {
            if so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("not yet: {what}");
    }
}
