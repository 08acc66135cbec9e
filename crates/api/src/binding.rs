//! `IamRoleBinding`: a namespace's ServiceAccounts may assume one IAM role.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Adoption, DeletionPolicy, Duration, IamRoleBindingStatus, PodOverrides, schema};

/// Lets ServiceAccounts of its own namespace assume one IAM role.
#[derive(Debug, Clone, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "irsa-anywhere.dev",
    version = "v1alpha1",
    kind = "IamRoleBinding",
    plural = "iamrolebindings",
    shortname = "irb",
    category = "irsa",
    namespaced,
    status = "IamRoleBindingStatus",
    derive = "PartialEq",
    doc = "Lets ServiceAccounts of its own namespace assume one IAM role: makes the role with its trust and policies, and \
           annotates the ServiceAccounts so that their pods get credentials.",
    validation = Rule::new("self.metadata.name.size() <= 63")
        .message("metadata.name must have at most 63 characters: it becomes a label's value"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether everything is as the spec asks."
    ),
    printcolumn(name = "Role ARN", type_ = "string", json_path = ".status.roleArn"),
    // Of `.spec.serviceAccounts[*].name` the API server prints the first match only.
    printcolumn(
        name = "Service Accounts",
        type_ = "string",
        json_path = ".status.serviceAccountNames",
        description = "Whose pods may assume the role."
    ),
    printcolumn(
        name = "Verified",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Verified\")].status",
        description = "Whether STS itself has said that they may, and nobody else."
    ),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why it is ready or not, in a word; docs/runbooks has a page for each."
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        description = "What is wrong and what to do about it.",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.existingRole) == has(oldSelf.existingRole)")
    .message("spec.existingRole cannot be added or removed later: the role that was made would be left behind; create a second IamRoleBinding instead"))]
#[x_kube(validation = Rule::new("!has(self.existingRole) || (!has(self.role.name) && !has(self.role.description) && !has(self.role.tags) && self.role.adopt == 'Never' && !has(self.policies.managed) && !has(self.policies.inline))")
    .message("spec.existingRole is never written, so spec.role and spec.policies must be left out with it"))]
#[x_kube(validation = Rule::new("!has(self.existingRole) || self.deletionPolicy == 'Delete'")
    .message("spec.existingRole is never deleted, so spec.deletionPolicy must be left out with it"))]
#[x_kube(validation = Rule::new("!has(self.serviceAccountTemplate) || self.serviceAccountMode == 'Create'")
    .message("spec.serviceAccountTemplate is for ServiceAccounts that are created: set spec.serviceAccountMode: Create, or leave it out"))]
