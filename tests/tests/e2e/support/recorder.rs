//! Every version of every object of ours, as a watch shows them: what GitOps tools get to see.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt;
use kube::{
    Api, Client, Config,
    api::{ApiResource, DynamicObject, GroupVersionKind, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// Longest that anything may take to become so.
const DEADLINE: Duration = Duration::from_secs(90);

/// All versions, oldest first.
type Versions = Arc<Mutex<Vec<Value>>>;

/// Watches both kinds from the moment it is made.
pub(crate) struct Recorder {
    versions: Versions,
}

impl Recorder {
    /// Watches as the owner of this kubeconfig. Objects that exist already are seen as they are now.
    pub(crate) async fn start(kubeconfig: &Path) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .unwrap();
        let client = Client::try_from(config).unwrap();
        let versions = Versions::default();
        for kind in ["OidcFederation", "IamRoleBinding"] {
            let kind = GroupVersionKind::gvk("irsa-anywhere.dev", "v1alpha1", kind);
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &ApiResource::from_gvk(&kind));
            let all = WatchParams::default().timeout(290);
            let mut events = api.watch(&all, "0").await.unwrap().boxed();
            let versions = versions.clone();
            tokio::spawn(async move {
                while let Some(event) = events.next().await {
                    if let Ok(WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object)) =
                        event
                    {
                        versions.lock().unwrap().push(serde_json::to_value(object).unwrap());
                    }
                }
            });
        }
        Self { versions }
    }

    /// Everything seen so far.
    pub(crate) fn versions(&self) -> Vec<Value> {
        self.versions.lock().unwrap().clone()
    }

    /// The versions of each object, oldest first.
    pub(crate) fn histories(&self) -> Vec<Vec<Value>> {
        let mut histories: Vec<Vec<Value>> = Vec::new();
        for version in self.versions() {
            let known = histories
                .iter_mut()
                .find(|history| history[0]["metadata"]["uid"] == version["metadata"]["uid"]);
            match known {
                Some(history) => history.push(version),
                None => histories.push(vec![version]),
            }
        }
        histories
    }

    /// Waits until the newest version of an object is as wanted. `namespace` is empty for a federation.
    pub(crate) async fn wait_for(&self, namespace: &str, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let newest = self.versions().into_iter().rev().find(|object| {
                let metadata = &object["metadata"];
                metadata["name"] == name && metadata["namespace"].as_str().unwrap_or_default() == namespace
            });
            match newest {
                Some(object) if wanted(&object) => return object,
                other if Instant::now() > deadline => panic!("{namespace}/{name} stays {other:#?}"),
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    }
}
