//! What a state of a role gives beside another, judged without the code that plans.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{DesiredRole, ObservedRole};
use crate::{naming::Tags, vocabulary::TAG_PREFIX};

fn authority(tags: &Tags) -> Tags {
    let others = tags.iter().filter(|(key, _)| !key.starts_with(TAG_PREFIX));
    others.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What a document allows, but for what everybody may do, and what it denies.
fn allowed_and_denied(document: &str) -> [BTreeSet<String>; 2] {
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    let statements = document["Statement"].as_array().unwrap();
    ["Allow", "Deny"].map(|effect| {
        let of_effect = statements.iter().filter(|statement| statement["Effect"] == effect);
        let actions = of_effect.map(|statement| statement["Action"].to_string());
        actions.filter(|action| !action.contains("GetCallerIdentity")).collect()
    })
}

/// Whether inline policies allow nothing that these do not under the same name, nor deny less.
fn says_no_more(now: &BTreeMap<String, String>, then: &BTreeMap<String, String>) -> bool {
    now.iter().all(|(name, document)| {
        let [allowed, denied] = allowed_and_denied(document);
        let [allowed_then, denied_then] = then.get(name).map(|then| allowed_and_denied(then)).unwrap_or_default();
        allowed.is_empty() || (allowed.is_subset(&allowed_then) && denied.is_superset(&denied_then))
    })
}

/// What the binding lists of a role's inline policies.
fn listed(role: &ObservedRole, desired: &DesiredRole) -> BTreeMap<String, String> {
    let inline = role.inline.clone().into_iter();
    inline.filter(|(name, _)| desired.inline.contains_key(name)).collect()
}

/// Whether no inline policy that the binding lists has its old text within the new boundary, or its new text within the old one,
/// and none has lost what it denies.
pub(super) fn texts_keep_to_their_boundaries(
    desired: &DesiredRole,
    now: &ObservedRole,
    before: &ObservedRole,
    after: &ObservedRole,
) -> bool {
    let [was, is, becomes] = [before, now, after].map(|role| listed(role, desired));
    // Within a boundary that goes, everything is less.
    let replaced = before.boundary.is_some() && after.boundary.is_some() && before.boundary != after.boundary;
    let held = was.iter().all(|(name, document)| {
        let [_, denied] = allowed_and_denied(document);
        let [_, still] = is.get(name).map(|is| allowed_and_denied(is)).unwrap_or_default();
        let [_, wanted] = becomes
            .get(name)
            .map(|becomes| allowed_and_denied(becomes))
            .unwrap_or_default();
        still.is_superset(&denied) || still == wanted
    });
    let then = if now.boundary == after.boundary { &becomes } else { &was };
    held && (!replaced || says_no_more(&is, then))
}

/// Whether one who is trusted has no right in `now` that the state `then` does not give him.
pub(super) fn gives_no_more(now: &ObservedRole, then: &ObservedRole) -> bool {
    now.attached.is_subset(&then.attached)
        && says_no_more(&now.inline, &then.inline)
        && authority(&now.tags) == authority(&then.tags)
        && (now.boundary == then.boundary || then.boundary.is_none())
        && now.max_session_seconds <= then.max_session_seconds
}
