//! What somebody above us puts on our roles, and what he refuses us.

use serde_json::{Value, json};

use super::*;

fn plan(desired: &DesiredRole, observed: &ObservedRole) -> BindingPlan {
    BindingPlan::apply(desired, Some(observed), Some(desired.fingerprint())).unwrap()
}

fn without_boundary() -> DesiredRole {
    DesiredRole {
        boundary: None,
        ..desired()
    }
}

fn unmarked() -> ObservedRole {
    let mut role = observed();
    role.tags.remove(TAG_BOUNDARY);
    role
}

#[test]
fn a_boundary_that_we_did_not_set_stays_and_is_told() {
    let theirs = plan(&without_boundary(), &unmarked());
    assert_eq!(theirs.role.steps, []);
    assert_eq!(theirs.kept, [Kept::Boundary("boundary".to_owned())]);
    let mut swapped = observed();
    swapped.boundary = Some("theirs".to_owned());
    let unmarking = RoleStep::Untag {
        keys: vec![TAG_BOUNDARY.to_owned()],
    };
    assert_eq!(plan(&without_boundary(), &swapped).role.steps, [unmarking]);
}

#[test]
fn without_a_boundary_another_trust_is_one_step_where_nothing_is_taken() {
    let mut role = unmarked();
    role.boundary = None;
    let other = DesiredRole {
        trust: trust_of("b"),
        ..without_boundary()
    };
    let change = RoleStep::UpdateTrust { trust: trust_of("b") };
    assert_eq!(plan(&other, &role).role.steps, [change]);
}

#[test]
fn what_stays_is_told_in_words() {
    let told: Vec<String> = [
        Kept::Boundary("arn:b".to_owned()),
        Kept::Inline("revoked".to_owned()),
        Kept::Managed(arn("AWSDenyAll")),
        Kept::Trust(1),
        Kept::Trust(2),
    ]
    .iter()
    .map(Kept::to_string)
    .collect();
    assert_eq!(
        told,
        [
            "the permissions boundary arn:b",
            "the inline policy revoked, which only denies",
            "the managed policy arn:aws:iam::aws:policy/AWSDenyAll, which only denies",
            "a Deny statement in the trust policy",
            "2 Deny statements in the trust policy",
        ]
    );
}

#[test]
fn a_boundary_of_ours_goes_with_its_mark_when_the_federation_drops_it() {
    let dropped = plan(&without_boundary(), &observed());
    assert_eq!(
        dropped.role.steps,
        [
            RoleStep::DeleteBoundary,
            RoleStep::Untag {
                keys: vec![TAG_BOUNDARY.to_owned()]
            }
        ]
    );
    assert!(!dropped.order.allows(1, &[0]), "what was not removed stays marked");
    assert_eq!(dropped.kept, []);
}

#[test]
fn a_role_from_before_the_mark_is_marked_and_nobody_is_blamed() {
    let marking = plan(&desired(), &unmarked());
    let tags = BoundaryMark::of("boundary").tags();
    assert_eq!(marking.role.steps, [RoleStep::Tag { tags }]);
    assert_eq!(marking.role.cause, Cause::Spec);
}

#[test]
fn from_one_boundary_of_ours_to_another_both_are_marked_on_the_way() {
    let other = DesiredRole {
        boundary: Some("other".to_owned()),
        ..desired()
    };
    let steps = plan(&other, &observed()).role.steps;
    assert_eq!(
        steps,
        [
            RoleStep::Tag {
                tags: BoundaryMark::between("boundary", "other").tags()
            },
            RoleStep::PutBoundary {
                arn: "other".to_owned()
            },
            RoleStep::Tag {
                tags: BoundaryMark::of("other").tags()
            },
        ]
    );
    let mut role = Some(observed());
    for step in &steps {
        role = super::super::properties::run(step, role);
        let now = plan(&without_boundary(), role.as_ref().unwrap());
        assert!(
            now.role.steps.contains(&RoleStep::DeleteBoundary),
            "ours after any step"
        );
    }
}

