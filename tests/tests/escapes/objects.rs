//! Objects of the cluster, as JSON.

use irsa_tests::world::{ISSUER, REGION};
use serde_json::{Value, json};

use crate::stage::BOUNDARY;

/// The path of one of our objects, or of all with an empty name.
pub(crate) fn api(plural: &str, namespace: Option<&str>, name: &str) -> String {
    let namespace = namespace
        .map(|namespace| format!("/namespaces/{namespace}"))
        .unwrap_or_default();
    let slash = if name.is_empty() { "" } else { "/" };
    format!("/apis/irsa-anywhere.dev/v1alpha1{namespace}/{plural}{slash}{name}")
}

/// The guard-rails that most tricks are tried on.
pub(crate) fn rules() -> Value {
    json!({
        "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"tenant": "yes"}}},
        "permissionsBoundary": BOUNDARY,
        "allowedManagedPolicies": ["AmazonS3ReadOnlyAccess", "arn:aws:iam::123456789012:policy/team-*"],
        "inlinePolicies": "Deny",
        "allowedTagKeys": ["app"],
        "allowRetain": false,
        "maxSessionDuration": "2h",
        "maxRolesPerNamespace": 3,
    })
}

/// The federation; `spec` replaces fields of it.
pub(crate) fn federation(spec: &Value) -> Value {
    let mut whole = json!({
        "issuer": ISSUER,
        "publish": {"s3": {"bucket": "acme-irsa", "region": REGION}},
        "audiences": ["sts.amazonaws.com", "vault"],
        "tags": {"team": "platform"},
        "bindings": rules(),
    });
    for (field, value) in spec.as_object().unwrap() {
        whole[field] = value.clone();
    }
    json!({"apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation", "metadata": {"name": "default"}, "spec": whole})
}