pub struct IamRoleBindingSpec {
    /// The OidcFederation that vouches for this cluster in AWS and whose guard-rails apply. Immutable.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("spec.federationRef is immutable: the role belongs to the federation; create a second IamRoleBinding instead"))]
    pub federation_ref: FederationRef,
    /// The ServiceAccounts whose pods may assume the role, 1 to 16, always of this object's own namespace. Whoever may
    /// create pods in the namespace can use any of them.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub service_accounts: Vec<ServiceAccountRef>,
    /// The token audiences that the role trusts, out of the federation's. When absent: the federation's first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 255)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(schema::AUDIENCES)
        .message("spec.audiences must not contain blanks or characters outside ASCII"))]
    pub audiences: Vec<String>,
    /// The role that is made, unless `existingRole` is set.
    #[serde(default)]
    pub role: RoleOptions,
    /// A role of somebody else's, Terraform for example, instead of one that is made. It is never written: its trust is
    /// checked and the ServiceAccounts are annotated. `role` and `policies` have no meaning then and must be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_role: Option<ExistingRole>,
    /// What the role may do.
    #[serde(default)]
    pub policies: RolePolicies,
    /// What is done to the ServiceAccounts. `Annotate`: those that exist get the annotations and the label that have
    /// their pods injected. `Create`: as Annotate, and those that are missing are created. `None`: nothing, the pods
    /// configure themselves; what was put on them before for injection is taken off. One that was created is never deleted
    /// while it is named here, whatever this says: it goes when it is named no more, or with this object.
    #[serde(default)]
    pub service_account_mode: ServiceAccountMode,
    /// What the ServiceAccounts that are created carry beside, only with `serviceAccountMode: Create`. It is kept up: what
    /// is removed there is put back, and what is taken out here is removed there. One that was there before is left as it
    /// is, and so is a field of which somebody else keeps another value, which then keeps this object from being Ready
    /// (`AnnotationConflict`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_template: Option<ServiceAccountTemplate>,
    /// What injected pods get beside their role and token, where it differs from the federation's `spec.pods`. It has no
    /// effect with `serviceAccountMode: None`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pods: PodOverrides,
    /// When STS itself is asked whether the role lets the ServiceAccounts in, and nobody else: the condition `Verified`. `OnChange`:
    /// when anything changes that it rests on, the API servers' signing keys included. `Periodic`: also about once a day; each time
    /// moves the role's last-used date in IAM. `Never`: not at all, and `Ready` rests on what IAM shows. Where the operator may not ask
    /// for tokens (`config/verify` is not applied), it is as with `Never`.
    #[serde(default)]
    pub verify: Verification,
    /// What deleting this object does. `Delete`: the role is removed, if it still carries our ownership tags. `Retain`:
    /// the role stays in AWS and keeps trusting the ServiceAccounts; the federation must allow it by
    /// `spec.bindings.allowRetain`. Where it does not when the object is deleted, `Retain` counts as `Delete`.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Stops all work on this binding, except its deletion. What exists in AWS stays as it is, as long as the
    /// federation's guard-rails allow it: otherwise the role's trust is closed all the same.
    #[serde(default)]
    pub suspend: bool,
}

/// So many ServiceAccounts a printer column names before it counts.
const NAMED_IN_COLUMN: usize = 3;

impl IamRoleBindingSpec {
    /// The names of the ServiceAccounts for a printer column, as kubectl itself writes lists: the first three, then how many
    /// more. `None` when there is none.
    pub fn service_account_names(&self) -> Option<String> {
        let names = self.service_accounts.iter().map(|account| account.name.as_str());
        let named: Vec<&str> = names.take(NAMED_IN_COLUMN).collect();
        let named = (!named.is_empty()).then(|| named.join(","))?;
        Some(match self.service_accounts.len().saturating_sub(NAMED_IN_COLUMN) {
            0 => named,
            more => format!("{named} + {more} more..."),
        })
    }
}

/// Names the federation of a binding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FederationRef {
    /// Name of the OidcFederation.
    #[serde(default = "default_federation")]
    #[schemars(length(max = 63))]
    #[x_kube(validation = Rule::new(r"self.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')")
        .message("spec.federationRef.name must be the name of an OidcFederation: lower-case letters, digits, '-' and '.'"))]
    pub name: String,
}

impl Default for FederationRef {
    fn default() -> Self {
        Self {
            name: default_federation(),
        }
    }
}

/// Names a ServiceAccount of the binding's own namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountRef {
    /// Name of the ServiceAccount. Never a pattern: each one is named.
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(r"self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')")
        .message("spec.serviceAccounts[].name must be the name of one ServiceAccount of this namespace: lower-case letters, digits, '-' and '.', no wildcard and no namespace"))]
    #[x_kube(validation = Rule::new("self != 'irsa-anywhere-canary'")
        .message("spec.serviceAccounts[].name must not be irsa-anywhere-canary: it is kept for the proof that a role lets nobody else in"))]
    pub name: String,
}

