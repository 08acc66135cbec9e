//! What injection looks at of a pod, as the API server sends it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::vocabulary::{EKS_SKIP_CONTAINERS, EKS_SKIP_POD, EKS_TOKEN_EXPIRATION};

/// Linux opens no file by a longer one (`PATH_MAX`).
const LONGEST_PATH: usize = 4096;

/// A pod with what injection looks at, and nothing else of it. Read from the pod's JSON.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PodView {
    pub(super) metadata: PodMetadata,
    pub(super) spec: PodSpecView,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct PodMetadata {
    pub(super) name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodSpecView {
    service_account_name: Option<String>,
    os: Option<PodOs>,
    node_selector: Option<BTreeMap<String, String>>,
    pub(super) volumes: Option<Vec<VolumeView>>,
    pub(super) containers: Option<Vec<ContainerView>>,
    pub(super) init_containers: Option<Vec<ContainerView>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct PodOs {
    name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct VolumeView {
    pub(super) name: String,
    projected: Option<ProjectedView>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct ProjectedView {
    // The API server writes null for none.
    sources: Option<Vec<ProjectionView>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ProjectionView {
    service_account_token: Option<TokenProjection>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct TokenProjection {
    audience: String,
    path: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerView {
    pub(super) name: String,
    pub(super) env: Option<Vec<EnvView>>,
    pub(super) env_from: Option<Vec<EnvFromView>>,
    pub(super) volume_mounts: Option<Vec<MountView>>,
    pub(super) volume_devices: Option<Vec<DeviceView>>,
    pub(super) termination_message_path: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct EnvView {
    pub(super) name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct EnvFromView {
    pub(super) prefix: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct MountView {
    pub(super) name: String,
    pub(super) mount_path: String,
    pub(super) sub_path: String,
    pub(super) sub_path_expr: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct DeviceView {
    pub(super) device_path: String,
}

/// The token's file in each volume, by the volume's name, that has a token for the audience and nothing else that could take its place.
pub(super) type TokenFiles<'a> = BTreeMap<&'a str, &'a str>;

impl PodView {
    /// A pod by the JSON of what is looked at of it, as whoever has found these in the pod's JSON has them.
    ///
    /// # Errors
    /// For what no pod has there.
    pub fn of_parts(
        name: Option<&str>,
        labels: Option<&str>,
        annotations: Option<&str>,
        spec: Option<&str>,
    ) -> serde_json::Result<Self> {
        Ok(Self {
            metadata: PodMetadata {
                name: name.map(serde_json::from_str).transpose()?,
                labels: labels.map(serde_json::from_str).transpose()?,
                annotations: annotations.map(serde_json::from_str).transpose()?,
            },
            spec: spec.map(serde_json::from_str).transpose()?.unwrap_or_default(),
        })
    }

    /// The name of its ServiceAccount; empty where none is named, which the API server itself fills in before it asks.
    pub fn service_account(&self) -> &str {
        self.spec.service_account_name.as_deref().unwrap_or_default()
    }

    /// How many containers it has, init containers included.
    pub fn containers(&self) -> usize {
        let count = |list: &Option<Vec<ContainerView>>| list.as_ref().map_or(0, Vec::len);
        count(&self.spec.containers) + count(&self.spec.init_containers)
    }

    /// Whether the pod is to be kept as it is, by the AWS webhook's label.
    pub(super) fn is_skipped(&self) -> bool {
        let labels = self.metadata.labels.as_ref();
        labels.is_some_and(|labels| labels.contains_key(EKS_SKIP_POD))
    }

    pub(super) fn is_windows(&self) -> bool {
        let selected = |key: &str| {
            let selector = self.spec.node_selector.as_ref();
            selector.and_then(|selector| selector.get(key)).map(String::as_str) == Some("windows")
        };
        self.spec.os.as_ref().is_some_and(|os| os.name == "windows")
            || selected("kubernetes.io/os")
            || selected("beta.kubernetes.io/os")
    }

    pub(super) fn wanted_expiration(&self) -> &str {
        self.annotation(EKS_TOKEN_EXPIRATION)
    }

    /// Names of the containers that get nothing.
    pub(super) fn skipped_containers(&self) -> BTreeSet<&str> {
        let lists = [&self.spec.containers, &self.spec.init_containers];
        let there: BTreeSet<&str> = lists
            .into_iter()
            .flatten()
            .flatten()
            .map(|container| container.name.as_str())
            .collect();
        let list = self.annotation(EKS_SKIP_CONTAINERS).replace('"', "");
        list.split(',')
            .filter_map(|name| there.get(name.trim()).copied())
            .collect()
    }

    pub(super) fn token_files(&self, audience: &str) -> TokenFiles<'_> {
        self.volumes()
            .iter()
            .filter_map(|volume| Some((volume.name.as_str(), volume.token_file(audience)?)))
            .collect()
    }

    pub(super) fn volumes(&self) -> &[VolumeView] {
        self.spec.volumes.as_deref().unwrap_or_default()
    }

    fn annotation(&self, key: &str) -> &str {
        let annotations = self.metadata.annotations.as_ref();
        annotations.and_then(|all| all.get(key)).map_or("", String::as_str)
    }
}

impl VolumeView {
    fn token_file(&self, audience: &str) -> Option<&str> {
        let [source] = self.projected.as_ref()?.sources.as_deref()? else {
            return None;
        };
        let token = source.service_account_token.as_ref()?;
        // Each container that mounts it gets a variable with the path.
        (token.audience == audience && token.path.len() <= LONGEST_PATH).then_some(&token.path)
    }
}
