//! `OidcFederation`: this cluster's issuer, published and registered.

use std::{borrow::Cow, collections::BTreeMap};

use irsa_core::vocabulary::DEFAULT_AUDIENCE;
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{BindingRules, Duration, OidcFederationStatus, schema};

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
        description = "Whether the issuer is published and registered."
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
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        description = "What is wrong and what to do about it."
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
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
    /// The token audiences that the provider accepts (its client IDs), 1 to 100. IamRoleBindings choose among them; the
    /// first is their default. None of them may be an audience of the API server itself (`--api-audiences`).
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
    /// Tags on everything that is made in AWS for this federation and its bindings, at most 40. Keys that start with
    /// `irsa-anywhere.dev/` or `aws:` are reserved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    #[x_kube(validation = Rule::new(schema::TAG_KEYS_FREE)
        .message("spec.tags must not use keys that start with irsa-anywhere.dev/ or aws:, they are reserved"))]
    #[x_kube(validation = Rule::new(schema::TAGS_VALID)
        .message("spec.tags must have keys of 1 to 128 and values of at most 256 letters, digits, blanks and _.:/=+-@"))]
    pub tags: BTreeMap<String, String>,
    /// What deleting this object does. `Delete`: the provider and the documents are removed, if they still carry our
    /// ownership tags. `Retain`: everything stays in AWS. Either way the deletion waits until no IamRoleBinding refers
    /// to this federation, and the bucket itself is never deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// How often everything is compared with AWS and repaired, with some jitter. Between 10s and 24h.
    #[serde(default = "default_interval")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('10s') && duration(self) <= duration('24h')")
        .message("spec.interval must be between 10s and 24h"))]
    pub interval: Duration,
    /// Stops all work on this federation, except its deletion. What exists in AWS stays as it is.
    #[serde(default)]
    pub suspend: bool,
}

/// Where the documents are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Publish {
    /// In an S3 bucket.
    S3(S3Publish),
}

impl JsonSchema for Publish {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Publish".into()
    }

    // Written by hand: the `oneOf` that a derive makes of an enum tells the user nothing about what to write.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut s3 = generator.subschema_for::<S3Publish>();
        s3.insert(
            "description".into(),
            "Publish to an S3 bucket, under the issuer's path.".into(),
        );
        json_schema!({
            "type": "object",
            "properties": { "s3": s3 },
            "x-kubernetes-validations": [{
                "rule": "has(self.s3)",
                "message": "spec.publish must have exactly one member; set spec.publish.s3",
            }],
        })
    }
}

/// An S3 bucket that holds the documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3Publish {
    /// Name of an existing bucket: 3 to 63 lower-case letters, digits and hyphens. No dots, because the TLS certificate
    /// of S3 does not cover them. Immutable. Whoever may write to it can act as any ServiceAccount of this cluster.
    #[schemars(length(max = 63))]
    #[x_kube(validation = Rule::new("!self.contains('.')")
        .message("spec.publish.s3.bucket must not contain dots, the TLS certificate of S3 does not cover them; use hyphens"))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$')")
        .message("spec.publish.s3.bucket must be 3 to 63 lower-case letters, digits and hyphens, starting and ending with a letter or digit"))]
    #[x_kube(validation = Rule::new("!self.matches('^(xn--|sthree-|amzn-s3-demo-)') && !self.matches('(-s3alias|--ol-s3|--x-s3|--table-s3)$')")
        .message("spec.publish.s3.bucket must not start with xn--, sthree- or amzn-s3-demo- nor end with -s3alias, --ol-s3, --x-s3 or --table-s3, S3 reserves them"))]
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("spec.publish.s3.bucket is immutable; to move to another bucket create a second OidcFederation"))]
    pub bucket: String,
    /// The bucket's region.
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new(schema::REGION)
        .message("spec.publish.s3.region must be an AWS region such as eu-central-1"))]
    pub region: String,
    /// The AWS account that owns the bucket; every call to S3 demands it, so that a bucket of the same name in other
    /// hands is never written to. When absent: the account of the operator's credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new(schema::ACCOUNT_ID)
        .message("spec.publish.s3.bucketOwner must be an AWS account id of 12 digits, in quotes"))]
    pub bucket_owner: Option<String>,
    /// Who makes the two documents readable for everyone. `BucketPolicy`: the operator keeps one statement in the
    /// bucket's policy that allows reading exactly these two objects; the issuer must then be the bucket's own address.
    /// `Unmanaged`: someone else does, by a policy from Terraform or with CloudFront in front of a private bucket.
    #[serde(default)]
    pub access: BucketAccess,
    /// The Cache-Control header of both documents. Short, because a new signing key is of no use until caches expire.
    #[serde(default = "default_cache_control")]
    #[schemars(length(max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[ -~]+$')")
        .message("spec.publish.s3.cacheControl must be a Cache-Control header of printable ASCII, such as public, max-age=300"))]
    pub cache_control: String,
}