/// What the ServiceAccounts that a binding creates carry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountTemplate {
    /// Labels, at most 32. Keys under `irsa-anywhere.dev`, `eks.amazonaws.com`, `kubernetes.io` and `k8s.io` are reserved,
    /// those under `app.kubernetes.io` are not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::template_labels")]
    #[x_kube(validation = Rule::new(schema::TEMPLATE_KEYS_FREE)
        .message("spec.serviceAccountTemplate.labels must not use keys under irsa-anywhere.dev, eks.amazonaws.com, kubernetes.io or k8s.io, they are reserved; app.kubernetes.io is not"))]
    #[x_kube(validation = Rule::new(schema::TEMPLATE_KEYS_VALID)
        .message("spec.serviceAccountTemplate.labels must have keys such as team or example.com/team"))]
    #[x_kube(validation = Rule::new(schema::LABEL_VALUES_VALID)
        .message("spec.serviceAccountTemplate.labels must have values of up to 63 letters, digits and -_. that begin and end with a letter or digit"))]
    pub labels: BTreeMap<String, String>,
    /// Annotations, at most 32 with up to 4096 characters each. The same keys are reserved as with labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::template_annotations")]
    #[x_kube(validation = Rule::new(schema::TEMPLATE_KEYS_FREE)
        .message("spec.serviceAccountTemplate.annotations must not use keys under irsa-anywhere.dev, eks.amazonaws.com, kubernetes.io or k8s.io, they are reserved; app.kubernetes.io is not"))]
    #[x_kube(validation = Rule::new(schema::TEMPLATE_KEYS_VALID)
        .message("spec.serviceAccountTemplate.annotations must have keys such as owner or example.com/owner"))]
    pub annotations: BTreeMap<String, String>,
    /// Whether pods get the API server's own token mounted if they do not say themselves. When absent: nothing is set, and
    /// they do. The token for AWS is mounted in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automount_service_account_token: Option<bool>,
}

/// A role that somebody else makes and keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExistingRole {
    /// Its ARN. It must be in the account of the federation's provider, and its trust policy must let every ServiceAccount of
    /// this object in, each by its `sub` and with every audience of this object.
    #[schemars(length(max = 700))]
    #[x_kube(validation = Rule::new(schema::ROLE_ARN)
        .message("spec.existingRole.arn must be a role's ARN such as arn:aws:iam::123456789012:role/app"))]
    pub arn: String,
}

/// The role that a binding makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)")
    .message("spec.role.name is immutable, also if it was left out: the name of a role in AWS cannot change"))]
pub struct RoleOptions {
    /// Name of the role. Immutable, and unique in the account whatever the case. The federation may demand a prefix
    /// (`spec.bindings.roleNames`). When absent: `<roleNamePrefix><namespace>.<name of this object>`; beyond 64
    /// characters it is cut, and ends with `-` and 10 hexadecimal digits of the SHA-256 of `<namespace>/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_+=,.@-]{1,64}$')")
        .message("spec.role.name must be 1 to 64 letters, digits and _+=,.@-"))]
    pub name: Option<String>,
    /// The role's description in IAM, at most 1000 characters. When absent: it names this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    #[x_kube(validation = Rule::new(r"self.matches('^[\\t\\n\\r\\x{20}-\\x{7E}\\x{A1}-\\x{FF}]*$')")
        .message("spec.role.description must consist of characters that IAM accepts: Latin letters, digits, punctuation and line breaks"))]
    pub description: Option<String>,
    /// The longest session that a pod may ask for, 1h to 12h, and at most the federation's.
    #[serde(default = "default_session")]
    #[x_kube(validation = Rule::new(schema::SESSION_DURATION)
        .message("spec.role.maxSessionDuration must be whole seconds between 1h and 12h"))]
    pub max_session_duration: Duration,
    /// Tags of the role, at most 40, and at most 44 together with the federation's: AWS allows 50, and six are the operator's.
    /// The federation must allow their keys by `spec.bindings.allowedTagKeys`; where it sets the same key itself, its value wins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    #[x_kube(validation = Rule::new(schema::TAG_KEYS_FREE)
        .message("spec.role.tags must not use keys that start with irsa-anywhere.dev/ or aws:, they are reserved"))]
    #[x_kube(validation = Rule::new(schema::TAGS_VALID)
        .message("spec.role.tags must have keys of 1 to 128 and values of at most 256 letters, digits, blanks and _.:/=+-@"))]
    pub tags: BTreeMap<String, String>,
    /// Whether a role of this name is taken over that is there already. `IfTagged`: if an AWS administrator has tagged it
    /// `irsa-anywhere.dev/adopt` with the value that the condition `RoleSynced` names. From then on it is as this object
    /// says, policies included. One that this object made is always taken up again, whatever this says.
    #[serde(default)]
    pub adopt: Adoption,
}

