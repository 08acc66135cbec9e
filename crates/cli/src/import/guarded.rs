//! What a new federation may allow: what its namespaces have today, and not what somebody in them wishes for.

use std::collections::BTreeMap;

use super::{found::Found, manifest::Wanted};

/// Leaves out what would make the guard-rails of a new federation wider than what there is, where roles become the operator's:
/// whoever may annotate a ServiceAccount names any role there, and one federation has one boundary.
pub(super) fn guarded<'a>(mut wanted: Vec<Wanted<'a>>, found: &mut Found) -> Vec<Wanted<'a>> {
    let mut boundaries: BTreeMap<String, BTreeMap<Option<String>, usize>> = BTreeMap::new();
    for (account, boundary) in wanted.iter().filter_map(made_anew) {
        *boundaries.entry(account).or_default().entry(boundary).or_default() += 1;
    }
    // That of most roles; of two, one that bounds.
    let of_most = |counts: &BTreeMap<Option<String>, usize>| {
        let most = counts
            .iter()
            .max_by_key(|(boundary, count)| (**count, boundary.is_some()));
        most.map(|(boundary, _)| boundary.clone()).unwrap_or_default()
    };
    let kept: BTreeMap<String, Option<String>> = boundaries
        .iter()
        .map(|(account, counts)| (account.clone(), of_most(counts)))
        .collect();
    for one in &mut wanted {
        let Some((account, boundary)) = made_anew(one) else {
            continue;
        };
        if kept.get(&account) != Some(&boundary) {
            one.adopted = Err(
                "its permissions boundary is not that of the other roles, and a federation has one for all".to_owned(),
            );
        }
    }
    wanted.retain(|one| {
        let is_of_adopted = !one.account.home.is_there && kept.contains_key(&one.account.home.account);
        let is_wish = is_of_adopted && one.adopted.is_err() && !one.is_let_in();
        if is_wish {
            found.only_wished(one.candidate);
        }
        !is_wish
    });
    wanted
}

/// The account and the boundary of a role that becomes the operator's by a federation that is not there yet.
fn made_anew(one: &Wanted<'_>) -> Option<(String, Option<String>)> {
    let role = one.adopted.as_ref().ok()?;
    let home = &one.account.home;
    (!home.is_there).then(|| (home.account.clone(), role.role.boundary.clone()))
}
