//! What injection looks at of a pod, as the API server sends it.

use std::{
    borrow::{Borrow, Cow},
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
};

use serde::Deserialize;

use crate::vocabulary::{EKS_SKIP_CONTAINERS, EKS_SKIP_POD, EKS_TOKEN_EXPIRATION};

/// Linux opens no file by a longer one (`PATH_MAX`).
const LONGEST_PATH: usize = 4096;

/// Text of the pod's JSON, which is not copied unless it is written with escapes. Of a struct one field is marked as borrowed: it binds the
/// lifetime of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// For maps, which are asked by `str`.
impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A pod with what injection looks at, and nothing else of it. Read from the pod's JSON.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PodView<'a> {
    #[serde(borrow)]
    pub(super) metadata: PodMetadata<'a>,
    pub(super) spec: PodSpecView<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct PodMetadata<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    labels: Option<BTreeMap<Text<'a>, Text<'a>>>,
    annotations: Option<BTreeMap<Text<'a>, Text<'a>>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodSpecView<'a> {
    #[serde(borrow)]
    service_account_name: Option<Text<'a>>,
    os: Option<PodOs<'a>>,
    node_selector: Option<BTreeMap<Text<'a>, Text<'a>>>,
    pub(super) volumes: Option<Vec<VolumeView<'a>>>,
    pub(super) containers: Option<Vec<ContainerView<'a>>>,
    pub(super) init_containers: Option<Vec<ContainerView<'a>>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct PodOs<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct VolumeView<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    projected: Option<ProjectedView<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct ProjectedView<'a> {
    // The API server writes null for none.
    #[serde(borrow)]
    sources: Option<Vec<ProjectionView<'a>>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ProjectionView<'a> {
    #[serde(borrow)]
    service_account_token: Option<TokenProjection<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct TokenProjection<'a> {
    #[serde(borrow)]
    audience: Text<'a>,
    path: Text<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerView<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    pub(super) env: Option<Vec<EnvView<'a>>>,
    pub(super) env_from: Option<Vec<EnvFromView<'a>>>,
    pub(super) volume_mounts: Option<Vec<MountView<'a>>>,
    pub(super) volume_devices: Option<Vec<DeviceView<'a>>>,
    pub(super) termination_message_path: Text<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct EnvView<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct EnvFromView<'a> {
    #[serde(borrow)]
    pub(super) prefix: Text<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct MountView<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    pub(super) mount_path: Text<'a>,
    pub(super) sub_path: Text<'a>,
    pub(super) sub_path_expr: Text<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct DeviceView<'a> {
    #[serde(borrow)]
    pub(super) device_path: Text<'a>,
}

/// The token's file in each volume, by the volume's name, that has a token for the audience and nothing else that could take its place.
pub(super) type TokenFiles<'a> = BTreeMap<&'a str, &'a str>;

impl<'a> PodView<'a> {
    /// A pod by the JSON of what is looked at of it, as whoever has found these in the pod's JSON has them.
    ///
    /// # Errors
    /// For what no pod has there.
    pub fn of_parts(
        name: Option<&'a str>,
        labels: Option<&'a str>,
        annotations: Option<&'a str>,
        spec: Option<&'a str>,
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
        let count = |list: &Option<Vec<ContainerView<'_>>>| list.as_ref().map_or(0, Vec::len);
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
            selector.and_then(|selector| selector.get(key)).map(Text::as_str) == Some("windows")
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
        let list = self.annotation(EKS_SKIP_CONTAINERS);
        // What names nobody has one name, which is empty; the policy reads it so, too.
        if list.is_empty() {
            return BTreeSet::from([""]);
        }
        let lists = [&self.spec.containers, &self.spec.init_containers];
        let there: BTreeSet<&str> = lists
            .into_iter()
            .flatten()
            .flatten()
            .map(|container| container.name.as_str())
            .collect();
        list.replace('"', "")
            .split(',')
            .filter_map(|name| there.get(name.trim()).copied())
            .collect()
    }

    pub(super) fn token_files(&self, audience: &str) -> TokenFiles<'_> {
        self.volumes()
            .iter()
            .filter_map(|volume| Some((volume.name.as_str(), volume.token_file(audience)?)))
            .collect()
    }

    pub(super) fn volumes(&self) -> &[VolumeView<'a>] {
        self.spec.volumes.as_deref().unwrap_or_default()
    }

    fn annotation(&self, key: &str) -> &str {
        let annotations = self.metadata.annotations.as_ref();
        annotations.and_then(|all| all.get(key)).map_or("", Text::as_str)
    }
}

impl VolumeView<'_> {
    fn token_file(&self, audience: &str) -> Option<&str> {
        let [source] = self.projected.as_ref()?.sources.as_deref()? else {
            return None;
        };
        let token = source.service_account_token.as_ref()?;
        // Each container that mounts it gets a variable with the path.
        (token.audience == audience && token.path.len() <= LONGEST_PATH).then_some(&token.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_copied_only_where_it_is_written_with_escapes() {
        let names = |json: &str| {
            let labels: BTreeMap<Text<'_>, Text<'_>> = serde_json::from_str(json).unwrap();
            let is_borrowed = |text: &Text<'_>| matches!(text.0, Cow::Borrowed(_));
            labels
                .iter()
                .map(|(key, value)| (is_borrowed(key), is_borrowed(value)))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(r#"{"a": "b"}"#), [(true, true)]);
        assert_eq!(names(r#"{"a": "\u0062"}"#), [(true, false)]);
    }
}