impl Default for RoleOptions {
    fn default() -> Self {
        Self {
            name: None,
            description: None,
            max_session_duration: default_session(),
            tags: BTreeMap::new(),
            adopt: Adoption::Never,
        }
    }
}

/// What a role may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolePolicies {
    /// Managed policies to attach: names of AWS-managed policies (with their path, such as `service-role/…`) or policy
    /// ARNs, at most 25. The federation must allow them by `spec.bindings.allowedManagedPolicies`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 25), inner(length(min = 1, max = 700)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(schema::MANAGED_POLICIES)
        .message("spec.policies.managed must be names of AWS-managed policies such as AmazonS3ReadOnlyAccess or policy ARNs, without wildcards"))]
    pub managed: Vec<String>,
    /// Inline policies, at most 10 and at most 10240 characters together. The federation must allow them by
    /// `spec.bindings.inlinePolicies`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub inline: Vec<InlinePolicy>,
    /// Whether the role has exactly these policies. With `true`, what somebody else attaches is detached again, except what
    /// only denies: an inline policy of denials alone, and `AWSDenyAll`. With `false` it stays, as does what is removed here, and the federation's guard-rails must allow all of it.
    #[serde(default = "default_true")]
    pub exclusive: bool,
}

impl Default for RolePolicies {
    fn default() -> Self {
        Self {
            managed: Vec::new(),
            inline: Vec::new(),
            exclusive: true,
        }
    }
}

/// An inline policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InlinePolicy {
    /// Name of the policy within the role.
    #[schemars(length(max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_+=,.@-]{1,128}$')")
        .message("spec.policies.inline[].name must be 1 to 128 letters, digits and _+=,.@-"))]
    pub name: String,
    /// The policy document, as an object and not as a string. Not checked here; what IAM would refuse becomes the
    /// condition `Stalled` with reason `MalformedPolicy`.
    #[schemars(schema_with = "schema::policy_document")]
    pub document: Map<String, Value>,
}

/// What is done to the ServiceAccounts of a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum ServiceAccountMode {
    /// Existing ones are annotated and labelled.
    #[default]
    Annotate,
    /// Missing ones are created, too.
    Create,
    /// Nothing.
    None,
}

/// When a role is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum Verification {
    /// When something changes.
    #[default]
    OnChange,
    /// Also about once a day.
    Periodic,
    /// Not at all.
    Never,
}

fn is_default(pods: &PodOverrides) -> bool {
    *pods == PodOverrides::default()
}

fn default_federation() -> String {
    "default".into()
}

const fn default_session() -> Duration {
    Duration::from_secs(3600)
}

const fn default_true() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_names_three_service_accounts_and_counts_the_rest() {
        let column = |count: usize| {
            let accounts: Vec<Value> = (0..count)
                .map(|number| serde_json::json!({"name": format!("sa{number}")}))
                .collect();
            let spec: IamRoleBindingSpec =
                serde_json::from_value(serde_json::json!({"serviceAccounts": accounts})).unwrap();
            spec.service_account_names()
        };
        assert_eq!(column(0), None);
        assert_eq!(column(1).as_deref(), Some("sa0"));
        assert_eq!(column(3).as_deref(), Some("sa0,sa1,sa2"));
        assert_eq!(column(16).as_deref(), Some("sa0,sa1,sa2 + 13 more..."));
    }
}
