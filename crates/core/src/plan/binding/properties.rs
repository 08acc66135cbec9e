//! Plans run on a model of IAM, from any role to any other.

use std::collections::BTreeMap;

use proptest::{collection, option, prelude::*};

mod judgement;

use self::judgement::{gives_no_more, texts_keep_to_their_boundaries};
use super::{tests::owner, *};
use crate::{
    naming::{BoundaryMark, IgnoredTags, PolicyArn, RoleName, Tags, role_tags},
    plan::Plan,
    trust::{self, Audience, Divided, NonEmptySet, Subject, TrustPolicy, TrustProvider},
    vocabulary::{TAG_BOUNDARY, TAG_PREFIX},
};

/// Does one step to a role as IAM would, and panics where IAM would refuse.
pub(super) fn run(step: &RoleStep, role: Option<ObservedRole>) -> Option<ObservedRole> {
    if let RoleStep::CreateRole {
        trust,
        tags,
        boundary,
        description,
        max_session_seconds,
        ..
    } = step
    {
        assert!(role.is_none(), "the role exists");
        return Some(ObservedRole {
            trust: trust.clone(),
            tags: tags.clone(),
            boundary: boundary.clone(),
            description: description.clone(),
            max_session_seconds: *max_session_seconds,
            attached: std::collections::BTreeSet::new(),
            inline: BTreeMap::new(),
        });
    }
    let mut role = role.expect("a role to change");
    match step.clone() {
        RoleStep::CreateRole { .. } => unreachable!(),
        RoleStep::PutBoundary { arn } => role.boundary = Some(arn),
        RoleStep::DeleteBoundary => role.boundary = None,
        RoleStep::UpdateTrust { trust } => role.trust = trust,
        RoleStep::Untag { keys } => {
            role.tags
                .retain(|present, _| !keys.iter().any(|key| key.eq_ignore_ascii_case(present)));
        }
        RoleStep::Adopt { tags } | RoleStep::Tag { tags } => {
            for (key, value) in tags {
                assert!(
                    !role
                        .tags
                        .keys()
                        .any(|present| *present != key && present.eq_ignore_ascii_case(&key))
                );
                role.tags.insert(key, value);
            }
        }
        RoleStep::UpdateRole {
            description,
            max_session_seconds,
        } => {
            role.description = description;
            role.max_session_seconds = max_session_seconds;
        }
        RoleStep::Attach { arn } => assert!(role.attached.insert(arn)),
        RoleStep::Detach { arn } => assert!(role.attached.remove(&arn)),
        RoleStep::PutInline { name, document } => {
            role.inline.insert(name, document);
        }
        RoleStep::DeleteInline { name } => assert!(role.inline.remove(&name).is_some()),
        RoleStep::DeleteRole => {
            assert!(role.attached.is_empty() && role.inline.is_empty(), "DeleteConflict");
            return None;
        }
    }
    Some(role)
}

fn document() -> impl Strategy<Value = String> {
    "[a-d]".prop_map(|action| {
        format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}"}}]}}"#)
    })
}

/// One that allows, and perhaps denies something besides.
fn inline_document() -> impl Strategy<Value = String> {
    (document(), option::of("[x-z]")).prop_map(|(document, denied)| match denied {
        None => document,
        Some(action) => document.replace("}]", &format!(r#"}},{{"Effect":"Deny","Action":"{action}"}}]"#)),
    })
}

/// One that only denies.
fn denial() -> impl Strategy<Value = String> {
    document().prop_map(|document| document.replace("Allow", "Deny"))
}

/// A trust policy of ours, a closed one, or somebody else's; as it is, or with a `Deny` behind it.
fn trust() -> impl Strategy<Value = String> {
    (plain_trust(), prop::bool::weighted(0.2)).prop_map(|(trust, locked)| {
        let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:*"}]}"#;
        if locked {
            Divided::of(deny).denies.added_to(&trust)
        } else {
            trust
        }
    })
}

fn plain_trust() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => collection::btree_set("[a-c]", 1..4).prop_map(|names| trust_of(names.iter().map(String::as_str))),
        1 => Just(trust::closed().as_str().to_owned()),
        1 => document(),
    ]
}

