//! Plans run on a model of IAM, from any role to any other.

use std::collections::BTreeMap;

use proptest::{collection, option, prelude::*};

use super::{tests::owner, *};
use crate::{
    naming::{PolicyArn, RoleName, Tags, role_tags},
    trust::{self, Audience, NonEmptySet, Subject, TrustPolicy, TrustProvider},
    vocabulary::TAG_PREFIX,
};

/// Does one step to a role as IAM would, and panics where IAM would refuse.
pub(super) fn run(step: &BindingStep, role: Option<ObservedRole>) -> Option<ObservedRole> {
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
        BindingStep::Adopt { tags } | BindingStep::Tag { tags } => {
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

/// A trust policy of ours, a closed one, or somebody else's.
fn trust() -> impl Strategy<Value = String> {
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
    TrustPolicy::read(trust)
        .map(|policy| policy.subjects.iter().map(ToString::to_string).collect())
        .unwrap_or_default()
}

fn authority(tags: &Tags) -> Tags {
    let others = tags.iter().filter(|(key, _)| !key.starts_with(TAG_PREFIX));
    others.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Whether one who is trusted has no right in `now` that the state `then` does not give him.
fn gives_no_more(now: &ObservedRole, then: &ObservedRole) -> bool {
    now.attached.is_subset(&then.attached)
        && now
            .inline
            .iter()
            .all(|(name, document)| then.inline.get(name) == Some(document))
        && authority(&now.tags) == authority(&then.tags)
        && (now.boundary == then.boundary || then.boundary.is_none())
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
        trust in trust(), uid in "[a-b]", tags in tags(), boundary in option::of("[x-z]"), description in "[a-b]?",
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
            adopt: false,
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
                    (true, true) => {}
                    (false, false) => prop_assert!(false, "{} is let in by neither", name),
                }
            }
            // Until the wanted boundary is set, no right is given.
            let bounded = now.boundary.is_some() || desired.boundary.is_none();
            prop_assert!(bounded || gives_no_more(now, &before));
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
