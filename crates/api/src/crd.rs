//! The CustomResourceDefinitions of both kinds, as they are shipped.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};

use crate::{IamRoleBinding, OidcFederation};

/// The CRDs of both kinds, federation first.
///
/// What the derive cannot say is added here: `status` defaults to `{observedGeneration: -1}`, because kstatus takes an
/// object without any status for ready (Flux goes on before the operator has seen it); and it is one value with one owner,
/// replaced whole. Field by field the owner of a status is a third of what the API server stores of a binding, reads and
/// writes with each change of it, and sends to who watches.
///
/// # Errors
/// Never for the types of this crate; a schema that is not one would be reported.
pub fn custom_resource_definitions() -> Result<[CustomResourceDefinition; 2], serde_json::Error> {
    Ok([finish(OidcFederation::crd())?, finish(IamRoleBinding::crd())?])
}

fn finish(crd: CustomResourceDefinition) -> Result<CustomResourceDefinition, serde_json::Error> {
    let mut crd = serde_json::to_value(crd)?;
    if let Some(Value::Array(versions)) = crd.pointer_mut("/spec/versions") {
        for version in versions {
            if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
                tidy(schema);
            }
            if let Some(Value::Object(status)) = version.pointer_mut("/schema/openAPIV3Schema/properties/status") {
                status.insert("default".into(), json!({ "observedGeneration": -1 }));
                status.insert("x-kubernetes-map-type".into(), json!("atomic"));
            }
        }
    }
    serde_json::from_value(crd)
}

/// Says in Kubernetes' terms what schemars says in JSON Schema's.
fn tidy(schema: &mut Value) {
    let Value::Object(object) = schema else { return };
    // An explicit null would be stored and then escape defaults and `has()`; without `nullable` it is pruned on input.
    object.remove("nullable");
    // Nested defaults fill an empty object; spelling them twice would let the two drift apart. An empty list or map
    // means the same as none, and as a default it would get an owner in every server-side apply.
    match object.get("default") {
        Some(Value::Object(_)) if !object.contains_key("properties") => drop(object.remove("default")),
        Some(Value::Object(members)) if !members.is_empty() => drop(object.insert("default".into(), json!({}))),
        Some(Value::Array(items)) if items.is_empty() => drop(object.remove("default")),
        _ => {}
    }
    // OpenAPI has no unsigned formats.
    if object.get("format").and_then(Value::as_str) == Some("uint32") {
        object.insert("format".into(), json!("int32"));
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(tidy);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(nested) = object.get_mut(key) {
            tidy(nested);
        }
    }
}
