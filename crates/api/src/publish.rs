//! `spec.publish` of an `OidcFederation`: the S3 bucket that its documents are published to, or that somebody else publishes.

use std::borrow::Cow;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{Adoption, schema};

/// Where the documents are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Publish {
    /// In an S3 bucket.
    S3(S3Publish),
    /// Somewhere by somebody else.
    External(ExternalPublish),
}

/// Somebody else publishes: there is nothing to say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
pub struct ExternalPublish {}

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
        let external = json_schema!({
            "type": "object",
            "description": "Somebody else publishes both documents under the issuer: they are read and judged, and never \
                            written. Another OidcFederation with the same issuer does for a second AWS account, for example.",
        });
        json_schema!({
            "type": "object",
            "properties": { "s3": s3, "external": external },
            "x-kubernetes-validations": [{
                "rule": "has(self.s3) != has(self.external)",
                "message": "spec.publish must have exactly one member: s3, or external if somebody else publishes",
            }, {
                "rule": "has(self.s3) == has(oldSelf.s3)",
                "message": "spec.publish.s3 and spec.publish.external cannot replace each other; create a second OidcFederation",
            }],
        })
    }
}

/// An S3 bucket that holds the documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!self.create || !has(self.bucketOwner)")
    .message("spec.publish.s3.create makes the bucket in the account of the operator's credentials; leave bucketOwner out"))]
pub struct S3Publish {
    /// Name of the bucket: 3 to 63 lower-case letters, digits and hyphens. No dots, because the TLS certificate
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
    /// Whether the bucket is created if there is none of this name: in the caller's account, with ACLs off, and open to
    /// public bucket policies if `access` is BucketPolicy. One that was created so is deleted with this object if it is empty
    /// then; any other is never deleted.
    #[serde(default)]
    pub create: bool,
    /// Who makes the two documents readable for everyone. `BucketPolicy`: the operator keeps one statement in the
    /// bucket's policy that allows reading exactly these two objects; the issuer must then be the bucket's own address.
    /// `Unmanaged`: someone else does, by a policy from Terraform or with CloudFront in front of a private bucket.
    #[serde(default)]
    pub access: BucketAccess,
    /// Whether documents that somebody else put under our keys are taken over. `IfTagged`: those on which an AWS administrator
    /// has set the user metadata `irsa-anywhere-adopt` to the value that the condition Published names, and only while no
    /// key of theirs would get lost. Ours are always taken up again.
    #[serde(default)]
    pub adopt: Adoption,
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

fn default_cache_control() -> String {
    "public, max-age=300".into()
}
