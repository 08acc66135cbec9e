//! IamRoleBindings that the API server takes, and those that it refuses with the fix.

use serde_json::{Value, json};

use crate::bench::{Row, binding, check, check_changes};

fn accounts(names: &[&str]) -> Value {
    json!({"spec": {"serviceAccounts": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()}})
}

fn role(change: Value) -> Value {
    json!({"spec": {"role": change}})
}

fn policies(change: Value) -> Value {
    json!({"spec": {"policies": change}})
}

fn template(template: Value) -> Value {
    json!({"spec": {"serviceAccountMode": "Create", "serviceAccountTemplate": template}})
}

/// Every row of one binding.
pub(crate) fn offers() -> Vec<Row> {
    let sixteen: Vec<String> = (0..16).map(|n| format!("app-{n}")).collect();
    let seventeen: Vec<String> = (0..17).map(|n| format!("app-{n}")).collect();
    let names = |names: &[String]| accounts(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let document = json!({"Version": "2012-10-17", "Statement": []});
    vec![
        ("the least", json!({}), None),
        ("16 accounts", names(&sixteen), None),
        ("17 accounts", names(&seventeen), Some("serviceAccounts")),
        ("no account", accounts(&[]), Some("serviceAccounts")),
        ("the same twice", accounts(&["app", "app"]), Some("Duplicate value")),
        ("wildcard", accounts(&["*"]), Some("no wildcard and no namespace")),
        (
            "wildcard behind a name",
            accounts(&["app-*"]),
            Some("no wildcard and no namespace"),
        ),
        (
            "with namespace",
            accounts(&["other:app"]),
            Some("no wildcard and no namespace"),
        ),
        (
            "with slash",
            accounts(&["other/app"]),
            Some("no wildcard and no namespace"),
        ),
        (
            "what the proof needs",
            accounts(&["irsa-anywhere-canary"]),
            Some("must not be irsa-anywhere-canary"),
        ),
        (
            "almost what the proof needs",
            accounts(&["irsa-anywhere-canary2"]),
            None,
        ),
        ("capitals", accounts(&["App"]), Some("lower-case letters")),
        (
            "audience with a blank",
            json!({"spec": {"audiences": ["a b"]}}),
            Some("must not contain blanks"),
        ),
        (
            "federation by a strange name",
            json!({"spec": {"federationRef": {"name": "No!"}}}),
            Some("must be the name of an OidcFederation"),
        ),
        ("role name", role(json!({"name": "irsa-0a1b2c3d-default.app"})), None),
        (
            "role name with a slash",
            role(json!({"name": "a/b"})),
            Some("1 to 64 letters"),
        ),
        (
            "role name of 65",
            role(json!({"name": "a".repeat(65)})),
            Some("role.name"),
        ),
        (
            "description in Chinese",
            role(json!({"description": "角色"})),
            Some("characters that IAM accepts"),
        ),
        ("description", role(json!({"description": "Für die App"})), None),
        (
            "session of a minute",
            role(json!({"maxSessionDuration": "1m"})),
            Some("between 1h and 12h"),
        ),
        (
            "ownership tag",
            role(json!({"tags": {"irsa-anywhere.dev/name": "x"}})),
            Some("reserved"),
        ),
        (
            "tag with an asterisk",
            role(json!({"tags": {"team": "*"}})),
            Some("spec.role.tags must have keys of 1 to 128 and values"),
        ),
        (
            "a tag's longest key and value",
            role(json!({"tags": {"k".repeat(128): "v".repeat(256)}})),
            None,
        ),
        ("tag", role(json!({"tags": {"team": "a"}})), None),
        (
            "managed by name",
            policies(json!({"managed": ["AmazonS3ReadOnlyAccess"]})),
            None,
        ),
        (
            "managed by ARN",
            policies(json!({"managed": ["arn:aws-us-gov:iam::123456789012:policy/x"]})),
            None,
        ),
        (
            "managed with wildcard",
            policies(json!({"managed": ["arn:aws:iam::123456789012:policy/*"]})),
            Some("without wildcards"),
        ),
        (
            "managed that is a role",
            policies(json!({"managed": ["arn:aws:iam::123456789012:role/x"]})),
            Some("spec.policies.managed"),
        ),
        (
            "inline",
            policies(json!({"inline": [{"name": "a", "document": document}]})),
            None,
        ),
        (
            "inline twice",
            policies(json!({"inline": [{"name": "a", "document": document}, {"name": "a", "document": document}]})),
            Some("Duplicate value"),
        ),
        (
            "inline name",
            policies(json!({"inline": [{"name": "a b", "document": document}]})),
            Some("1 to 128 letters"),
        ),
        (
            "inline as text",
            policies(json!({"inline": [{"name": "a", "document": "{}"}]})),
            Some("document"),
        ),
        (
            "name of 63 characters",
            json!({"metadata": {"name": "a".repeat(63)}}),
            None,
        ),
        (
            "name of 64 characters",
            json!({"metadata": {"name": "a".repeat(64)}}),
            Some("metadata.name must have at most 63 characters: it becomes a label's value"),
        ),
        ("role name of 64", role(json!({"name": "a".repeat(64)})), None),
        ("role to adopt", role(json!({"adopt": "IfTagged"})), None),
        (
            "somebody else's role",
            json!({"spec": {"existingRole": {"arn": "arn:aws:iam::123456789012:role/path/app"}}}),
            None,
        ),
        (
            "somebody else's role by its name",
            json!({"spec": {"existingRole": {"arn": "app"}}}),
            Some("spec.existingRole.arn must be a role's ARN"),
        ),
        (
            "somebody else's role with policies",
            json!({"spec": {"existingRole": {"arn": "arn:aws:iam::123456789012:role/app"}, "policies": {"managed": ["X"]}}}),
            Some("must be left out"),
        ),
        (
            "somebody else's role to adopt",
            json!({"spec": {"existingRole": {"arn": "arn:aws:iam::123456789012:role/app"}, "role": {"adopt": "IfTagged"}}}),
            Some("must be left out"),
        ),
        (
            "somebody else's role to retain",
            json!({"spec": {"existingRole": {"arn": "arn:aws:iam::123456789012:role/app"}, "deletionPolicy": "Retain"}}),
            Some("is never deleted"),
        ),
        ("mode", json!({"spec": {"serviceAccountMode": "Create"}}), None),
        (
            "unknown mode",
            json!({"spec": {"serviceAccountMode": "Overwrite"}}),
            Some("Unsupported value"),
        ),
        (
            "a template",
            template(json!({
                "labels": {"team": "payments", "app.kubernetes.io/part-of": "shop", "empty": ""},
                "annotations": {"example.com/owner": "Team \u{e4}, room 5"},
                "automountServiceAccountToken": false,
            })),
            None,
        ),
        (
            "a template for what is not created",
            json!({"spec": {"serviceAccountTemplate": {"labels": {"team": "a"}}}}),
            Some("is for ServiceAccounts that are created: set spec.serviceAccountMode: Create"),
        ),
        (
            "a template with our label",
            template(json!({"labels": {"irsa-anywhere.dev/inject": "manual"}})),
            Some("labels must not use keys under irsa-anywhere.dev"),
        ),
        (
            "a template with the webhook's annotation",
            template(json!({"annotations": {"eks.amazonaws.com/role-arn": "x"}})),
            Some("annotations must not use keys under irsa-anywhere.dev, eks.amazonaws.com"),
        ),
        (
            "a template with a key of Kubernetes' own",
            template(json!({"labels": {"node.k8s.io/a": "x"}})),
            Some("labels must not use keys under"),
        ),
        (
            "a template with a key that is none",
            template(json!({"annotations": {"a b": "x"}})),
            Some("annotations must have keys such as"),
        ),
        (
            "a template with a label that is none",
            template(json!({"labels": {"a b": "x"}})),
            Some("labels must have keys such as"),
        ),
        (
            "a template with the longest key and value",
            template(json!({"labels": {format!("example.com/{}", "k".repeat(63)): "v".repeat(63)}})),
            None,
        ),
        (
            "a template with a label's value that is none",
            template(json!({"labels": {"team": "a b"}})),
            Some("labels must have values of up to 63"),
        ),
        (
            "a template with an annotation that is too long",
            template(json!({"annotations": {"a": "x".repeat(4097)}})),
            Some("spec.serviceAccountTemplate.annotations"),
        ),
        (
            "what pods get",
            json!({"spec": {"pods": {"region": "us-gov-west-1", "sessionName": "None", "stsRegionalEndpoints": false, "instanceMetadata": "Keep"}}}),
            None,
        ),
        (
            "no region for pods",
            json!({"spec": {"pods": {"region": "None"}}}),
            None,
        ),
        (
            "pods in a city",
            json!({"spec": {"pods": {"region": "Frankfurt"}}}),
            Some("spec.pods.region must be an AWS region such as eu-central-1, or None"),
        ),
        (
            "a field of the next version",
            json!({"spec": {"verify": "Never"}}),
            None,
        ),
    ]
}

/// Changes of what is stored.
pub(crate) fn changes() -> Vec<Row> {
    vec![
        (
            "federation",
            json!({"spec": {"federationRef": {"name": "other"}}}),
            Some("spec.federationRef is immutable"),
        ),
        (
            "role name set later",
            role(json!({"name": "x"})),
            Some("role.name is immutable"),
        ),
        (
            "somebody else's role from now on",
            json!({"spec": {"existingRole": {"arn": "arn:aws:iam::123456789012:role/app"}}}),
            Some("spec.existingRole cannot be added or removed"),
        ),
        ("accounts", accounts(&["a", "b"]), None),
    ]
}

#[tokio::test]
async fn a_binding_is_taken_or_refused_with_the_fix() {
    check(binding, offers()).await;
}

#[tokio::test]
async fn what_names_the_role_cannot_change() {
    let mut stored = binding();
    stored["metadata"]["name"] = json!("immutable");
    check_changes(&stored, changes()).await;
}
