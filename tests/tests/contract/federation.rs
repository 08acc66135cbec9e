use serde_json::{Value, json};

use crate::bench::{Row, check, check_changes, federation};

fn issuer(issuer: &str) -> Value {
    json!({"spec": {"issuer": issuer, "publish": {"s3": {"access": "Unmanaged"}}}})
}

fn s3(change: Value) -> Value {
    json!({"spec": {"publish": {"s3": change}}})
}

fn rules(change: Value) -> Value {
    json!({"spec": {"bindings": change}})
}

#[tokio::test]
async fn an_issuer_is_taken_or_refused_with_the_fix() {
    let long = format!("https://example.com/{}", "a".repeat(240));
    let rows: Vec<Row> = vec![
        ("host and path of the bucket", json!({}), None),
        (
            "host alone",
            json!({"spec": {"issuer": "https://acme-irsa.s3.eu-central-1.amazonaws.com"}}),
            None,
        ),
        ("another host, unmanaged", issuer("https://oidc.example.com/prod"), None),
        (
            "http",
            issuer("http://oidc.example.com"),
            Some("must start with https://"),
        ),
        (
            "no scheme",
            issuer("oidc.example.com"),
            Some("must start with https://"),
        ),
        (
            "port",
            issuer("https://oidc.example.com:8443"),
            Some("must not have a port"),
        ),
        (
            "user",
            issuer("https://me@oidc.example.com"),
            Some("must not have a port or user information"),
        ),
        (
            "query",
            issuer("https://oidc.example.com/a?b=c"),
            Some("must not have a query or a fragment"),
        ),
        (
            "fragment",
            issuer("https://oidc.example.com/a#b"),
            Some("must not have a query or a fragment"),
        ),
        (
            "trailing slash",
            issuer("https://oidc.example.com/a/"),
            Some("must not end with a slash"),
        ),
        (
            "upper-case host",
            issuer("https://OIDC.example.com"),
            Some("lower-case"),
        ),
        (
            "host without a dot",
            issuer("https://kubernetes"),
            Some("at least one dot"),
        ),
        (
            "empty path segment",
            issuer("https://oidc.example.com/a//b"),
            Some("plain segments"),
        ),
        (
            "segment with a dot first",
            issuer("https://oidc.example.com/.well-known"),
            Some("plain segments"),
        ),
        (
            "256 characters",
            json!({"spec": {"issuer": long, "publish": {"s3": {"access": "Unmanaged"}}}}),
            Some("255"),
        ),
        (
            "another host, bucket policy",
            json!({"spec": {"issuer": "https://oidc.example.com"}}),
            Some("spec.issuer must be https://acme-irsa.s3.eu-central-1.amazonaws.com"),
        ),
        (
            "a host that only starts like the bucket's",
            json!({"spec": {"issuer": "https://acme-irsa.s3.eu-central-1.amazonaws.com.evil.example"}}),
            Some("spec.issuer must be https://"),
        ),
        (
            "China has its own suffix",
            json!({"spec": {
                "issuer": "https://acme-irsa.s3.cn-north-1.amazonaws.com.cn/x",
                "publish": {"s3": {"region": "cn-north-1"}}}}),
            None,
        ),
        (
            "none",
            json!({"spec": {"issuer": null}}),
            Some("spec.issuer: Required value"),
        ),
    ];
    check(federation, rows).await;
}

#[tokio::test]
async fn a_bucket_is_taken_or_refused_with_the_fix() {
    let named = |bucket: &str| {
        json!({"spec": {"issuer": "https://oidc.example.com",
                        "publish": {"s3": {"bucket": bucket, "access": "Unmanaged"}}}})
    };
    let rows: Vec<Row> = vec![
        ("dots", named("acme.irsa"), Some("must not contain dots")),
        ("capitals", named("Acme"), Some("3 to 63 lower-case letters")),
        ("two characters", named("ab"), Some("3 to 63")),
        ("hyphen last", named("acme-"), Some("3 to 63")),
        ("reserved prefix", named("xn--acme"), Some("S3 reserves them")),
        ("reserved suffix", named("acme-s3alias"), Some("S3 reserves them")),
        (
            "no such region",
            s3(json!({"region": "Frankfurt"})),
            Some("must be an AWS region"),
        ),
        (
            "owner with 11 digits",
            s3(json!({"bucketOwner": "12345678901"})),
            Some("12 digits"),
        ),
        ("owner", s3(json!({"bucketOwner": "123456789012"})), None),
        (
            "no member",
            json!({"spec": {"publish": {"s3": null}}}),
            Some("spec.publish must have exactly one member"),
        ),
        (
            "unknown access",
            s3(json!({"access": "Acl"})),
            Some("Unsupported value"),
        ),
        ("cache control", s3(json!({"cacheControl": "public, max-age=60"})), None),
        (
            "cache control with a line break",
            s3(json!({"cacheControl": "a\nb"})),
            Some("printable ASCII"),
        ),
    ];
    check(federation, rows).await;
}

