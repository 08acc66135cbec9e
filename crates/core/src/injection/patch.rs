//! What is changed in a pod, as a JSON patch (RFC 6902).

use std::{
    borrow::Cow,
    fmt::{self, Display},
};

use serde::{Serialize, Serializer};

/// One addition. There is nothing else: a pod's own words are never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PatchOperation<'a> {
    op: &'static str,
    path: Pointer,
    value: Added<'a>,
}

/// A list of the pod, or a place in it: a JSON pointer (RFC 6901).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pointer {
    list: List,
    place: Option<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Volumes,
    /// One of a container's: the container's list and place, and the name of its own list.
    OfContainer(&'static str, usize, &'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Beginning,
    End,
}

impl Display for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.list {
            List::Volumes => formatter.write_str("/spec/volumes")?,
            List::OfContainer(containers, index, list) => write!(formatter, "/spec/{containers}/{index}/{list}")?,
        }
        formatter.write_str(match self.place {
            None => "",
            Some(Place::Beginning) => "/0",
            Some(Place::End) => "/-",
        })
    }
}

impl Serialize for Pointer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Added<'a> {
    /// To a list that there is.
    Entry(Entry<'a>),
    /// Where the pod has no such list.
    List(Vec<Entry<'a>>),
}

/// An entry of one of a pod's lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(super) enum Entry<'a> {
    /// A volume with nothing in it but a token.
    Volume {
        name: &'static str,
        projected: Projection<'a>,
    },
    /// Where a container has it.
    Mount {
        name: &'static str,
        read_only: bool,
        mount_path: &'static str,
    },
    /// A variable.
    Variable { name: &'static str, value: Cow<'a, str> },
    /// A variable that the kubelet fills with a field of the pod.
    Field {
        name: &'static str,
        value_from: FieldSource,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Projection<'a> {
    sources: [TokenSource<'a>; 1],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenSource<'a> {
    service_account_token: Token<'a>,
}

/// The token that the kubelet asks for and renews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Token<'a> {
    pub(super) audience: &'a str,
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

impl<'a> Entry<'a> {
    pub(super) fn volume(name: &'static str, token: Token<'a>) -> Self {
        let sources = [TokenSource {
            service_account_token: token,
        }];
        Self::Volume {
            name,
            projected: Projection { sources },
        }
    }

    pub(super) fn variable(name: &'static str, value: impl Into<Cow<'a, str>>) -> Self {
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

impl<'a> PatchOperation<'a> {
    fn add(list: List, place: Option<Place>, value: Added<'a>) -> Self {
        Self {
            op: "add",
            path: Pointer { list, place },
            value,
        }
    }
}

/// An entry at the beginning of a list of the pod, which is made where the pod has none.
pub(super) fn prepend<'a>(list: List, is_there: bool, entry: Entry<'a>, patch: &mut Vec<PatchOperation<'a>>) {
    patch.push(if is_there {
        PatchOperation::add(list, Some(Place::Beginning), Added::Entry(entry))
    } else {
        PatchOperation::add(list, None, Added::List(vec![entry]))
    });
}

/// Entries at the end of a list of the pod, which is made where the pod has none.
pub(super) fn append<'a>(list: List, is_there: bool, entries: Vec<Entry<'a>>, patch: &mut Vec<PatchOperation<'a>>) {
    if entries.is_empty() {
        return;
    }
    if !is_there {
        patch.push(PatchOperation::add(list, None, Added::List(entries)));
        return;
    }
    let added = entries.into_iter().map(Added::Entry);
    patch.extend(added.map(|entry| PatchOperation::add(list, Some(Place::End), entry)));
}
