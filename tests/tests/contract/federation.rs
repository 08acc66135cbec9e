//! OidcFederations that the API server takes, and those that it refuses with the fix.

mod rails;
mod rest;

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

fn issuers() -> Vec<Row> {
    let long = format!("https://example.com/{}", "a".repeat(240));
    vec![
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
    ]
}

fn buckets() -> Vec<Row> {
    let named = |bucket: &str| {
        json!({"spec": {"issuer": "https://oidc.example.com",
                        "publish": {"s3": {"bucket": bucket, "access": "Unmanaged"}}}})
    };
    vec![
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
        (
            "owner of a bucket that is to be made",
            s3(json!({"create": true, "bucketOwner": "123456789012"})),
            Some("leave bucketOwner out"),
        ),
        ("a bucket that is to be made", s3(json!({"create": true})), None),
        ("63 characters", named(&"a".repeat(63)), None),
        ("three characters", named("abc"), None),
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
    ]
}

/// Changes of what is stored.
pub(crate) fn changes() -> Vec<Row> {
    vec![
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
    ]
}

/// Every row of one federation.
pub(crate) fn offers() -> Vec<Row> {
    [issuers(), buckets(), rails::rows(), rest::rows()].concat()
}

#[tokio::test]
async fn an_issuer_is_taken_or_refused_with_the_fix() {
    check(federation, issuers()).await;
}

#[tokio::test]
async fn a_bucket_is_taken_or_refused_with_the_fix() {
    check(federation, buckets()).await;
}

#[tokio::test]
async fn guard_rails_are_taken_or_refused_with_the_fix() {
    check(federation, rails::rows()).await;
}

#[tokio::test]
async fn the_rest_is_taken_or_refused_with_the_fix() {
    check(federation, rest::rows()).await;
}

#[tokio::test]
async fn what_cannot_change_in_aws_cannot_change_in_the_spec() {
    let mut stored = federation();
    stored["metadata"]["name"] = json!("immutable");
    check_changes(&stored, changes()).await;
}