#[test]
fn what_certainly_only_denies_stays_and_everything_else_that_is_not_listed_goes() {
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    let mut role = observed();
    role.inline.insert("AWSRevokeOlderSessions".to_owned(), deny.to_owned());
    role.inline.insert("more".to_owned(), policy("s3:*"));
    role.attached.insert(arn("AWSDenyAll"));
    role.attached
        .insert(PolicyArn::observed("arn:aws:iam::123456789012:policy/AWSDenyAll"));
    let plan = plan(&desired(), &role);
    assert_eq!(
        plan.role.steps,
        [
            RoleStep::DeleteInline {
                name: "more".to_owned()
            },
            RoleStep::Detach {
                arn: PolicyArn::observed("arn:aws:iam::123456789012:policy/AWSDenyAll")
            }
        ]
    );
    assert_eq!(
        plan.kept,
        [
            Kept::Inline("AWSRevokeOlderSessions".to_owned()),
            Kept::Managed(arn("AWSDenyAll"))
        ]
    );
}

fn with_deny(trust: &str) -> String {
    let mut trust: Value = serde_json::from_str(trust).unwrap();
    let deny = json!({"Sid": "Incident", "Effect": "Deny", "Principal": "*", "Action": "sts:*"});
    trust["Statement"].as_array_mut().unwrap().push(deny);
    trust.to_string()
}

#[test]
fn a_deny_in_the_trust_policy_outlives_every_change_of_ours() {
    let locked = ObservedRole {
        trust: with_deny(&trust_of("a")),
        ..observed()
    };
    let untouched = plan(&desired(), &locked);
    assert_eq!((untouched.role.steps, untouched.kept), (vec![], vec![Kept::Trust(1)]));

    let other = DesiredRole {
        trust: trust_of("b"),
        ..desired()
    };
    let [RoleStep::UpdateTrust { trust }] = &plan(&other, &locked).role.steps[..] else {
        panic!("one change of trust");
    };
    assert!(crate::compare::equivalent(trust, &with_deny(&trust_of("b"))), "{trust}");

    let [RoleStep::UpdateTrust { trust }] = &BindingPlan::close(&owner(), &locked)[..] else {
        panic!("one change of trust");
    };
    let closed = ObservedRole {
        trust: trust.clone(),
        ..locked
    };
    assert_eq!(BindingPlan::close(&owner(), &closed), []);
    let [RoleStep::UpdateTrust { trust }] = &plan(&desired(), &closed).role.steps[..] else {
        panic!("one change of trust");
    };
    assert!(crate::compare::equivalent(trust, &with_deny(&trust_of("a"))), "{trust}");
}

#[test]
fn ignored_tags_are_neither_removed_nor_drift_nor_set() {
    let mut role = observed();
    role.tags.insert("Cost-Centre".to_owned(), "42".to_owned());
    role.tags.insert("acme:owner".to_owned(), "x".to_owned());
    let mut wanted = DesiredRole {
        ignored_tags: IgnoredTags::new(&["cost-centre".to_owned(), "acme:*".to_owned()]),
        ..desired()
    };
    assert_eq!(plan(&wanted, &role).role.steps, []);
    wanted.tags.insert("acme:team".to_owned(), "mine".to_owned());
    assert_eq!(plan(&wanted, &role).role.steps, []);
    assert_eq!(steps(&desired(), &role).len(), 1, "without the patterns they go");
}

/// The case of an organisation that tags roles and forbids to take the tag off.
#[test]
fn a_strangers_tag_that_cannot_be_removed_holds_up_nothing() {
    let trust = |names: &[&str]| {
        let policy = TrustPolicy {
            providers: NonEmptySet::one(TrustProvider::new("arn:aws:iam::1:oidc-provider/i", "i")),
            subjects: NonEmptySet::new(names.iter().map(|name| Subject::new("ns", name).unwrap())).unwrap(),
            audiences: NonEmptySet::one(Audience::new("x").unwrap()),
        };
        policy.render(usize::MAX).unwrap().as_str().to_owned()
    };
    let mut role = ObservedRole {
        trust: trust(&["a"]),
        ..observed()
    };
    role.tags.insert("cost-centre".to_owned(), "42".to_owned());
    let wanted = DesiredRole {
        trust: trust(&["a", "b"]),
        managed: BTreeSet::from([arn("A"), arn("B")]),
        ..desired()
    };
    let planned = plan(&wanted, &role);
    let untag = RoleStep::Untag {
        keys: vec!["cost-centre".to_owned()],
    };
    let widen = RoleStep::UpdateTrust {
        trust: wanted.trust.clone(),
    };
    assert_eq!(planned.role.steps, [untag, RoleStep::Attach { arn: arn("B") }, widen]);
    assert!(planned.order.allows(1, &[0]) && planned.order.allows(2, &[0]));
    let done = planned.role.steps.iter().skip(1);
    let subjects = subjects_after(Some(&role.trust), done);
    assert_eq!(subjects.len(), 2, "{subjects:?}");

    let tenants = DesiredRole {
        tenant_tags: BTreeSet::from(["Cost-Centre".to_owned()]),
        ..wanted
    };
    let planned = plan(&tenants, &role);
    assert!(
        !planned.order.allows(1, &[0]),
        "what a tenant may have set is another matter"
    );
    assert_eq!(subjects_after(Some(&role.trust), [].into_iter()).len(), 1);
}

