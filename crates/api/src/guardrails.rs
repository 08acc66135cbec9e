//! `spec.bindings` of an `OidcFederation`: what tenants may do with it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Duration, schema};

/// What the bindings of a federation may do. What is absent is refused, never allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
// `has` although the field has a default: the API server also checks the parent's default, before it is filled in.
#[x_kube(validation = Rule::new("!has(self.inlinePolicies) || self.inlinePolicies != 'Allow' || has(self.permissionsBoundary)")
    .message("spec.bindings.inlinePolicies: Allow needs spec.bindings.permissionsBoundary, otherwise a tenant could grant himself anything")
    .field_path(".inlinePolicies"))]
#[x_kube(validation = Rule::new(
    "has(self.rolePath) == has(oldSelf.rolePath) && (!has(self.rolePath) || self.rolePath == oldSelf.rolePath)")
    .message("spec.bindings.rolePath is immutable, also if it was left out: the path of a role in AWS cannot change"))]
#[x_kube(validation = Rule::new(
    "has(self.roleNamePrefix) == has(oldSelf.roleNamePrefix) && (!has(self.roleNamePrefix) || self.roleNamePrefix == oldSelf.roleNamePrefix)")
    .message("spec.bindings.roleNamePrefix is immutable, also if it was left out: the name of a role in AWS cannot change"))]
#[x_kube(validation = Rule::new(schema::TAG_KEYS_APART)
    .message("spec.bindings.allowedTagKeys must not contain a key that spec.bindings.ignoredTagKeys leaves to somebody else")
    .field_path(".allowedTagKeys"))]
pub struct BindingRules {
    /// The namespaces whose IamRoleBindings may refer to this federation. When absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,
    /// The IAM path of every role. Immutable. When absent: `/irsa/<id>/`, where `<id>` is the first 8 hexadecimal
    /// digits of the issuer's SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^/([A-Za-z0-9_+=,.@-]+/)*$')")
        .message("spec.bindings.rolePath must start and end with a slash and have only letters, digits and _+=,.@- between slashes, such as /irsa/prod/"))]
    #[x_kube(validation = Rule::new("self != '/'")
        .message("spec.bindings.rolePath must not be /: the operator's IAM policy is confined to the path of its roles, and every role is below /; choose one such as /irsa/prod/"))]
    #[x_kube(validation = Rule::new("!self.startsWith('/aws-service-role/') && !self.startsWith('/aws-reserved/')")
        .message("spec.bindings.rolePath must not start with /aws-service-role/ or /aws-reserved/, AWS keeps them for itself"))]
    pub role_path: Option<String>,
    /// What the names of the roles start with. Immutable. When absent: `irsa-<id>-`, with the `<id>` of `rolePath`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_+=,.@-]{1,32}$')")
        .message("spec.bindings.roleNamePrefix must be 1 to 32 letters, digits and _+=,.@-"))]
    pub role_name_prefix: Option<String>,
    /// Which role names a binding may choose. `Prefixed`: those that start with `<roleNamePrefix><namespace>.`, so that
    /// no namespace can take a name that belongs to another. `Any`: every name.
    #[serde(default)]
    pub role_names: RoleNameRule,
    /// ARN of the policy that is set as permissions boundary on every role. Bindings cannot change it. When absent: no
    /// opinion. One that somebody else put on a role stays; one that this field had set goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 700))]
    #[x_kube(validation = Rule::new(schema::POLICY_ARN)
        .message("spec.bindings.permissionsBoundary must be a policy's ARN such as arn:aws:iam::123456789012:policy/irsa-boundary"))]
    pub permissions_boundary: Option<String>,
    /// The managed policies that bindings may attach: names of AWS-managed policies or policy ARNs, at most 100. A `*`
    /// stands for any characters except `/`. When absent: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 700)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(schema::MANAGED_POLICY_PATTERNS)
        .message("spec.bindings.allowedManagedPolicies must be names of AWS-managed policies or policy ARNs, with * only after policy/, such as arn:aws:iam::123456789012:policy/team-*"))]
    pub allowed_managed_policies: Vec<String>,
    /// Whether bindings may have inline policies: `Deny` or `Allow`. `Allow` needs a `permissionsBoundary`.
    #[serde(default)]
    pub inline_policies: InlinePolicyRule,
    /// The tag keys that bindings may set on their roles, at most 40. Role tags are authority where policies use
    /// `aws:PrincipalTag`. When absent: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40), inner(length(min = 1, max = 128)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(schema::TAG_KEYS_FREE)
        .message("spec.bindings.allowedTagKeys must not contain keys that start with irsa-anywhere.dev/ or aws:, they are reserved"))]
    #[x_kube(validation = Rule::new(schema::TAG_KEYS_VALID)
        .message("spec.bindings.allowedTagKeys must have letters, digits, blanks and _.:/=+-@ only"))]
    pub allowed_tag_keys: Vec<String>,
    /// The tags that belong to somebody above us (an organisation's tag policy, a cost report), by their keys, at most 40.
    /// A `*` at the end stands for any rest; case does not count. On the roles and on the OIDC provider they are neither
    /// removed nor set, and that they come or go is no drift. When absent: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40), inner(length(min = 1, max = 128)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(schema::TAG_PATTERNS_FREE)
        .message("spec.bindings.ignoredTagKeys must not contain keys that start with irsa-anywhere.dev/ or aws:, which are never somebody else's"))]
    #[x_kube(validation = Rule::new(schema::TAG_PATTERNS_VALID)
        .message("spec.bindings.ignoredTagKeys must have letters, digits, blanks and _.:/=+-@ only, and a * at the end only and not alone, such as acme:*"))]
    pub ignored_tag_keys: Vec<String>,
    /// Whether bindings may set `deletionPolicy: Retain`, which leaves a role in AWS that no object stands for.
    #[serde(default)]
    pub allow_retain: bool,
    /// The longest session that a binding may ask for, 1h to 12h.
    #[serde(default = "default_max_session")]
    #[x_kube(validation = Rule::new(schema::SESSION_DURATION)
        .message("spec.bindings.maxSessionDuration must be whole seconds between 1h and 12h"))]
    pub max_session_duration: Duration,
    /// How many bindings of one namespace may have a role at a time, 1 to 1000; the older ones first. Roles that
    /// were left behind without a binding count against one that would make a new role, as the last inventory found them.
    #[serde(default = "default_max_roles")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_roles_per_namespace: u32,
}

