//! Rows about everything but issuer, bucket and `spec.bindings`.

use serde_json::{Value, json};

use crate::bench::Row;

/// What the schema looks at; that the bytes are a key is for the operator to find out.
const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";

fn announced(keys: &Value) -> Value {
    json!({"spec": {"signingKeys": {"additional": keys}}})
}

fn assumed(external_id: &str) -> Value {
    let role = json!({"arn": "arn:aws:iam::123456789012:role/x", "externalId": external_id});
    json!({"spec": {"aws": {"assumeRole": role}}})
}

pub(super) fn rows() -> Vec<Row> {
    let many = (0..101).map(|n| format!("aud-{n}")).collect::<Vec<_>>();
    let tags = (0..41)
        .map(|n| (format!("k{n}"), json!("v")))
        .collect::<serde_json::Map<_, _>>();
    vec![
        (
            "what pods get",
            json!({"spec": {"pods": {"region": "eusc-de-east-1", "sessionName": "PodName", "stsRegionalEndpoints": true, "instanceMetadata": "Disabled"}}}),
            None,
        ),
        (
            "no region for pods",
            json!({"spec": {"pods": {"region": "None"}}}),
            None,
        ),
        (
            "pods in no region",
            json!({"spec": {"pods": {"region": "none"}}}),
            Some("spec.pods.region must be an AWS region such as eu-central-1, or None"),
        ),
        (
            "pods in a very long region",
            json!({"spec": {"pods": {"region": format!("eu-{}-1", "a".repeat(40))}}}),
            Some("32"),
        ),
        (
            "pods named by their node",
            json!({"spec": {"pods": {"sessionName": "NodeName"}}}),
            Some("Unsupported value"),
        ),
        (
            "no metadata",
            json!({"spec": {"pods": {"instanceMetadata": "Off"}}}),
            Some("Unsupported value"),
        ),
        (
            "audiences",
            json!({"spec": {"audiences": ["sts.amazonaws.com", "other"]}}),
            None,
        ),
        (
            "no audience",
            json!({"spec": {"audiences": []}}),
            Some("spec.audiences"),
        ),
        (
            "101 audiences",
            json!({"spec": {"audiences": many}}),
            Some("spec.audiences"),
        ),
        (
            "audience with a blank",
            json!({"spec": {"audiences": ["a b"]}}),
            Some("must not contain blanks"),
        ),
        (
            "thumbprint with colons",
            json!({"spec": {"thumbprints": ["AA:BB"]}}),
            Some("40 lower-case hexadecimal digits"),
        ),
        (
            "account as words",
            json!({"spec": {"aws": {"accountId": "prod"}}}),
            Some("12 digits"),
        ),
        (
            "role to assume",
            json!({"spec": {"aws": {"assumeRole": {"arn": "arn:aws:iam::123456789012:role/x"}}}}),
            None,
        ),
        (
            "user to assume",
            json!({"spec": {"aws": {"assumeRole": {"arn": "arn:aws:iam::123456789012:user/x"}}}}),
            Some("must be a role's ARN"),
        ),
        (
            "role to assume, with the longest and the shortest external id",
            assumed(&"x".repeat(1224)),
            None,
        ),
        ("external id of two characters", assumed("a1"), None),
        (
            "external id of one character",
            assumed("a"),
            Some("spec.aws.assumeRole.externalId must be 2 to 1224 letters"),
        ),
        (
            "external id with a blank",
            assumed("a b"),
            Some("spec.aws.assumeRole.externalId must be 2 to 1224 letters"),
        ),
        (
            "AWS in no region",
            json!({"spec": {"aws": {"region": "Frankfurt"}}}),
            Some("spec.aws.region must be an AWS region such as eu-central-1"),
        ),
        (
            "AWS in another region",
            json!({"spec": {"aws": {"region": "us-isob-east-1"}}}),
            None,
        ),
        (
            "a tag with an asterisk",
            json!({"spec": {"tags": {"team": "*"}}}),
            Some("spec.tags must have keys of 1 to 128 and values"),
        ),
        (
            "a tag's longest key and value",
            json!({"spec": {"tags": {"k".repeat(128): "v".repeat(256)}}}),
            None,
        ),
        (
            "a tag's key of 129",
            json!({"spec": {"tags": {"k".repeat(129): "v"}}}),
            Some("spec.tags must have keys of 1 to 128"),
        ),
        (
            "our tag",
            json!({"spec": {"tags": {"irsa-anywhere.dev/cluster": "x"}}}),
            Some("reserved"),
        ),
        ("AWS's tag", json!({"spec": {"tags": {"aws:x": "x"}}}), Some("reserved")),
        ("41 tags", json!({"spec": {"tags": tags}}), Some("spec.tags")),
        (
            "interval of a second",
            json!({"spec": {"interval": "1s"}}),
            Some("between 10s and 24h"),
        ),
        (
            "interval in words",
            json!({"spec": {"interval": "often"}}),
            Some("spec.interval"),
        ),
        (
            "retention over a year",
            json!({"spec": {"signingKeys": {"retainFor": "8761h"}}}),
            Some("one year"),
        ),
        (
            "a revoked key",
            json!({"spec": {"signingKeys": {"revoke": [{"thumbprint": "0a".repeat(32)}]}}}),
            None,
        ),
        (
            "somebody else publishes",
            json!({"spec": {"publish": {"s3": null, "external": {}}, "aws": {"region": "eu-central-1"}}}),
            None,
        ),
        (
            "somebody else publishes and nobody says where AWS is",
            json!({"spec": {"publish": {"s3": null, "external": {}}}}),
            Some("spec.aws.region is required"),
        ),
        (
            "two publishers",
            json!({"spec": {"publish": {"external": {}}}}),
            Some("exactly one member"),
        ),
        (
            "an existing provider",
            json!({"spec": {"provider": {"management": "Existing"}}}),
            None,
        ),
        (
            "a provider to adopt",
            json!({"spec": {"provider": {"adopt": "IfTagged"}}}),
            None,
        ),
        (
            "an adoption of anything",
            json!({"spec": {"provider": {"adopt": "Always"}}}),
            Some("Unsupported value"),
        ),
        (
            "an announced key",
            announced(&json!([{"name": "next", "publicKeyPem": PEM}])),
            None,
        ),
        (
            "an announced key that is private",
            announced(&json!([{"name": "next", "publicKeyPem": PEM.replace("PUBLIC", "PRIVATE")}])),
            Some("so make another"),
        ),
        (
            "an announced key in another form",
            announced(&json!([{"name": "next", "publicKeyPem": PEM.replace("PUBLIC", "RSA PUBLIC")}])),
            Some("openssl pkey -pubout"),
        ),
        (
            "an announced key without a name",
            announced(&json!([{"publicKeyPem": PEM}])),
            Some("name: Required value"),
        ),
        (
            "an announced key with capitals in its name",
            announced(&json!([{"name": "Next", "publicKeyPem": PEM}])),
            Some("spec.signingKeys.additional.name must be lower-case letters"),
        ),
        (
            "an announced key of one character",
            announced(&json!([{"name": "k", "publicKeyPem": PEM}])),
            None,
        ),
        (
            "an announced key of 63 characters",
            announced(&json!([{"name": "k".repeat(63), "publicKeyPem": PEM}])),
            None,
        ),
        (
            "two announced keys of one name",
            announced(&json!([{"name": "next", "publicKeyPem": PEM}, {"name": "next", "publicKeyPem": PEM}])),
            Some("Duplicate value"),
        ),
        (
            "a revoked key by its kid",
            json!({"spec": {"signingKeys": {"revoke": [{"thumbprint": "Peh3Bj-iAQeTJ8Yf_5KYgeYdZAymfoczLTkwmJXxNsk"}]}}}),
            Some("64 lower-case hexadecimal digits"),
        ),
        (
            "a key revoked twice",
            json!({"spec": {"signingKeys": {"revoke": [{"thumbprint": "0a".repeat(32)}, {"thumbprint": "0a".repeat(32)}]}}}),
            Some("Duplicate value"),
        ),
        (
            "unknown deletion policy",
            json!({"spec": {"deletionPolicy": "Orphan"}}),
            Some("Unsupported value"),
        ),
        (
            "name of 63 characters",
            json!({"metadata": {"name": "a".repeat(63)}}),
            None,
        ),
        (
            "name of 64 characters",
            json!({"metadata": {"name": "a".repeat(64)}}),
            Some("at most 63 characters"),
        ),
    ]
}
