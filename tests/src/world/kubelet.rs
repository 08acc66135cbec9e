//! What nodes would do: pods run and are ready.

use std::time::Duration;

use irsa_testkit::controlplane::ApiClient;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::objects::says;

/// Makes every pod ready, until it is dropped.
#[derive(Debug)]
pub struct Kubelet(JoinHandle<()>);

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Kubelet {
    /// From now on every pod runs, and those that there are.
    pub fn start(client: ApiClient) -> Self {
        Self(tokio::spawn(async move {
            loop {
                // An API server that is restarted does not answer for a while.
                if let Ok(pods) = client.get("/api/v1/pods").await {
                    let pods = pods.body.get("items").and_then(Value::as_array);
                    for pod in pods.into_iter().flatten().filter(|pod| !says(pod, "Ready", "True")) {
                        let _ = client
                            .merge_patch(&status_of(pod), &json!({"status": running(pod)}))
                            .await;
                    }
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }))
    }
}

fn status_of(pod: &Value) -> String {
    let field = |name: &str| {
        pod.pointer(&format!("/metadata/{name}"))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    format!(
        "/api/v1/namespaces/{}/pods/{}/status",
        field("namespace"),
        field("name")
    )
}

fn running(pod: &Value) -> Value {
    let now = "2026-01-01T00:00:00Z";
    let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"]
        .map(|kind| json!({"type": kind, "status": "True", "lastTransitionTime": now}));
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    let containers = containers.into_iter().flatten();
    let containers: Vec<Value> = containers
        .map(|container| {
            json!({"name": container.get("name"), "image": container.get("image"), "imageID": "", "ready": true, "started": true,
                   "restartCount": 0, "state": {"running": {"startedAt": now}}})
        })
        .collect();
    json!({"phase": "Running", "startTime": now, "conditions": conditions, "containerStatuses": containers})
}
