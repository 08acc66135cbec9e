//! Rows about `spec.bindings`.

use serde_json::{Value, json};

use super::rules;
use crate::bench::Row;

/// A selector of one expression.
fn expression(expression: &Value) -> Value {
    rules(json!({"allowedNamespaces": {"from": "Selector", "selector": {"matchExpressions": [expression]}}}))
}

pub(super) fn rows() -> Vec<Row> {
    let boundary = "arn:aws:iam::123456789012:policy/irsa-boundary";
    vec![
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
        ("prefix of 32", rules(json!({"roleNamePrefix": "a".repeat(32)})), None),
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
            "tag key with a star",
            rules(json!({"allowedTagKeys": ["team-*"]})),
            Some("spec.bindings.allowedTagKeys must have letters, digits"),
        ),
        (
            "tag key of 128",
            rules(json!({"allowedTagKeys": ["k".repeat(128)]})),
            None,
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
            "selector that selects nothing",
            rules(json!({"allowedNamespaces": {"from": "Selector", "selector": {}}})),
            Some("must select something; to admit every namespace say from: All"),
        ),
        (
            "selector of empty lists",
            rules(
                json!({"allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {}, "matchExpressions": []}}}),
            ),
            Some("must select something"),
        ),
        (
            "In without values",
            expression(&json!({"key": "a", "operator": "In"})),
            Some("In and NotIn need values"),
        ),
        (
            "NotIn without values",
            expression(&json!({"key": "a", "operator": "NotIn", "values": []})),
            Some("In and NotIn need values"),
        ),
        (
            "Exists with values",
            expression(&json!({"key": "a", "operator": "Exists", "values": ["b"]})),
            Some("Exists and DoesNotExist take none"),
        ),
        (
            "DoesNotExist with values",
            expression(&json!({"key": "a", "operator": "DoesNotExist", "values": ["b"]})),
            Some("Exists and DoesNotExist take none"),
        ),
        (
            "In with a value",
            expression(&json!({"key": "a", "operator": "In", "values": ["b"]})),
            None,
        ),
        ("Exists", expression(&json!({"key": "a", "operator": "Exists"})), None),
        (
            "selector",
            rules(json!({"allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}})),
            None,
        ),
    ]
}
