//! What others offer, keep or publish.

use super::*;
use crate::vocabulary::TAG_ADOPT;

/// A role of another cluster that an administrator offers to this binding.
fn offered() -> ObservedRole {
    let mut role = observed();
    role.tags.insert(TAG_CLUSTER.to_owned(), "gone".to_owned());
    role.tags.insert(TAG_ADOPT.to_owned(), owner().adoption());
    role.trust = trust_of("theirs");
    role.attached = BTreeSet::from([arn("Admin")]);
    role
}

#[test]
fn an_offered_role_is_taken_only_where_that_is_asked_for_and_known_after_every_step() {
    let refused = BindingPlan::apply(&desired(), Some(&offered()), None).unwrap_err();
    assert_eq!(refused.reason(), Reason::ForeignRole);
    assert!(
        refused
            .to_string()
            .contains(&format!("irsa-anywhere.dev/adopt={}", owner().adoption()))
    );

    let adopting = DesiredRole {
        adopt: true,
        ..desired()
    };
    assert_eq!(
        adopting.fingerprint(),
        desired().fingerprint(),
        "how it became ours makes no difference later"
    );
    let steps = BindingPlan::apply(&adopting, Some(&offered()), None)
        .unwrap()
        .role
        .steps;
    assert_eq!(steps[0], RoleStep::Adopt { tags: owner().tags() });
    let mut role = Some(offered());
    for step in &steps {
        role = super::super::properties::run(step, role);
        assert!(
            BindingPlan::apply(&desired(), role.as_ref(), None).is_ok(),
            "ours after any step"
        );
    }
    assert_eq!(
        role.as_ref().unwrap().tags,
        marked(desired().tags, "boundary"),
        "the offer is gone too"
    );
    assert_eq!(
        BindingPlan::apply(&desired(), role.as_ref(), None).unwrap().role.steps,
        []
    );
}

#[test]
fn an_offer_to_somebody_else_is_no_offer() {
    let adopting = DesiredRole {
        adopt: true,
        ..desired()
    };
    let other = Owner {
        name: "other".to_owned(),
        ..owner()
    };
    let moved = Owner {
        cluster: "other".to_owned(),
        ..owner()
    };
    for value in [
        String::new(),
        other.adoption(),
        moved.adoption(),
        format!("{} ", owner().adoption()),
    ] {
        let mut role = offered();
        role.tags.insert(TAG_ADOPT.to_owned(), value.clone());
        assert!(BindingPlan::apply(&adopting, Some(&role), None).is_err(), "{value}");
        assert!(!adopting.may_take(&role.tags));
    }
    assert_eq!(
        BindingPlan::close(&owner(), &offered()),
        [],
        "what is only offered is not closed"
    );
    assert_eq!(BindingPlan::remove(&owner(), &offered()).role.steps, [], "nor removed");
}
