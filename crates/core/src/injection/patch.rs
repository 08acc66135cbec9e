//! What is changed in a pod, as a JSON patch (RFC 6902).

use serde::Serialize;

/// One addition. There is nothing else: a pod's own words are never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PatchOperation {
    op: &'static str,
    path: String,
    value: Added,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Added {
    /// To a list that there is.
    Entry(Entry),
    /// Where the pod has no such list.
    List(Vec<Entry>),
}

/// An entry of one of a pod's lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(super) enum Entry {
    /// A volume with nothing in it but a token.
    Volume { name: &'static str, projected: Projection },
    /// Where a container has it.
    Mount {
        name: &'static str,
        read_only: bool,
        mount_path: &'static str,
    },
    /// A variable.
    Variable { name: &'static str, value: String },
    /// A variable that the kubelet fills with a field of the pod.
    Field {
        name: &'static str,
        value_from: FieldSource,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Projection {
    sources: [TokenSource; 1],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenSource {
    service_account_token: Token,
}

/// The token that the kubelet asks for and renews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Token {
    pub(super) audience: String,
    pub(super) expiration_seconds: i64,
    /// Its file in the volume.
    pub(super) path: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FieldSource {
    field_ref: FieldRef,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct FieldRef {
    field_path: &'static str,
}

impl Entry {
    pub(super) fn volume(name: &'static str, token: Token) -> Self {
        let sources = [TokenSource {
            service_account_token: token,
        }];
        Self::Volume {
            name,
            projected: Projection { sources },
        }
    }

    pub(super) fn variable(name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        Self::Variable { name, value }
    }

    pub(super) fn field(name: &'static str, field_path: &'static str) -> Self {
        let field_ref = FieldRef { field_path };
        Self::Field {
            name,
            value_from: FieldSource { field_ref },
        }
    }
}

impl PatchOperation {
    fn add(path: String, value: Added) -> Self {
        Self { op: "add", path, value }
    }
}

/// An entry at the beginning of a list of the pod, which is made where the pod has none.
pub(super) fn prepend(list: &str, is_there: bool, entry: Entry, patch: &mut Vec<PatchOperation>) {
    patch.push(if is_there {
        PatchOperation::add(format!("{list}/0"), Added::Entry(entry))
    } else {
        PatchOperation::add(list.to_owned(), Added::List(vec![entry]))
    });
}

/// Entries at the end of a list of the pod, which is made where the pod has none.
pub(super) fn append(list: &str, is_there: bool, entries: Vec<Entry>, patch: &mut Vec<PatchOperation>) {
    if entries.is_empty() {
        return;
    }
    if !is_there {
        patch.push(PatchOperation::add(list.to_owned(), Added::List(entries)));
        return;
    }
    let end = format!("{list}/-");
    patch.extend(
        entries
            .into_iter()
            .map(|entry| PatchOperation::add(end.clone(), Added::Entry(entry))),
    );
}
