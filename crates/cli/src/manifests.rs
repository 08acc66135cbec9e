//! Objects of ours in a file.

use std::{fs, io, path::Path};

use irsa_api::{IamRoleBinding, OidcFederation};
use irsa_core::vocabulary::{GROUP, VERSION};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::failure::Failure;

/// What is ours in a file.
#[derive(Debug, Default)]
pub(crate) struct Manifests {
    pub(crate) federations: Vec<OidcFederation>,
    pub(crate) bindings: Vec<IamRoleBinding>,
}

/// Our objects of a file of YAML or JSON (`-`: standard input), in their order; lists are taken apart. A binding that names no namespace
/// is of this one.
///
/// # Errors
/// The file cannot be read, is no YAML, or has none in it.
pub(crate) fn objects(file: &Path, namespace: &str) -> Result<Manifests, Failure> {
    let text = if file == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(file)
    };
    let text = text.map_err(|error| format!("{}: {error}", file.display()))?;
    let found = of_text(&text, namespace).map_err(|problem| format!("{}: {problem}", file.display()))?;
    if found.federations.is_empty() && found.bindings.is_empty() {
        return Err(format!("{} has no OidcFederation and no IamRoleBinding in it", file.display()).into());
    }
    Ok(found)
}

fn of_text(text: &str, namespace: &str) -> Result<Manifests, Failure> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)?;
    let objects = documents.into_iter().flat_map(|document| match document.get("items") {
        Some(Value::Array(items)) => items.clone(),
        _ => vec![document],
    });
    let mut found = Manifests::default();
    for object in objects {
        let version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        match version.split_once('/') {
            Some((GROUP, VERSION)) => {}
            Some((GROUP, other)) => {
                return Err(format!("there is an object of {GROUP}/{other}, and only {VERSION} is known here").into());
            }
            _ => continue,
        }
        match object.get("kind").and_then(Value::as_str) {
            Some("IamRoleBinding") => {
                let mut binding: IamRoleBinding = known(object)?;
                binding.metadata.namespace.get_or_insert_with(|| namespace.to_owned());
                found.bindings.push(binding);
            }
            Some("OidcFederation") => found.federations.push(known(object)?),
            _ => {}
        }
    }
    Ok(found)
}

/// An object all of whose fields are known, as `kubectl apply` demands it: one that is mistyped would be left out without a word.
fn known<K: Serialize + DeserializeOwned>(object: Value) -> Result<K, Failure> {
    let read: K = serde_json::from_value(object.clone())?;
    let shown = serde_json::to_value(&read)?;
    let nothing = Value::Null;
    let spec = |of: &Value| of.get("spec").cloned().unwrap_or_default();
    match unknown(&spec(&object), &spec(&shown), "spec") {
        Some(field) => {
            let name = object.pointer("/metadata/name").unwrap_or(&nothing);
            Err(format!("{name} has {field}, and there is no such field").into())
        }
        None => Ok(read),
    }
}

/// The first field of `given` that `read` does not have, and that says anything.
fn unknown(given: &Value, read: &Value, path: &str) -> Option<String> {
    let says_nothing = |value: &Value| {
        value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
    };
    match (given, read) {
        (Value::Object(given), Value::Object(read)) => given.iter().find_map(|(key, value)| {
            let path = format!("{path}.{key}");
            match read.get(key) {
                Some(read) => unknown(value, read, &path),
                None => (!says_nothing(value)).then_some(path),
            }
        }),
        (Value::Array(given), Value::Array(read)) => {
            let pairs = given.iter().zip(read).enumerate();
            pairs
                .into_iter()
                .find_map(|(index, (given, read))| unknown(given, read, &format!("{path}[{index}]")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_among_others_and_in_lists() {
        let text = "kind: Namespace\n---\napiVersion: irsa-anywhere.dev/v1alpha1\nkind: IamRoleBinding\nmetadata: {name: a}\nspec: {serviceAccounts: [{name: a}]}\n\
                    ---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: irsa-anywhere.dev/v1alpha1\n  kind: IamRoleBinding\n  metadata: {name: b, namespace: other}\n  spec: {serviceAccounts: [{name: b}]}\n";
        let found = of_text(text, "shop").unwrap();
        let places: Vec<_> = found
            .bindings
            .iter()
            .map(|one| (one.metadata.namespace.as_deref(), one.metadata.name.as_deref()))
            .collect();
        assert_eq!(places, [(Some("shop"), Some("a")), (Some("other"), Some("b"))]);
        let ours = |more: &str| of_text(&format!("kind: IamRoleBinding\nspec: 1\n{more}"), "shop");
        assert!(ours("apiVersion: irsa-anywhere.dev/v1alpha1").is_err());
        let others = ours("apiVersion: example.com/v1alpha1").unwrap();
        assert!(others.bindings.is_empty(), "a kind of that name of another group");
        let newer = ours("apiVersion: irsa-anywhere.dev/v2").unwrap_err().to_string();
        assert_eq!(
            newer,
            "there is an object of irsa-anywhere.dev/v2, and only v1alpha1 is known here"
        );
        let none = of_text("a: b", "shop").unwrap();
        assert!(none.bindings.is_empty() && none.federations.is_empty());
    }

    #[test]
    fn a_mistyped_field_is_named_and_what_says_nothing_is_not() {
        let federation = |more: &str| {
            format!(
                "kind: OidcFederation\napiVersion: irsa-anywhere.dev/v1alpha1\nmetadata: {{name: default}}\n\
                 spec: {{issuer: \"https://a.example\", publish: {{external: {{}}}}, {more}}}"
            )
        };
        for (more, field) in [
            ("audience: [vault]", "spec.audience"),
            ("pods: {regions: None}", "spec.pods.regions"),
            (
                "bindings: {allowedNamespaces: {from: Selector, selector: {matchLabel: {a: b}}}}",
                "spec.bindings.allowedNamespaces.selector.matchLabel",
            ),
        ] {
            let error = of_text(&federation(more), "shop").unwrap_err().to_string();
            assert_eq!(error, format!("\"default\" has {field}, and there is no such field"));
        }
        for fine in ["audiences: [vault]", "tags: {}", "interval: 60m", "thumbprints: []"] {
            assert!(of_text(&federation(fine), "shop").is_ok(), "{fine}");
        }
    }
}
