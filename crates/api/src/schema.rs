//! Schema fragments and CEL expressions that more than one field uses.
//!
//! Patterns that a person can get wrong are CEL rules and not `pattern`s: the API server can only say of a pattern that
//! it did not match, while a rule says what to write instead.

use schemars::{Schema, SchemaGenerator, json_schema};

/// An AWS account id.
pub(crate) const ACCOUNT_ID: &str = "self.matches('^[0-9]{12}$')";

/// An AWS region of any partition: `eu-central-1`, `us-gov-west-1`, `eusc-de-east-1`, `us-isob-east-1`.
pub(crate) const REGION: &str = "self.matches('^[a-z]{2,5}(-[a-z]+){1,3}-[0-9]{1,2}$')";

/// An AWS region, or the word that stands for none.
pub(crate) const POD_REGION: &str = "self == 'None' || self.matches('^[a-z]{2,5}(-[a-z]+){1,3}-[0-9]{1,2}$')";

/// ARN of an IAM role in any partition (`aws`, `aws-cn`, `aws-us-gov`, `aws-eusc`, `aws-iso`, `aws-iso-b`, …).
pub(crate) const ROLE_ARN: &str =
    "self.matches('^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/([!-~]+/)?[A-Za-z0-9_+=,.@-]{1,64}$')";

/// ARN of a customer-managed or AWS-managed policy in any partition.
pub(crate) const POLICY_ARN: &str =
    "self.matches('^arn:aws(-[a-z]+)*:iam::([0-9]{12}|aws):policy/([!-~]+/)?[A-Za-z0-9_+=,.@-]{1,128}$')";

/// Every item is the name of an AWS-managed policy (with its path, such as `service-role/…`) or a policy ARN.
pub(crate) const MANAGED_POLICIES: &str = "self.all(p, p.matches('^(arn:aws(-[a-z]+)*:iam::([0-9]{12}|aws):policy/)?\
     ([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,128}$'))";

/// As [`MANAGED_POLICIES`], with `*` allowed after `policy/`.
pub(crate) const MANAGED_POLICY_PATTERNS: &str = "self.all(p, p.matches('^(arn:aws(-[a-z]+)*:iam::([0-9]{12}|aws):policy/)?\
     ([A-Za-z0-9_+=,.@*-]+/)*[A-Za-z0-9_+=,.@*-]{1,128}$'))";

/// Audiences are opaque to IAM; blanks and control characters are always a slip.
pub(crate) const AUDIENCES: &str = "self.all(a, a.matches('^[!-~]+$'))";

/// No tag key is reserved, by AWS (`aws:`, in any case) or by us.
pub(crate) const TAG_KEYS_FREE: &str =
    "self.all(k, !k.startsWith('irsa-anywhere.dev/') && !k.matches('^[aA][wW][sS]:'))";

/// Tag keys in a list have IAM's characters.
pub(crate) const TAG_KEYS_VALID: &str = r"self.all(k, k.matches('^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{1,128}$'))";

/// No pattern of tag keys is within what is reserved, by AWS or by us.
pub(crate) const TAG_PATTERNS_FREE: &str = "self.all(k, !k.matches('(?i)^(irsa-anywhere.dev/|aws:)'))";

/// Patterns of tag keys have IAM's characters and may end in a `*`.
pub(crate) const TAG_PATTERNS_VALID: &str = r"self.all(k, k.matches('^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{1,128}[*]?$'))";

/// No key that tenants may set is left to somebody else.
pub(crate) const TAG_KEYS_APART: &str = "!has(self.ignoredTagKeys) || !has(self.allowedTagKeys) || \
     self.allowedTagKeys.all(k, self.ignoredTagKeys.all(p, p.endsWith('*') ? \
     !k.lowerAscii().startsWith(p.lowerAscii().replace('*', '')) : k.lowerAscii() != p.lowerAscii()))";

