//! What the operator reports about an `IamRoleBinding`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// What the operator found and made. No field of it moves by itself: an unchanged world means an unchanged status.
///
/// Cleanup reads it, together with the ownership tags in AWS, and never needs a valid spec.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct IamRoleBindingStatus {
    /// The generation of the spec that this status speaks of. -1 until the operator has seen the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The last value of the annotation `irsa-anywhere.dev/reconcile-requested-at` that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// `Ready` is always present, `Reconciling` and `Stalled` only while true. `FederationReady`, `Admitted`,
    /// `RoleSynced`, `PoliciesSynced` and `ServiceAccountsSynced` tell how far the work has come and why not further; `Verified`
    /// what STS itself says of the role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// ARN of the role, as pods get it in `AWS_ROLE_ARN`. It names the partition and the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The unique id that IAM gave the role (`AROA…`). A role deleted and made again has another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_id: Option<String>,
    /// Name of the role, given or computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_name: Option<String>,
    /// The names of the ServiceAccounts in one text, as far as they fit a column: `spec` has them all. A printer column cannot
    /// join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_names: Option<String>,
    /// The token subjects that the role trusts: `system:serviceaccount:<namespace>:<name>`. Beside them, those whose
    /// ServiceAccounts may still carry what this object put there: where a change was refused, the conditions tell it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub subjects: Vec<String>,
    /// The token audiences that the role trusts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub audiences: Vec<String>,
    /// Size of the rendered trust policy in bytes. The quota of an account is 2048 unless it was raised, and the operator was
    /// told so (`--trust-policy-quota`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_policy_bytes: Option<u32>,
    /// When STS proved the role as it is now. It moves only when something else is proven: not with a check that finds what the last
    /// one found. Absent while nothing is proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Time>,
    /// A digest of what was proven then: role, trust policy, provider, audiences, ServiceAccounts, signing keys. By it a restart knows
    /// what has to be proven again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_digest: Option<String>,
}
