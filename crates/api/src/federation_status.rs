//! What the operator reports about an `OidcFederation`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// What the operator found and made. No field of it moves by itself: an unchanged world means an unchanged status.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcFederationStatus {
    /// The generation of the spec that this status speaks of. -1 until the operator has seen the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The last value of the annotation `irsa-anywhere.dev/reconcile-requested-at` that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// `Ready` is always present, `Reconciling` and `Stalled` only while true. `IssuerMatched`, `KeysObserved`,
    /// `Published`, `PubliclyReadable` and `ProviderRegistered` tell how far the work has come and why not further;
    /// `RolesInventoried` how the roles of its bindings are checked, and which have no binding any more;
    /// `AudiencesSeparate` whether an API server takes an audience of AWS for its own, and `InjectionActive` whether anything
    /// injects pods: `Ready` does not depend on these three.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// ARN of the IAM OIDC provider that stands for this cluster's issuer. It names the partition and the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_arn: Option<String>,
    /// The AWS account that the operator's credentials belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The signing keys that are known, published or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["thumbprint".into()]))]
    pub keys: Vec<KeyStatus>,
    /// How many of `keys` are published, as the column Keys shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_keys: Option<u32>,
    /// The documents as they were last written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedDocuments>,
}

/// One signing key of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyStatus {
    /// The key id exactly as the API server serves it; tokens carry it in their header.
    pub kid: String,
    /// SHA-256 of the key's `SubjectPublicKeyInfo`, in hexadecimal: what identifies the key, whatever its `kid`.
    pub thumbprint: String,
    /// The signature algorithm, such as `RS256` or `ES256`.
    pub alg: String,
    /// `Live`: an API server serves it, and it is published. `Retained`: none does any more, and it stays published
    /// until `expires`. `Additional`: `spec.signingKeys.additional` lists it, it is published, and none serves it. `Revoked`: `spec.signingKeys.revoke` lists it, and it is not published. `Unsupported`: AWS would
    /// refuse it, so it is not published, and tokens signed with it get no AWS credentials.
    pub state: KeyState,
    /// When the operator first saw the key.
    pub first_seen: Time,
    /// When a retained key will be taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
}

/// Where a signing key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum KeyState {
    /// Served by an API server, and published.
    Live,
    /// No longer served by any API server, and still published.
    Retained,
    /// Published, because the spec lists it, and served by no API server.
    Additional,
    /// Not published, because the spec lists it as leaked.
    Revoked,
    /// Served by an API server, and not published because AWS refuses its kind.
    Unsupported,
}

/// The two public documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublishedDocuments {
    /// The discovery document, `.well-known/openid-configuration` under the issuer.
    pub discovery: PublishedDocument,
    /// The public signing keys, `openid/v1/jwks` under the issuer.
    pub jwks: PublishedDocument,
}

/// One document as it was last written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublishedDocument {
    /// Where anybody can read it.
    pub url: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// The `ETag` that S3 gave it, quotes included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}
