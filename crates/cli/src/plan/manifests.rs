//! Bindings of a file.

use std::{fs, path::Path};

use irsa_api::IamRoleBinding;
use serde_json::Value;

use crate::failure::Failure;

/// The IamRoleBindings of a file of YAML or JSON, in their order; lists are taken apart. One that names no namespace is of this one.
///
/// # Errors
/// The file cannot be read, is no YAML, or has none in it.
pub(super) fn bindings(file: &Path, namespace: &str) -> Result<Vec<IamRoleBinding>, Failure> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let found = of_text(&text, namespace).map_err(|problem| format!("{}: {problem}", file.display()))?;
    if found.is_empty() {
        return Err(format!("{} has no IamRoleBinding in it", file.display()).into());
    }
    Ok(found)
}

fn of_text(text: &str, namespace: &str) -> Result<Vec<IamRoleBinding>, Failure> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)?;
    let objects = documents.into_iter().flat_map(|document| match document.get("items") {
        Some(Value::Array(items)) => items.clone(),
        _ => vec![document],
    });
    let mut found = Vec::new();
    for object in objects.filter(|object| object.get("kind").is_some_and(|kind| kind == "IamRoleBinding")) {
        let mut binding: IamRoleBinding = serde_json::from_value(object)?;
        binding.metadata.namespace.get_or_insert_with(|| namespace.to_owned());
        found.push(binding);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_found_among_others_and_in_lists() {
        let text = "kind: Namespace\n---\napiVersion: irsa-anywhere.dev/v1alpha1\nkind: IamRoleBinding\nmetadata: {name: a}\nspec: {serviceAccounts: [{name: a}]}\n\
                    ---\nkind: List\nitems:\n- apiVersion: irsa-anywhere.dev/v1alpha1\n  kind: IamRoleBinding\n  metadata: {name: b, namespace: other}\n  spec: {serviceAccounts: [{name: b}]}\n";
        let found = of_text(text, "shop").unwrap();
        let places: Vec<_> = found
            .iter()
            .map(|one| (one.metadata.namespace.as_deref(), one.metadata.name.as_deref()))
            .collect();
        assert_eq!(places, [(Some("shop"), Some("a")), (Some("other"), Some("b"))]);
        assert!(of_text("kind: IamRoleBinding\nspec: 1\n", "shop").is_err());
        assert!(of_text("a: b", "shop").unwrap().is_empty());
    }
}