/// Who makes the published documents readable for everyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum BucketAccess {
    /// The operator, by one statement in the bucket's policy.
    #[default]
    BucketPolicy,
    /// Somebody else.
    Unmanaged,
}

/// How long signing keys stay published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SigningKeys {
    /// How long a key stays published after the last API server stopped serving it, at most 8760h. Tokens signed with
    /// it are refused by AWS from then on, and a pod's token lives for up to 24h, so less than 24h cuts pods off.
    #[serde(default = "default_retain_for")]
    #[x_kube(validation = Rule::new("duration(self) <= duration('8760h')")
        .message("spec.signingKeys.retainFor must be at most 8760h (one year)"))]
    pub retain_for: Duration,
    /// Keys that are published before any API server serves them, at most 20: AWS and the caches in front of it then know
    /// the next key when the first token is signed with it. Announce it here, give it to the API servers a day later. A key
    /// that is taken off the list stays published for `retainFor`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub additional: Vec<AdditionalKey>,
    /// Keys that have leaked, at most 100. They are taken out at once and never published, whoever serves them and however
    /// few are left; AWS refuses every token that was signed with them. AWS credentials that somebody got with such a token
    /// before live on until they expire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["thumbprint".into()]))]
    pub revoke: Vec<RevokedKey>,
}

/// A signing key that no API server serves yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdditionalKey {
    /// What you call it; tokens and documents carry the `kid` that Kubernetes derives from the key itself.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')")
        .message("spec.signingKeys.additional.name must be lower-case letters, digits, hyphens and dots, starting and ending with a letter or digit"))]
    pub name: String,
    /// The public key in PEM, one block `BEGIN PUBLIC KEY` as in kubeadm's `sa.pub`: RSA, or EC on P-256, P-384 or P-521.
    #[schemars(length(max = 4096))]
    #[x_kube(validation = Rule::new("!self.contains('PRIVATE KEY-----')")
        .message("spec.signingKeys.additional.publicKeyPem must be the public key; what was sent is a private one and may be in logs now, so make another"))]
    #[x_kube(validation = Rule::new("self.trim().startsWith('-----BEGIN PUBLIC KEY-----') && self.trim().endsWith('-----END PUBLIC KEY-----')")
        .message("spec.signingKeys.additional.publicKeyPem must be one PEM block from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----; convert other forms with openssl pkey -pubout or openssl x509 -pubkey"))]
    pub public_key_pem: String,
}

/// A signing key that must not be published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevokedKey {
    /// The key's thumbprint as in `status.keys`: the SHA-256 of its public key in DER form (`SubjectPublicKeyInfo`), in
    /// hexadecimal digits.
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9a-f]{64}$')")
        .message("spec.signingKeys.revoke.thumbprint must be 64 lower-case hexadecimal digits, as in status.keys"))]
    pub thumbprint: String,
}

impl Default for SigningKeys {
    fn default() -> Self {
        Self {
            retain_for: default_retain_for(),
            additional: Vec::new(),
            revoke: Vec::new(),
        }
    }
}

/// How the operator reaches AWS for one federation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsConnection {
    /// The region whose IAM and STS endpoints are used; it also decides the partition. When absent:
    /// `spec.publish.s3.region`.
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

fn default_cache_control() -> String {
    "public, max-age=300".into()
}

const fn default_interval() -> Duration {
    Duration::from_secs(10 * 60)
}

const fn default_retain_for() -> Duration {
    Duration::from_secs(48 * 3600)
}
