//! What a state of a role gives beside another, judged without the code that plans.

use std::collections::BTreeSet;

use super::super::{DesiredRole, ObservedRole};
use crate::{naming::Tags, vocabulary::TAG_PREFIX};

fn authority(tags: &Tags) -> Tags {
    let others = tags.iter().filter(|(key, _)| !key.starts_with(TAG_PREFIX));
    others.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What a document denies.
fn denied(document: Option<&String>) -> BTreeSet<String> {
    let Some(document) = document else {
        return BTreeSet::new();
    };
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    let statements = document["Statement"].as_array().unwrap().iter();
    let denials = statements.filter(|statement| statement["Effect"] == "Deny");
    denials.map(|statement| statement["Action"].to_string()).collect()
}

/// Whether every inline policy has its text of then.
fn are_of<'a>(mut now: impl Iterator<Item = (&'a String, &'a String)>, then: &ObservedRole) -> bool {
    now.all(|(name, document)| then.inline.get(name) == Some(document))
}

/// Whether no inline policy that the binding lists has its old text within the new boundary, or its new text within the old one,
/// where the old one denies nothing; and none has lost what it denies.
pub(super) fn texts_keep_to_their_boundaries(
    desired: &DesiredRole,
    now: &ObservedRole,
    before: &ObservedRole,
    after: &ObservedRole,
) -> bool {
    let mut was = before
        .inline
        .iter()
        .filter(|(name, _)| desired.inline.contains_key(*name));
    let held = was.all(|(name, document)| {
        let still = denied(now.inline.get(name));
        still.is_superset(&denied(Some(document))) || still == denied(after.inline.get(name))
    });
    // Within a boundary that goes, everything is less.
    let replaced = before.boundary.is_some() && after.boundary.is_some() && before.boundary != after.boundary;
    let free = |name: &String| desired.inline.contains_key(name) && denied(before.inline.get(name)).is_empty();
    let is = now.inline.iter().filter(|(name, _)| free(name));
    let then = if now.boundary == after.boundary { after } else { before };
    held && (!replaced || are_of(is, then))
}

/// Whether one who is trusted has no right in `now` that the state `then` does not give him.
pub(super) fn gives_no_more(now: &ObservedRole, then: &ObservedRole) -> bool {
    now.attached.is_subset(&then.attached)
        && are_of(now.inline.iter(), then)
        && authority(&now.tags) == authority(&then.tags)
        && (now.boundary == then.boundary || then.boundary.is_none())
        && now.max_session_seconds <= then.max_session_seconds
}