/// Tag keys and values in a map have IAM's lengths and characters.
pub(crate) const TAGS_VALID: &str = r"self.all(k, k.matches('^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{1,128}$') && self[k].matches('^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]*$'))";

/// No key of labels or annotations is one that others read a meaning out of.
pub(crate) const TEMPLATE_KEYS_FREE: &str = "self.all(k, k.startsWith('app.kubernetes.io/') || \
     !k.matches('^([a-z0-9.-]+[.])?(irsa-anywhere[.]dev|eks[.]amazonaws[.]com|kubernetes[.]io|k8s[.]io)/'))";

/// Keys of labels and annotations have Kubernetes' form.
pub(crate) const TEMPLATE_KEYS_VALID: &str = "self.all(k, k.size() <= 317 && \
     k.matches('^([a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$'))";

/// Values of labels have Kubernetes' form.
pub(crate) const LABEL_VALUES_VALID: &str =
    "self.all(k, self[k].matches('^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$'))";

/// What IAM takes as a role's longest session.
pub(crate) const SESSION_DURATION: &str = "duration(self) >= duration('1h') && duration(self) <= duration('12h') && \
     duration(self).getMilliseconds() % 1000 == 0";

/// Tags: a map, not a list, as people write them; IAM takes 50, and the rest is for our own.
pub(crate) fn tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 40,
        "additionalProperties": { "type": "string", "maxLength": 256 },
    })
}

/// Labels of a template.
pub(crate) fn template_labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": { "type": "string", "maxLength": 63 },
    })
}

/// Annotations of a template.
pub(crate) fn template_annotations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": { "type": "string", "maxLength": 4096 },
    })
}

/// meta/v1 conditions as a list-map by `type`, with the bounds that meta/v1 documents.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "type": {
                    "type": "string",
                    "maxLength": 316,
                    "description": "What the condition is about.",
                },
                "status": {
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                    "description": "True, False or Unknown.",
                },
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                    "description": "The generation of the spec that the condition speaks of.",
                },
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When `status` last changed.",
                },
                "reason": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "description": "One word of a closed list, for programs.",
                },
                "message": {
                    "type": "string",
                    "maxLength": 32768,
                    "description": "What is wrong and what to do about it, for people.",
                },
            },
        },
    })
}

/// A meta/v1 label selector, bounded, and checked where the API server's own type is not.
pub(crate) fn label_selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "x-kubernetes-validations": [{
            "rule": "(has(self.matchLabels) && self.matchLabels.size() > 0) || \
                     (has(self.matchExpressions) && self.matchExpressions.size() > 0)",
            "message": "spec.bindings.allowedNamespaces.selector must select something; \
                        to admit every namespace say from: All",
        }],
        "properties": {
            "matchLabels": {
                "type": "object",
                "maxProperties": 32,
                "additionalProperties": { "type": "string", "maxLength": 63 },
                "description": "Labels that a namespace must have, with these values.",
            },
            "matchExpressions": {
                "type": "array",
                "maxItems": 32,
                "x-kubernetes-list-type": "atomic",
                "description": "Requirements that a namespace's labels must all meet.",
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "x-kubernetes-validations": [{
                        "rule": "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
                        "message": "matchExpressions: In and NotIn need values; Exists and DoesNotExist take none",
                    }],
                    "properties": {
                        "key": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 317,
                            "description": "The label's key.",
                        },
                        "operator": {
                            "type": "string",
                            "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
                            "description": "How the label relates to `values`.",
                        },
                        "values": {
                            "type": "array",
                            "maxItems": 32,
                            "x-kubernetes-list-type": "atomic",
                            "items": { "type": "string", "maxLength": 63 },
                            "description": "For In and NotIn.",
                        },
                    },
                },
            },
        },
    })
}

/// An IAM policy document. Atomic: two field managers must never blend two documents into one.
pub(crate) fn policy_document(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "x-kubernetes-map-type": "atomic",
        "x-kubernetes-preserve-unknown-fields": true,
    })
}
