//! The statuses that our objects go through, as the API server returns them.

use serde_json::{Value, json};

/// An object of generation 2 whose status speaks of `observed`, with one condition per `(type, status, message)`.
pub(crate) fn object(observed: i64, conditions: &[(&str, &str, &str)]) -> Value {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|(kind, status, message)| {
            json!({
                "type": kind, "status": status, "message": message, "reason": "Reason",
                "observedGeneration": observed, "lastTransitionTime": "2026-01-01T00:00:00Z",
            })
        })
        .collect();
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1",
        "metadata": {"name": "default", "generation": 2},
        "spec": {"suspend": false},
        "status": {"observedGeneration": observed, "conditions": conditions},
    })
}

/// What the API server makes of an object that no operator has seen.
pub(crate) fn untouched() -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1",
        "metadata": {"name": "default", "generation": 1},
        "spec": {},
        "status": {"observedGeneration": -1},
    })
}

pub(crate) fn suspended(mut object: Value) -> Value {
    object["spec"]["suspend"] = true.into();
    object
}

pub(crate) fn deleting(mut object: Value) -> Value {
    object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    object
}
