//! The ways to change an object: merge patch (RFC 7386), as much of JSON patch (RFC 6902) as replaces a status, and
//! server-side apply of annotations and labels.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::refusal::StatusError;

const SECTIONS: [&str; 2] = ["annotations", "labels"];

/// A merge patch.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Some(changes) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, change) in changes {
        if change.is_null() {
            if let Some(target) = target.as_object_mut() {
                target.remove(key);
            }
        } else {
            merge(&mut target[key], change);
        }
    }
}

/// `test` and `add`, of members of objects.
pub(super) fn patch(object: &mut Value, steps: &Value) -> Result<(), StatusError> {
    for step in steps.as_array().into_iter().flatten() {
        let path = step["path"].as_str().unwrap_or_default();
        match step["op"].as_str() {
            Some("test") if object.pointer(path) == Some(&step["value"]) => {}
            Some("test") => return Err(StatusError::invalid("the server rejected our request: a test failed")),
            Some("add") if path == "/status" => object["status"] = step["value"].clone(),
            _ => return Err(StatusError::bad("this step of a JSON patch is not understood here")),
        }
    }
    Ok(())
}

/// Server-side apply: the manager owns exactly what it names; what it named before and nobody else owns goes.
pub(super) fn apply(object: &mut Value, wanted: &Value, manager: &str, force: bool) -> Result<(), StatusError> {
    let mut fields = Map::new();
    for section in SECTIONS {
        let wanted = wanted["metadata"][section].as_object().cloned().unwrap_or_default();
        let theirs = owned(object, section, |other| other != manager);
        let differs = |key: &String, value: &Value| object["metadata"][section].get(key) != Some(value);
        let conflict = wanted
            .iter()
            .find(|(key, value)| theirs.contains(*key) && differs(key, value));
        if let Some((key, _)) = conflict.filter(|_| !force) {
            return Err(StatusError::conflict(&format!(
                "Apply failed with a conflict over {key}"
            )));
        }
        let before = owned(object, section, |other| other == manager);
        let mut present = object["metadata"][section].as_object().cloned().unwrap_or_default();
        present.retain(|key, _| wanted.contains_key(key) || theirs.contains(key) || !before.contains(key));
        if !wanted.is_empty() {
            let keys: Map<String, Value> = wanted.keys().map(|key| (format!("f:{key}"), json!({}))).collect();
            fields.insert(format!("f:{section}"), Value::Object(keys));
        }
        present.extend(wanted);
        set_section(object, section, present);
    }
    let owns = json!({"f:metadata": fields});
    let mut entries = managers(object);
    entries.retain(|entry| entry["manager"] != manager);
    // A manager that owns nothing any more is not listed.
    if owns["f:metadata"].as_object().is_some_and(|fields| !fields.is_empty()) {
        entries.push(json!({"manager": manager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": owns}));
    }
    object["metadata"]["managedFields"] = Value::Array(entries);
    Ok(())
}

/// Another manager sets an annotation whatever others own; `None` removes it, and nobody owns it any more. A value that
/// stays the same is owned by both.
pub(super) fn annotate(object: &mut Value, manager: &str, key: &str, value: Option<&str>) {
    let mut annotations = object["metadata"]["annotations"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let same = annotations.get(key).and_then(Value::as_str) == value;
    match value {
        Some(value) => annotations.insert(key.to_owned(), json!(value)),
        None => annotations.remove(key),
    };
    set_section(object, "annotations", annotations);
    let field = format!("f:{key}");
    let mut entries = managers(object);
    for entry in entries.iter_mut().filter(|entry| entry["manager"] == manager || !same) {
        if let Some(keys) = entry["fieldsV1"]["f:metadata"]["f:annotations"].as_object_mut() {
            keys.remove(&field);
        }
    }
    if value.is_some() {
        let owns = json!({"f:metadata": {"f:annotations": {field: {}}}});
        entries.push(json!({"manager": manager, "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": owns}));
    }
    object["metadata"]["managedFields"] = Value::Array(entries);
}

fn set_section(object: &mut Value, section: &str, entries: Map<String, Value>) {
    let Some(metadata) = object["metadata"].as_object_mut() else {
        return;
    };
    if entries.is_empty() {
        metadata.remove(section);
    } else {
        metadata.insert(section.to_owned(), Value::Object(entries));
    }
}

fn managers(object: &Value) -> Vec<Value> {
    object["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// Keys of a section that these managers own.
fn owned(object: &Value, section: &str, of: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let entries = managers(object);
    let theirs = entries
        .iter()
        .filter(|entry| entry["manager"].as_str().is_some_and(&of));
    let keys = theirs.filter_map(|entry| entry["fieldsV1"]["f:metadata"][format!("f:{section}")].as_object());
    keys.flat_map(|keys| keys.keys())
        .filter_map(|key| key.strip_prefix("f:").map(str::to_owned))
        .collect()
}