fn trust_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let policy = TrustPolicy {
        providers: NonEmptySet::one(TrustProvider::new("arn:aws:iam::1:oidc-provider/i", "i")),
        subjects: NonEmptySet::new(names.map(|name| Subject::new("ns", name).unwrap())).unwrap(),
        audiences: NonEmptySet::one(Audience::new("x").unwrap()),
    };
    policy.render(usize::MAX).unwrap().as_str().to_owned()
}

/// The names that a trust policy lets in; nobody knows whom a foreign one lets in.
fn trusted(trust: &str) -> std::collections::BTreeSet<String> {
    TrustPolicy::read(&Divided::of(trust).rest)
        .map(|policy| policy.subjects.iter().map(ToString::to_string).collect())
        .unwrap_or_default()
}

/// What a boundary's mark says, if anything.
fn mark() -> impl Strategy<Value = Tags> {
    prop_oneof![
        Just(Tags::new()),
        "[x-z]".prop_map(|arn| BoundaryMark::of(&arn).tags()),
        ("[x-z]", "[x-z]").prop_map(|(from, to)| BoundaryMark::between(&from, &to).tags()),
    ]
}

/// Tags that are ours to set and remove, without the mark.
fn ours(desired: &DesiredRole, tags: &Tags) -> Tags {
    let mut tags = desired.ignored_tags.without(tags);
    tags.remove(TAG_BOUNDARY);
    tags
}

/// Tags with keys that differ in more than case.
fn tags() -> impl Strategy<Value = Tags> {
    collection::btree_map("[a-c]", "[a-b]", 0..3).prop_flat_map(|tags| {
        any::<bool>().prop_map(move |upper| {
            let cased = |key: &String| if upper { key.to_ascii_uppercase() } else { key.clone() };
            tags.iter().map(|(key, value)| (cased(key), value.clone())).collect()
        })
    })
}

fn arns() -> impl Strategy<Value = std::collections::BTreeSet<PolicyArn>> {
    collection::btree_set("[A-D]".prop_map(|name| PolicyArn::resolve(&name, "aws").unwrap()), 0..4)
}

prop_compose! {
    fn observed()(
        trust in trust(), uid in "[a-b]", tags in tags(), mark in mark(), boundary in option::of("[x-z]"),
        description in "[a-b]?", max_session_seconds in 3600_u32..3603, attached in arns(),
        inline in collection::btree_map("[p-r]", inline_document(), 0..4), denials in collection::btree_map("[q-u]", denial(), 0..3),
    ) -> ObservedRole {
        let mut tags = role_tags(&owner(), &uid, &tags, &Tags::new()).unwrap();
        tags.extend(mark);
        let inline = inline.into_iter().chain(denials).collect();
        ObservedRole { trust, tags, boundary, description, max_session_seconds, attached, inline }
    }
}

prop_compose! {
    fn desired()(
        role in observed(), plain in plain_trust(), exclusive in any::<bool>(),
        ignored in collection::vec("[a-c][*]?", 0..2), tenant_tags in collection::btree_set("[a-c]", 0..3),
    ) -> DesiredRole {
        let mut role = role;
        role.tags.remove(TAG_BOUNDARY);
        DesiredRole {
            owner: owner(),
            name: RoleName::new("role").unwrap(),
            path: "/".to_owned(),
            trust: plain,
            tags: role.tags,
            ignored_tags: IgnoredTags::new(&ignored),
            tenant_tags,
            boundary: role.boundary,
            description: role.description,
            max_session_seconds: role.max_session_seconds,
            managed: role.attached,
            inline: role.inline,
            exclusive,
            adopt: false,
        }
    }
}

fn plan(desired: &DesiredRole, role: Option<&ObservedRole>) -> Vec<RoleStep> {
    BindingPlan::apply(desired, role, None).unwrap().role.steps
}

