//! Admission policies of an organisation.

use std::time::Duration;

use irsa_tests::world::World;
use serde_json::{Value, json};

/// What the policies say.
pub(crate) const SENTENCE: &str = "ServiceAccounts must set automountServiceAccountToken: false";

/// A policy that refuses these resources in this namespace unless the expression holds, and its binding.
pub(crate) fn policy(
    name: &str,
    namespace: Option<&str>,
    rule: &Value,
    expression: &str,
    reason: Option<&str>,
) -> [Value; 2] {
    let mut validation = json!({"expression": expression, "message": SENTENCE});
    if let Some(reason) = reason {
        validation["reason"] = reason.into();
    }
    let mut constraints = json!({"resourceRules": [rule]});
    if let Some(namespace) = namespace {
        constraints["namespaceSelector"] = json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}});
    }
    [
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
            "spec": {"failurePolicy": "Fail", "matchConstraints": constraints, "validations": [validation]},
        }),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]},
        }),
    ]
}

/// Creations and changes of a resource.
pub(crate) fn rule(group: &str, version: &str, resource: &str) -> Value {
    json!({"apiGroups": [group], "apiVersions": [version], "operations": ["CREATE", "UPDATE"], "resources": [resource]})
}

/// What the API server wants of ServiceAccounts in tightened clusters.
pub(crate) const AUTOMOUNT: &str = "object.?automountServiceAccountToken.orValue(true) == false";

/// By kubectl alone: what else the launcher makes in a namespace a policy would refuse.
pub(crate) async fn apply(world: &World, objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), list.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    world.kubectl(&["apply", "-f", path]).await.unwrap();
}

/// The API server takes a moment until it enforces a new policy.
pub(crate) async fn in_force(world: &World, namespace: &str) {
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "probe", "namespace": namespace}});
    refused(world, &account).await;
}

/// Waits until this object would be refused.
pub(crate) async fn refused(world: &World, object: &Value) {
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), object.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    for _ in 0..100 {
        let create = ["create", "--dry-run=server", "-f", path];
        if world.kubectl(&create).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the policy never came into force");
}
