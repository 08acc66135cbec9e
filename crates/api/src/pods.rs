//! `spec.pods` of both kinds: what injected pods get beside their role and token.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// What injected pods get beside their role and token: the defaults of a federation's bindings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodDefaults {
    /// The value of `AWS_REGION` and `AWS_DEFAULT_REGION` in containers that set neither and have no `envFrom`
    /// that could. The word `None`: neither is injected. When absent: the federation's own region, `spec.aws.region` or else `spec.publish.s3.region`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new(schema::POD_REGION)
        .message("spec.pods.region must be an AWS region such as eu-central-1, or None to inject no region"))]
    pub region: Option<String>,
    /// What `AWS_ROLE_SESSION_NAME` says, which CloudTrail shows with everything that a pod does. `PodName`: the pod's
    /// name, or its UID where the name could be longer than the 64 characters of a session name. `None`: it is not injected.
    #[serde(default)]
    pub session_name: PodSessionName,
    /// Whether `AWS_STS_REGIONAL_ENDPOINTS=regional` is injected, which old SDKs need to ask the region's own STS. The
    /// annotation `eks.amazonaws.com/sts-regional-endpoints` on a ServiceAccount counts before this.
    #[serde(default)]
    pub sts_regional_endpoints: bool,
    /// Whether SDKs may look for the metadata service of an EC2 instance. `Keep`: nothing is injected. `Disabled`:
    /// `AWS_EC2_METADATA_DISABLED=true`, for networks where 169.254.169.254 never answers and each look costs seconds.
    #[serde(default)]
    pub instance_metadata: InstanceMetadata,
}

/// What injected pods get beside their role and token: where a binding differs from its federation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodOverrides {
    /// The value of `AWS_REGION` and `AWS_DEFAULT_REGION` in containers that set neither and have no `envFrom`
    /// that could. The word `None`: neither is injected. When absent: the federation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new(schema::POD_REGION)
        .message("spec.pods.region must be an AWS region such as eu-central-1, or None to inject no region"))]
    pub region: Option<String>,
    /// What `AWS_ROLE_SESSION_NAME` says: `PodName` or `None`, as in the federation. When absent: the federation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<PodSessionName>,
    /// Whether `AWS_STS_REGIONAL_ENDPOINTS=regional` is injected. When absent: as the federation says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sts_regional_endpoints: Option<bool>,
    /// Whether SDKs may look for the metadata service of an EC2 instance: `Keep` or `Disabled`, as in the federation.
    /// When absent: the federation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_metadata: Option<InstanceMetadata>,
}

/// What `AWS_ROLE_SESSION_NAME` says: `PodName`, the pod's name or else its UID, or `None`, nothing. When absent in a
/// binding: as the federation says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum PodSessionName {
    /// The pod's name, or its UID where the name does not fit for sure.
    #[default]
    PodName,
    /// The SDK's own.
    None,
}

/// Whether SDKs may look for the metadata service of an EC2 instance: `Keep` or `Disabled`. When absent in a binding: as
/// the federation says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum InstanceMetadata {
    /// As the SDK does by itself.
    #[default]
    Keep,
    /// No.
    Disabled,
}
