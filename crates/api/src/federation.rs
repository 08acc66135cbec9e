//! `OidcFederation`: this cluster's issuer, published and registered.

use std::collections::BTreeMap;

use irsa_core::vocabulary::DEFAULT_AUDIENCE;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Adoption, BindingRules, Duration, OidcFederationStatus, PodDefaults, Publish, SigningKeys, schema};

/// `https://<bucket>.s3.<region>.<suffix>`, with the DNS suffix of the region's partition.
const BUCKET_HOST: &str = "self.publish.s3.bucket + '.s3.' + self.publish.s3.region + '.' + \
     (self.publish.s3.region.startsWith('cn-') ? 'amazonaws.com.cn' : \
      self.publish.s3.region.startsWith('eusc-') ? 'amazonaws.eu' : \
      self.publish.s3.region.startsWith('us-iso-') ? 'c2s.ic.gov' : \
      self.publish.s3.region.startsWith('us-isob-') ? 'sc2s.sgov.gov' : \
      self.publish.s3.region.startsWith('eu-isoe-') ? 'cloud.adc-e.uk' : \
      self.publish.s3.region.startsWith('us-isof-') ? 'csp.hci.ic.gov' : 'amazonaws.com')";

/// Makes this cluster's service-account issuer known to AWS: publishes its discovery document and public keys, and
/// registers it as an IAM OIDC provider.
#[derive(Debug, Clone, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "irsa-anywhere.dev",
    version = "v1alpha1",
    kind = "OidcFederation",
    plural = "oidcfederations",
    shortname = "oidcfed",
    category = "irsa",
    status = "OidcFederationStatus",
    derive = "PartialEq",
    doc = "Makes this cluster's service-account issuer known to AWS: publishes its discovery document and public keys, \
           and registers it as an IAM OIDC provider. IamRoleBindings refer to it; its `spec.bindings` says what they may do.",
    validation = Rule::new("self.metadata.name.size() <= 63")
        .message("metadata.name must have at most 63 characters: it becomes part of other names"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the issuer is published and registered, and the API servers sign as it."
    ),
    printcolumn(name = "Issuer", type_ = "string", json_path = ".spec.issuer"),
    printcolumn(name = "Provider", type_ = "string", json_path = ".status.providerArn", priority = 1),
    printcolumn(
        name = "Keys",
        type_ = "integer",
        json_path = ".status.publishedKeys",
        description = "How many signing keys are published."
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
#[x_kube(validation = Rule::new("has(self.publish.s3) || has(self.aws.region)")
    .message("spec.aws.region is required with spec.publish.external: it decides the AWS partition and the endpoints")
    .field_path(".aws"))]
