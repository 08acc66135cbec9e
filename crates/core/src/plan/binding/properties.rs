//! Plans run on a model of IAM, from any role to any other.

use std::collections::BTreeMap;

use proptest::{collection, option, prelude::*};

use super::{tests::owner, *};
use crate::{
    naming::{PolicyArn, RoleName, Tags, role_tags},
    vocabulary::TAG_PREFIX,
};

/// Does one step to a role as IAM would, and panics where IAM would refuse.
fn run(step: &BindingStep, role: Option<ObservedRole>) -> Option<ObservedRole> {
    if let BindingStep::CreateRole {
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
        BindingStep::CreateRole { .. } => unreachable!(),
        BindingStep::PutBoundary { arn } => role.boundary = Some(arn),
        BindingStep::DeleteBoundary => role.boundary = None,
        BindingStep::UpdateTrust { trust } => role.trust = trust,
        BindingStep::Untag { keys } => {
            role.tags
                .retain(|present, _| !keys.iter().any(|key| key.eq_ignore_ascii_case(present)));
        }
        BindingStep::Tag { tags } => {
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
        BindingStep::UpdateRole {
            description,
            max_session_seconds,
        } => {
            role.description = description;
            role.max_session_seconds = max_session_seconds;
        }
        BindingStep::Attach { arn } => assert!(role.attached.insert(arn)),
        BindingStep::Detach { arn } => assert!(role.attached.remove(&arn)),
        BindingStep::PutInline { name, document } => {
            role.inline.insert(name, document);
        }
        BindingStep::DeleteInline { name } => assert!(role.inline.remove(&name).is_some()),
        BindingStep::DeleteRole => {
            assert!(role.attached.is_empty() && role.inline.is_empty(), "DeleteConflict");
            return None;
        }
    }
    Some(role)
}

fn document() -> impl Strategy<Value = String> {
    "[a-d]".prop_map(|action| format!(r#"{{"Statement":[{{"Effect":"Allow","Action":"{action}"}}]}}"#))
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
        trust in document(), uid in "[a-b]", tags in tags(), boundary in option::of("[x-z]"), description in "[a-b]?",
        max_session_seconds in 3600_u32..3603, attached in arns(), inline in collection::btree_map("[p-s]", document(), 0..4),
    ) -> ObservedRole {
        let tags = role_tags(&owner(), &uid, &tags, &Tags::new()).unwrap();
        ObservedRole { trust, tags, boundary, description, max_session_seconds, attached, inline }
    }
}

prop_compose! {
    fn desired()(role in observed(), exclusive in any::<bool>()) -> DesiredRole {
        DesiredRole {
            owner: owner(),
            name: RoleName::new("role").unwrap(),
            path: "/".to_owned(),
            trust: role.trust,
            tags: role.tags,
            boundary: role.boundary,
            description: role.description,
            max_session_seconds: role.max_session_seconds,
            managed: role.attached,
            inline: role.inline,
            exclusive,
        }
    }
}

fn plan(desired: &DesiredRole, role: Option<&ObservedRole>) -> Vec<BindingStep> {
    Plan::apply(desired, role, None).unwrap().steps
}

proptest! {
    #[test]
    fn a_plan_that_has_run_leaves_nothing_to_do(desired in desired(), before in option::of(observed())) {
        let after = plan(&desired, before.as_ref()).iter().fold(before, |role, step| run(step, role));
        prop_assert_eq!(plan(&desired, after.as_ref()), vec![]);
        let after = after.unwrap();
        prop_assert_eq!(&after.tags, &desired.tags);
        prop_assert_eq!(&after.boundary, &desired.boundary);
        prop_assert!(after.attached.is_superset(&desired.managed));
        prop_assert!(!desired.exclusive || after.attached == desired.managed);
        prop_assert!(!desired.exclusive || after.inline.len() == desired.inline.len());
    }

    #[test]
    fn a_crash_after_any_step_is_made_good(
        desired in desired(), before in option::of(observed()), crash in any::<prop::sample::Index>(),
    ) {
        let steps = plan(&desired, before.as_ref());
        let done = crash.index(steps.len() + 1);
        let half = steps.iter().take(done).fold(before, |role, step| run(step, role));
        let rest = plan(&desired, half.as_ref());
        prop_assert_eq!(&rest, &steps[done..]);
    }

    #[test]
    fn nothing_in_between_grants_more_than_before_or_after(desired in desired(), before in observed()) {
        let mut role = Some(before.clone());
        for step in plan(&desired, Some(&before)) {
            role = run(&step, role);
            let now = role.as_ref().unwrap();
            // What the wanted boundary forbids is never allowed while any right is given.
            if let (Some(wanted), true) = (&desired.boundary, before.boundary.is_none()) {
                prop_assert_eq!(now.boundary.as_ref(), Some(wanted));
            }
            prop_assert!(now.boundary.is_some() || desired.boundary.is_none());
            // Whoever is trusted after the change meets no attachment that is on its way out, and the other way round.
            if now.trust == desired.trust && before.trust != desired.trust && desired.exclusive {
                prop_assert!(now.attached.is_subset(&desired.managed));
                prop_assert!(now.inline.keys().all(|name| desired.inline.contains_key(name)));
            }
            if now.trust == before.trust && before.trust != desired.trust {
                prop_assert!(now.attached.is_subset(&before.attached));
                prop_assert!(now.inline.iter().all(|(name, document)| before.inline.get(name) == Some(document)));
            }
            // Ownership is never lost on the way.
            prop_assert!(now.tags.keys().filter(|key| key.starts_with(TAG_PREFIX)).count() == 5);
        }
    }

    #[test]
    fn removal_ends_without_a_role(before in observed()) {
        let mut role = Some(before.clone());
        for step in Plan::remove(&owner(), &before) {
            role = run(&step, role);
        }
        prop_assert!(role.is_none());
    }
}