#[tokio::test]
async fn guard_rails_and_the_rest_are_taken_or_refused_with_the_fix() {
    let boundary = "arn:aws:iam::123456789012:policy/irsa-boundary";
    let many = (0..101).map(|n| format!("aud-{n}")).collect::<Vec<_>>();
    let tags = (0..41)
        .map(|n| (format!("k{n}"), json!("v")))
        .collect::<serde_json::Map<_, _>>();
    let rows: Vec<Row> = vec![
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
            "inline without boundary",
            rules(json!({"inlinePolicies": "Allow"})),
            Some("needs spec.bindings.permissionsBoundary"),
        ),
        (
            "inline with boundary",
            rules(json!({"inlinePolicies": "Allow", "permissionsBoundary": boundary})),
            None,
        ),
        (
            "boundary of China",
            rules(json!({"permissionsBoundary": "arn:aws-cn:iam::123456789012:policy/b"})),
            None,
        ),
        (
            "boundary that is a role",
            rules(json!({"permissionsBoundary": "arn:aws:iam::123456789012:role/b"})),
            Some("must be a policy's ARN"),
        ),
        (
            "policy patterns",
            rules(
                json!({"allowedManagedPolicies": ["AmazonS3ReadOnlyAccess", "arn:aws:iam::123456789012:policy/team-*"]}),
            ),
            None,
        ),
        (
            "pattern over accounts",
            rules(json!({"allowedManagedPolicies": ["arn:aws:iam::*:policy/x"]})),
            Some("with * only after policy/"),
        ),
        (
            "path without slash",
            rules(json!({"rolePath": "irsa"})),
            Some("must start and end with a slash"),
        ),
        (
            "path of every role",
            rules(json!({"rolePath": "/"})),
            Some("rolePath must not be /:"),
        ),
        (
            "path of AWS",
            rules(json!({"rolePath": "/aws-service-role/"})),
            Some("AWS keeps them"),
        ),
        (
            "prefix too long",
            rules(json!({"roleNamePrefix": "a".repeat(33)})),
            Some("1 to 32"),
        ),
        (
            "session of half an hour",
            rules(json!({"maxSessionDuration": "30m"})),
            Some("between 1h and 12h"),
        ),
        (
            "session of 13 hours",
            rules(json!({"maxSessionDuration": "13h"})),
            Some("between 1h and 12h"),
        ),
        ("session", rules(json!({"maxSessionDuration": "2h30m"})), None),
        (
            "reserved tag key",
            rules(json!({"allowedTagKeys": ["irsa-anywhere.dev/cluster"]})),
            Some("reserved"),
        ),
        (
            "ignored tag keys",
            rules(json!({"allowedTagKeys": ["app"], "ignoredTagKeys": ["cost-centre", "Acme:*"]})),
            None,
        ),
        (
            "ignored tag key of ours",
            rules(json!({"ignoredTagKeys": ["IRSA-Anywhere.dev/*"]})),
            Some("never somebody else's"),
        ),
        (
            "ignored tag key of AWS",
            rules(json!({"ignoredTagKeys": ["aws:x"]})),
            Some("never somebody else's"),
        ),
        (
            "all tags ignored",
            rules(json!({"ignoredTagKeys": ["*"]})),
            Some("not alone"),
        ),
        (
            "star in the middle",
            rules(json!({"ignoredTagKeys": ["a*b"]})),
            Some("at the end only"),
        ),
        (
            "tag key allowed and ignored",
            rules(json!({"allowedTagKeys": ["Team-a"], "ignoredTagKeys": ["team-*"]})),
            Some("leaves to somebody else"),
        ),
        (
            "selector without from",
            rules(json!({"allowedNamespaces": {"from": "All", "selector": {"matchLabels": {"a": "b"}}}})),
            Some("goes with from: Selector"),
        ),
        (
            "from without selector",
            rules(json!({"allowedNamespaces": {"from": "Selector"}})),
            Some("needs it"),
        ),
        (
            "selector",
            rules(json!({"allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}})),
            None,
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
            "name of 64 characters",
            json!({"metadata": {"name": "a".repeat(64)}}),
            Some("at most 63 characters"),
        ),
    ];
    check(federation, rows).await;
}

#[tokio::test]
async fn what_cannot_change_in_aws_cannot_change_in_the_spec() {
    let mut stored = federation();
    stored["metadata"]["name"] = json!("immutable");
    let rows: Vec<Row> = vec![
        (
            "issuer",
            json!({"spec": {"issuer": "https://acme-irsa.s3.eu-central-1.amazonaws.com/other"}}),
            Some("spec.issuer is immutable"),
        ),
        (
            "bucket",
            s3(json!({"bucket": "other", "access": "Unmanaged"})),
            Some("bucket is immutable"),
        ),
        (
            "role path set later",
            rules(json!({"rolePath": "/x/"})),
            Some("rolePath is immutable"),
        ),
        (
            "name prefix set later",
            rules(json!({"roleNamePrefix": "x-"})),
            Some("roleNamePrefix is immutable"),
        ),
        (
            "somebody else publishes from now on",
            json!({"spec": {"publish": {"s3": null, "external": {}}, "aws": {"region": "eu-central-1"}}}),
            Some("cannot replace each other"),
        ),
        (
            "somebody else keeps the provider from now on",
            json!({"spec": {"provider": {"management": "Existing"}}}),
            None,
        ),
        ("audiences", json!({"spec": {"audiences": ["a"]}}), None),
        ("suspend", json!({"spec": {"suspend": true}}), None),
    ];
    check_changes(&stored, rows).await;
}

/// What the schema looks at; that the bytes are a key is for the operator to find out.
const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";

fn announced(keys: &Value) -> Value {
    json!({"spec": {"signingKeys": {"additional": keys}}})
}