#[x_kube(validation = Rule::new(format!(
    "!has(self.publish.s3) || self.publish.s3.access != 'BucketPolicy' || \
     self.issuer == 'https://' + {BUCKET_HOST} || self.issuer.startsWith('https://' + {BUCKET_HOST} + '/')"
)).message(Message::Expression(format!(
    "'spec.issuer must be https://' + {BUCKET_HOST} + ', with or without a path, because spec.publish.s3.access is \
     BucketPolicy; if something else serves this issuer from the bucket, set access: Unmanaged'"
))).field_path(".issuer"))]
pub struct OidcFederationSpec {
    /// The issuer of this cluster's service-account tokens, byte for byte the API server's `--service-account-issuer`.
    /// An https URL without port, query, fragment or trailing slash, at most 255 characters. Its path, if any, is the
    /// key prefix of the published documents. Immutable: AWS identifies the cluster by it, and every role trusts it by name.
    #[schemars(length(max = 255))]
    #[x_kube(validation = Rule::new("self.startsWith('https://')")
        .message("spec.issuer must start with https://, AWS accepts no other scheme"))]
    #[x_kube(validation = Rule::new("!self.matches('^[a-z]+://[^/]*[:@]')")
        .message("spec.issuer must not have a port or user information, AWS refuses both; serve the issuer on port 443"))]
    #[x_kube(validation = Rule::new("!self.contains('?') && !self.contains('#')")
        .message("spec.issuer must not have a query or a fragment; remove everything from the ? or # on"))]
    #[x_kube(validation = Rule::new("!self.endsWith('/')")
        .message("spec.issuer must not end with a slash; remove it here and in --service-account-issuer"))]
    #[x_kube(validation = Rule::new(
        r"!self.startsWith('https://') || self.matches('^https://([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?([/:@?#].*)?$')")
        .message("spec.issuer must name a host in lower-case letters, digits, hyphens and dots, with at least one dot"))]
    #[x_kube(validation = Rule::new(
        r"!self.startsWith('https://') || self.matches('^https://[^/]*(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?([?#].*)?$')")
        .message("spec.issuer must have a path of plain segments: letters, digits, '.', '_', '~' and '-', none empty and none starting with a dot"))]
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("spec.issuer is immutable; to move to another issuer create a second OidcFederation"))]
    pub issuer: String,
    /// Where the discovery document and the keys are published. Exactly one member.
    pub publish: Publish,
    /// The IAM OIDC provider: whose it is.
    #[serde(default)]
    pub provider: ProviderOptions,
    /// The token audiences that the provider accepts (its client IDs), 1 to 100. IamRoleBindings choose among them; the
    /// first is their default. None of them may be an audience of an API server itself (`--api-audiences`): the condition
    /// `AudiencesSeparate` says so, and what that would let AWS accept.
    #[serde(default = "default_audiences")]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 255)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(schema::AUDIENCES)
        .message("spec.audiences must not contain blanks or characters outside ASCII"))]
    pub audiences: Vec<String>,
    /// SHA-1 fingerprints of the certificate authority that signs the issuer's TLS certificate: 40 lower-case
    /// hexadecimal digits each, at most 5. Only for an issuer behind a private authority; AWS trusts the public ones by
    /// itself, and the value that AWS then fills in is left alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new("self.all(t, t.matches('^[0-9a-f]{40}$'))")
        .message("spec.thumbprints must be SHA-1 fingerprints of 40 lower-case hexadecimal digits, without colons"))]
    pub thumbprints: Vec<String>,
    /// Which signing keys are published, and for how long.
    #[serde(default)]
    pub signing_keys: SigningKeys,
    /// How the operator reaches AWS for this federation. The credentials themselves are the operator's own.
    #[serde(default)]
    pub aws: AwsConnection,
    /// Guard-rails for the IamRoleBindings that refer to this federation. What is absent here is refused.
    #[serde(default)]
    pub bindings: BindingRules,
    /// What injected pods get beside their role and token. A binding may override each of these by its own `spec.pods`.
    #[serde(default)]
    pub pods: PodDefaults,
    /// Tags on the OIDC provider and on the roles of the bindings, at most 40. The documents and the bucket get none. AWS allows
    /// 50 tags on a role and six are the operator's, so these and a binding's own `role.tags` may be 44 together. Keys that start
    /// with `irsa-anywhere.dev/` or `aws:` are reserved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    #[x_kube(validation = Rule::new(schema::TAG_KEYS_FREE)
        .message("spec.tags must not use keys that start with irsa-anywhere.dev/ or aws:, they are reserved"))]
    #[x_kube(validation = Rule::new(schema::TAGS_VALID)
        .message("spec.tags must have keys of 1 to 128 and values of at most 256 letters, digits, blanks and _.:/=+-@"))]
    pub tags: BTreeMap<String, String>,
    /// What deleting this object does. `Delete`: the provider and the documents are removed, if they still carry our
    /// ownership tags. `Retain`: everything stays in AWS. Either way the deletion waits until no IamRoleBinding refers
    /// to this federation, and a bucket that this object did not create is never deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// How often everything is compared with AWS and repaired, up to a minute later. Between 10s and 24h.
    #[serde(default = "default_interval")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('10s') && duration(self) <= duration('24h')")
        .message("spec.interval must be between 10s and 24h"))]
    pub interval: Duration,
    /// Stops all work on this federation, except its deletion. What exists in AWS stays as it is.
    #[serde(default)]
    pub suspend: bool,
}

/// Whose the IAM OIDC provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderOptions {
    /// Who makes and keeps the provider. `Managed`: the operator. `Existing`: somebody else, Terraform for example; the
    /// provider is looked at, never written and never deleted, and must accept `spec.audiences`.
    #[serde(default)]
    pub management: ProviderManagement,
    /// Whether a provider is taken over that is there already. `IfTagged`: if an AWS administrator has tagged it
    /// `irsa-anywhere.dev/adopt` with the value that the condition `ProviderRegistered` names. One that this federation
    /// made is always taken up again, whatever this says.
    #[serde(default)]
    pub adopt: Adoption,
}

/// Who makes and keeps an IAM OIDC provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum ProviderManagement {
    /// The operator.
    #[default]
    Managed,
    /// Somebody else.
    Existing,
}

/// How the operator reaches AWS for one federation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsConnection {
    /// The region whose IAM and STS endpoints are used; it also decides the partition. When absent:
    /// `spec.publish.s3.region`, and required without that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new(schema::REGION).message("spec.aws.region must be an AWS region such as eu-central-1"))]
    pub region: Option<String>,
    /// The account that the credentials must belong to. With credentials for any other account nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new(schema::ACCOUNT_ID)
        .message("spec.aws.accountId must be an AWS account id of 12 digits, in quotes"))]
    pub account_id: Option<String>,
    /// A role that the operator assumes first, for another account or for fewer rights. When absent: the operator's own
    /// credentials are used as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume_role: Option<AssumeRole>,
}

/// A role that the operator assumes before it does anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssumeRole {
    /// ARN of the role to assume.
    #[schemars(length(max = 700))]
    #[x_kube(validation = Rule::new(schema::ROLE_ARN)
        .message("spec.aws.assumeRole.arn must be a role's ARN such as arn:aws:iam::123456789012:role/irsa-anywhere"))]
    pub arn: String,
    /// The external id that the role's trust policy demands, if it does. Not a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1224))]
    #[x_kube(validation = Rule::new("self.size() >= 2 && self.matches('^[A-Za-z0-9_+=,.@:/-]+$')")
        .message("spec.aws.assumeRole.externalId must be 2 to 1224 letters, digits and _+=,.@:/-"))]
    pub external_id: Option<String>,
}

/// What deleting an object does to what it made in AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Remove what we made and still own by tag.
    #[default]
    Delete,
    /// Leave it all.
    Retain,
}

fn default_audiences() -> Vec<String> {
    vec![DEFAULT_AUDIENCE.into()]
}

const fn default_interval() -> Duration {
    Duration::from_secs(10 * 60)
}