#[test]
fn what_must_go_and_stays_holds_up_what_would_come() {
    let mut role = observed();
    role.attached = BTreeSet::from([arn("Admin")]);
    role.description = "other".to_owned();
    let planned = plan(&desired(), &role);
    assert_eq!(planned.role.steps.len(), 3);
    assert!(
        !planned.order.allows(2, &[0]),
        "nothing is attached beside what should be gone"
    );
    assert!(planned.order.allows(1, &[0]), "a description is nobody's right");
}

#[test]
fn what_denies_goes_from_a_role_that_is_removed_after_all_that_gives_was_taken() {
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    let mut role = observed();
    role.inline.insert("AWSRevokeOlderSessions".to_owned(), deny.to_owned());
    role.attached.insert(arn("AWSDenyAll"));
    let steps = BindingPlan::remove(&owner(), &role).role.steps;
    let revocation = RoleStep::DeleteInline {
        name: "AWSRevokeOlderSessions".to_owned(),
    };
    let deny_all = RoleStep::Detach { arn: arn("AWSDenyAll") };
    assert_eq!(steps[3..], [revocation, deny_all, RoleStep::DeleteRole]);
    let order = Order::of_removal(&steps, &role);
    for refused in 0..3 {
        assert!((1..3).all(|place| order.allows(place, &[refused])));
        assert!((3..6).all(|place| !order.allows(place, &[refused])), "{refused}");
    }
}

fn replaced_with_the_boundary(present: &str) -> Vec<RoleStep> {
    let mut role = observed();
    role.inline.insert("p".to_owned(), present.to_owned());
    let other = DesiredRole {
        boundary: Some("other".to_owned()),
        ..desired()
    };
    plan(&other, &role).role.steps
}

#[test]
fn a_text_that_is_replaced_with_the_boundary_goes_before_it_and_the_new_one_comes_after() {
    let steps = replaced_with_the_boundary(&policy("s3:*"));
    let unmarked: Vec<_> = steps
        .iter()
        .filter(|step| !matches!(step, RoleStep::Tag { .. }))
        .collect();
    let name = "p".to_owned();
    assert_eq!(
        unmarked,
        [
            &RoleStep::DeleteInline { name: name.clone() },
            &RoleStep::PutBoundary {
                arn: "other".to_owned()
            },
            &RoleStep::PutInline {
                name,
                document: policy("s3:GetObject")
            },
        ]
    );
}

#[test]
fn a_text_that_denies_stays_until_the_new_one_takes_its_place() {
    let deny = r#"{"Effect":"Deny","Action":"s3:Delete*","Resource":"*"}"#;
    let allow = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    let mixed = format!(r#"{{"Version":"2012-10-17","Statement":[{allow},{deny}]}}"#);
    for present in [mixed.as_str(), "a text that nobody can read"] {
        let steps = replaced_with_the_boundary(present);
        let deleted = steps.iter().any(|step| matches!(step, RoleStep::DeleteInline { .. }));
        assert!(!deleted, "{steps:?}");
        assert!(matches!(steps.last(), Some(RoleStep::PutInline { .. })), "{steps:?}");
    }
}

/// Whoever puts another boundary and another text there, again and again, must not gain what the wanted text denies.
#[test]
fn the_new_text_is_never_put_off() {
    let mut role = observed();
    role.inline.insert("p".to_owned(), policy("s3:*"));
    let other = DesiredRole {
        boundary: Some("other".to_owned()),
        ..desired()
    };
    let plan = plan(&other, &role);
    let put = |step: &RoleStep| matches!(step, RoleStep::PutInline { .. });
    let place = plan.role.steps.iter().position(put).unwrap();
    assert!(!plan.order.may_be_put_off(place));
}