proptest! {
    #[test]
    fn a_plan_that_has_run_leaves_nothing_to_do(desired in desired(), before in option::of(observed())) {
        let after = plan(&desired, before.as_ref()).iter().fold(before.clone(), |role, step| run(step, role));
        prop_assert_eq!(plan(&desired, after.as_ref()), vec![]);
        let after = after.unwrap();
        prop_assert_eq!(ours(&desired, &after.tags), ours(&desired, &desired.tags));
        prop_assert!(after.attached.is_superset(&desired.managed));
        prop_assert!(!desired.exclusive || after.attached == desired.managed);
        let taken = desired.taken_names(&after.inline);
        prop_assert!(desired.inline.iter().all(|(name, text)| taken.contains(name) || after.inline.get(name) == Some(text)));
        prop_assert!(!desired.exclusive || after.giving_inline().keys().all(|name| desired.inline.contains_key(*name)));
        let mark = BoundaryMark::on(&after.tags);
        prop_assert_eq!(mark.is_some(), desired.boundary.is_some());
        prop_assert!(desired.boundary.iter().all(|arn| mark.as_ref().unwrap().names(arn)));
        let Some(before) = before else {
            prop_assert_eq!(&after.boundary, &desired.boundary);
            return Ok(());
        };
        // What stays of what others put there.
        let theirs = before.boundary.clone().filter(|_| !before.has_boundary_of_ours());
        prop_assert_eq!(&after.boundary, &desired.boundary.clone().or(theirs));
        let ignored = |tags: &Tags| -> Tags {
            tags.clone().into_iter().filter(|(key, _)| desired.ignored_tags.contains(key)).collect()
        };
        prop_assert_eq!(ignored(&after.tags), ignored(&before.tags));
        prop_assert_eq!(Divided::of(&after.trust).denies, Divided::of(&before.trust).denies);
        let denials = before.inline.iter().filter(|(_, document)| document.contains("Deny"));
        let denials = denials.into_iter().filter(|(_, document)| !document.contains("Allow"));
        prop_assert!(denials.into_iter().all(|(name, document)| after.inline.get(name) == Some(document)));
    }

    #[test]
    fn a_crash_after_any_step_is_made_good(
        desired in desired(), before in option::of(observed()), crash in any::<prop::sample::Index>(),
    ) {
        let steps = plan(&desired, before.as_ref());
        let whole = steps.iter().fold(before.clone(), |role, step| run(step, role));
        let done = crash.index(steps.len() + 1);
        let half = steps.iter().take(done).fold(before, |role, step| run(step, role));
        let rest = plan(&desired, half.as_ref());
        prop_assert!(rest.len() <= steps.len() - done);
        prop_assert_eq!(rest.iter().fold(half, |role, step| run(step, role)), whole);
    }

    #[test]
    fn nobody_ever_has_more_than_before_or_after(desired in desired(), before in observed()) {
        let steps = plan(&desired, Some(&before));
        let after = steps.iter().try_fold(before.clone(), |role, step| run(step, Some(role))).unwrap();
        let mut role = Some(before.clone());
        for step in steps {
            role = run(&step, role);
            let now = role.as_ref().unwrap();
            for name in trusted(&now.trust) {
                match (trusted(&before.trust).contains(&name), trusted(&after.trust).contains(&name)) {
                    (true, false) => prop_assert!(gives_no_more(now, &before), "{} {:?}", name, now),
                    (false, true) => prop_assert!(gives_no_more(now, &after), "{} {:?}", name, now),
                    (true, true) => {
                        prop_assert!(texts_keep_to_their_boundaries(&desired, now, &before, &after), "{:?}", now);
                    }
                    (false, false) => prop_assert!(false, "{} is let in by neither", name),
                }
            }
            // Until the wanted boundary is set, no right is given.
            let bounded = now.boundary.is_some() || desired.boundary.is_none();
            prop_assert!(bounded || gives_no_more(now, &before));
            // Ownership is never lost on the way.
            let owners = now.tags.keys().filter(|key| key.starts_with(TAG_PREFIX) && *key != TAG_BOUNDARY);
            prop_assert!(owners.count() == 5);
        }
    }

    #[test]
    fn whatever_is_refused_nobody_ever_has_more_than_before_or_after(
        desired in desired(), before in observed(), refusals in collection::vec(prop::bool::weighted(0.3), 20),
        waits in collection::vec(prop::bool::weighted(0.3), 20),
    ) {
        let BindingPlan { role: Plan { steps, .. }, order, .. } = BindingPlan::apply(&desired, Some(&before), None).unwrap();
        let whole = steps.iter().try_fold(before.clone(), |role, step| run(step, Some(role))).unwrap();
        let (mut now, mut after, mut undone) = (before.clone(), whole.clone(), Vec::new());
        let mut narrowed = true;
        for (place, step) in steps.iter().enumerate() {
            let waits = waits[place] && order.may_be_put_off(place);
            narrowed &= !(matches!(step, RoleStep::UpdateTrust { .. }) && refusals[place]);
            if waits || !order.allows(place, &undone) || refusals[place] {
                // A stranger's tag that stays was there before and will be: it is nobody's gain.
                if let (RoleStep::Untag { keys }, true) = (step, order.allows(place, &undone)) {
                    let strangers = keys.iter().filter(|key| !desired.tenant_tags.contains(key.to_lowercase().as_str()));
                    after.tags.extend(strangers.map(|key| (key.clone(), before.tags[key].clone())));
                }
                undone.push(place);
                continue;
            }
            now = run(step, Some(now)).unwrap();
            for name in trusted(&now.trust) {
                match (trusted(&before.trust).contains(&name), trusted(&after.trust).contains(&name)) {
                    (true, false) => prop_assert!(gives_no_more(&now, &before), "{} {:?}", name, now),
                    (false, true) => prop_assert!(gives_no_more(&now, &after), "{} {:?}", name, now),
                    (true, true) => {
                        // While something is there that must go, nothing comes.
                        let left = now.attached.difference(&after.attached).next().is_some()
                            || now.inline.keys().any(|name| !after.inline.contains_key(name));
                        prop_assert!(!left || gives_no_more(&now, &before), "{} {:?}", name, now);
                        prop_assert!(texts_keep_to_their_boundaries(&desired, &now, &before, &whole), "{:?}", now);
                    }
                    (false, false) => prop_assert!(false, "{} is let in by neither", name),
                }
            }
            let bounded = now.boundary.is_some() || desired.boundary.is_none();
            prop_assert!(bounded || gives_no_more(&now, &before));
        }
        // Who must go goes, whatever else is refused.
        prop_assert!(!narrowed || trusted(&now.trust).is_subset(&trusted(&whole.trust)), "{:?}", now);
        // A boundary that we set, and one that we could not remove yet, has its mark.
        let ours_before = before.has_boundary_of_ours() && now.boundary == before.boundary;
        let set = now.boundary != before.boundary && now.boundary.is_some();
        prop_assert!(!(ours_before || set) || now.has_boundary_of_ours(), "{:?}", now);
        // Once nobody refuses anything any more, all ends as it should.
        let rest = plan(&desired, Some(&now));
        prop_assert_eq!(rest.iter().try_fold(now, |role, step| run(step, Some(role))), Some(whole));
    }

    #[test]
    fn removal_ends_without_a_role(before in observed()) {
        let mut role = Some(before.clone());
        for step in BindingPlan::remove(&owner(), &before).role.steps {
            role = run(&step, role);
        }
        prop_assert!(role.is_none());
    }

    #[test]
    fn whatever_is_refused_no_denial_goes_before_what_gives(
        before in observed(), refusals in collection::vec(prop::bool::weighted(0.3), 16),
    ) {
        let steps = BindingPlan::remove(&owner(), &before).role.steps;
        let order = Order::of_removal(&steps, &before);
        let (mut now, mut undone) = (before.clone(), Vec::new());
        for (place, step) in steps.iter().enumerate() {
            if !order.allows(place, &undone) || refusals[place] {
                undone.push(place);
                continue;
            }
            let Some(role) = run(step, Some(now.clone())) else { break };
            now = role;
            let only_denies = |text: &String| !text.contains("Allow");
            let denials = |role: &ObservedRole| role.inline.values().filter(|text| only_denies(text)).count();
            let all_denials = denials(&now) == denials(&before);
            let bare = now.giving_inline().is_empty() && now.giving_attached().is_empty();
            prop_assert!(all_denials || (bare && trusted(&now.trust).is_empty()), "{:?}", now);
        }
    }
}
