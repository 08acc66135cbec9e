//! What is changed in a pod, as a JSON patch (RFC 6902).

use serde::Serialize;
use serde_json::Value;

/// One addition. There is nothing else: a pod's own words are never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PatchOperation {
    op: &'static str,
    path: String,
    value: Value,
}

impl PatchOperation {
    pub(super) fn add(path: String, value: Value) -> Self {
        Self { op: "add", path, value }
    }
}

/// Additions to the end of a list of the pod, which is made where the pod has none.
pub(super) fn append(list: &str, is_there: bool, values: Vec<Value>, patch: &mut Vec<PatchOperation>) {
    if values.is_empty() {
        return;
    }
    if !is_there {
        patch.push(PatchOperation::add(list.to_owned(), Value::Array(values)));
        return;
    }
    let end = format!("{list}/-");
    patch.extend(values.into_iter().map(|value| PatchOperation::add(end.clone(), value)));
}