impl Default for BindingRules {
    fn default() -> Self {
        Self {
            allowed_namespaces: None,
            role_path: None,
            role_name_prefix: None,
            role_names: RoleNameRule::default(),
            permissions_boundary: None,
            allowed_managed_policies: Vec::new(),
            inline_policies: InlinePolicyRule::default(),
            allowed_tag_keys: Vec::new(),
            ignored_tag_keys: Vec::new(),
            allow_retain: false,
            max_session_duration: default_max_session(),
            max_roles_per_namespace: default_max_roles(),
        }
    }
}

/// The namespaces that may use a federation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(has(self.from) && self.from == 'Selector') == has(self.selector)")
    .message("spec.bindings.allowedNamespaces.selector goes with from: Selector, and from: Selector needs it")
    .field_path(".selector"))]
pub struct AllowedNamespaces {
    /// `All`: every namespace. `Selector`: those whose labels match `selector`.
    pub from: NamespacesFrom,
    /// Labels of the namespaces, with `from: Selector`. Whoever may label a namespace may let it in. One that selects nothing
    /// is refused, and lets no namespace in where it is stored already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub selector: Option<LabelSelector>,
}

/// How the allowed namespaces are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum NamespacesFrom {
    /// Every namespace.
    All,
    /// Those that a label selector matches.
    Selector,
}

/// Which role names a binding may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum RoleNameRule {
    /// Those that start with the federation's prefix, the binding's namespace and a dot.
    #[default]
    Prefixed,
    /// Every name.
    Any,
}

/// Whether bindings may have inline policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum InlinePolicyRule {
    /// They may not.
    #[default]
    Deny,
    /// They may, under the federation's permissions boundary.
    Allow,
}

const fn default_max_session() -> Duration {
    Duration::from_secs(12 * 3600)
}

const fn default_max_roles() -> u32 {
    20
}
