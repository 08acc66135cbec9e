//! Plans for one thing at a time.

mod above;
mod coexistence;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    naming::{BoundaryMark, IgnoredTags, Owner, PolicyArn, RoleName, Tags, role_tags},
    plan::{Cause, Fingerprint},
    trust::{self, Audience, NonEmptySet, Subject, TrustPolicy, TrustProvider},
    vocabulary::{Reason, TAG_BOUNDARY, TAG_CLUSTER, TAG_NAME, TAG_UID},
};

pub(super) fn owner() -> Owner {
    Owner {
        cluster: "5b1c".to_owned(),
        federation: "default".to_owned(),
        namespace: "payments".to_owned(),
        name: "app".to_owned(),
    }
}

fn trust_of(subject: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Condition":{{"StringEquals":{{"i:sub":"{subject}"}}}}}}]}}"#
    )
}

fn policy(action: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"*"}}}}"#)
}

fn arn(name: &str) -> PolicyArn {
    PolicyArn::resolve(name, "aws").unwrap()
}

pub(super) fn desired() -> DesiredRole {
    DesiredRole {
        owner: owner(),
        name: RoleName::new("irsa-x-payments.app").unwrap(),
        path: "/irsa/x/".to_owned(),
        trust: trust_of("a"),
        tags: role_tags(
            &owner(),
            "u-1",
            &Tags::from([("team".to_owned(), "p".to_owned())]),
            &Tags::new(),
        )
        .unwrap(),
        ignored_tags: IgnoredTags::default(),
        tenant_tags: BTreeSet::new(),
        boundary: Some("boundary".to_owned()),
        description: "d".to_owned(),
        max_session_seconds: 3600,
        managed: BTreeSet::from([arn("A")]),
        inline: BTreeMap::from([("p".to_owned(), policy("s3:GetObject"))]),
        exclusive: true,
        adopt: false,
    }
}

pub(super) fn observed() -> ObservedRole {
    let role = desired();
    ObservedRole {
        trust: role.trust,
        tags: marked(role.tags, "boundary"),
        boundary: role.boundary,
        description: role.description,
        max_session_seconds: role.max_session_seconds,
        attached: role.managed,
        inline: role.inline,
    }
}

fn marked(mut tags: Tags, boundary: &str) -> Tags {
    tags.extend(BoundaryMark::of(boundary).tags());
    tags
}

fn steps(desired: &DesiredRole, observed: &ObservedRole) -> Vec<RoleStep> {
    BindingPlan::apply(desired, Some(observed), None).unwrap().role.steps
}

#[test]
fn a_role_that_is_as_it_must_be_needs_nothing() {
    assert_eq!(steps(&desired(), &observed()), []);
}

#[test]
fn a_missing_role_is_created_whole_before_it_gets_policies() {
    let plan = BindingPlan::apply(&desired(), None, None).unwrap();
    assert_eq!(plan.role.cause, Cause::Spec);
    let role = desired();
    assert_eq!(
        plan.role.steps,
        [
            RoleStep::CreateRole {
                path: role.path,
                trust: role.trust,
                tags: marked(role.tags, "boundary"),
                boundary: role.boundary,
                description: "d".to_owned(),
                max_session_seconds: 3600,
            },
            RoleStep::Attach { arn: arn("A") },
            RoleStep::PutInline {
                name: "p".to_owned(),
                document: policy("s3:GetObject")
            },
        ]
    );
}

#[test]
fn everything_that_differs_is_changed_in_an_order_that_never_widens() {
    let before = ObservedRole {
        trust: trust_of("b"),
        tags: [
            ("Team".to_owned(), "p".to_owned()),
            ("aws:x".to_owned(), "y".to_owned()),
        ]
        .into_iter()
        .chain(observed().tags.into_iter().filter(|(key, _)| key != "team"))
        .collect(),
        boundary: None,
        description: String::new(),
        max_session_seconds: 7200,
        attached: BTreeSet::from([arn("B")]),
        inline: BTreeMap::from([("p".to_owned(), policy("s3:*")), ("q".to_owned(), policy("iam:*"))]),
    };
    assert_eq!(
        steps(&desired(), &before),
        [
            RoleStep::UpdateTrust {
                trust: trust::closed().as_str().to_owned()
            },
            RoleStep::PutBoundary {
                arn: "boundary".to_owned()
            },
            RoleStep::DeleteInline { name: "q".to_owned() },
            RoleStep::Detach { arn: arn("B") },
            RoleStep::UpdateRole {
                description: "d".to_owned(),
                max_session_seconds: 3600
            },
            RoleStep::Untag {
                keys: vec!["Team".to_owned()]
            },
            RoleStep::Tag {
                tags: Tags::from([("team".to_owned(), "p".to_owned())])
            },
            RoleStep::Attach { arn: arn("A") },
            RoleStep::PutInline {
                name: "p".to_owned(),
                document: policy("s3:GetObject")
            },
            RoleStep::UpdateTrust { trust: trust_of("a") },
        ]
    );
}

#[test]
fn who_must_go_goes_first_where_something_else_must_go_too() {
    let before = ObservedRole {
        trust: trust_of("b"),
        attached: BTreeSet::from([arn("B")]),
        ..observed()
    };
    assert_eq!(
        steps(&desired(), &before),
        [
            RoleStep::UpdateTrust {
                trust: trust::closed().as_str().to_owned()
            },
            RoleStep::Detach { arn: arn("B") },
            RoleStep::Attach { arn: arn("A") },
            RoleStep::UpdateTrust { trust: trust_of("a") },
        ]
    );
    let before = ObservedRole {
        attached: BTreeSet::new(),
        ..before
    };
    assert_eq!(
        steps(&desired(), &before),
        [
            RoleStep::UpdateTrust { trust: trust_of("a") },
            RoleStep::Attach { arn: arn("A") },
        ],
        "one change is enough where rights are only given"
    );
}

#[test]
fn who_stays_keeps_his_access_while_rights_are_replaced() {
    let trust_of = |names: &[&str]| {
        let policy = TrustPolicy {
            providers: NonEmptySet::one(TrustProvider::new("arn:aws:iam::1:oidc-provider/i", "i")),
            subjects: NonEmptySet::new(names.iter().map(|name| Subject::new("ns", name).unwrap())).unwrap(),
            audiences: NonEmptySet::one(Audience::new("x").unwrap()),
        };
        policy.render(usize::MAX).unwrap().as_str().to_owned()
    };
    let role = DesiredRole {
        trust: trust_of(&["b", "c"]),
        ..desired()
    };
    let before = ObservedRole {
        trust: trust_of(&["a", "b"]),
        inline: BTreeMap::from([("p".to_owned(), policy("s3:*"))]),
        ..observed()
    };
    let planned = steps(&role, &before);
    assert_eq!(planned.len(), 3);
    assert_eq!(
        planned[0],
        RoleStep::UpdateTrust {
            trust: trust_of(&["b"])
        }
    );
    assert_eq!(
        planned[2],
        RoleStep::UpdateTrust {
            trust: trust_of(&["b", "c"])
        }
    );
}

#[test]
fn what_must_go_goes_before_another_boundary_lets_it_through() {
    let boundary = || RoleStep::PutBoundary {
        arn: "boundary".to_owned(),
    };
    let detach = || RoleStep::Detach { arn: arn("B") };
    let mut before = observed();
    before.attached.insert(arn("B"));
    before.boundary = Some("tight".to_owned());
    assert_eq!(steps(&desired(), &before), [detach(), boundary()]);
    before.boundary = None;
    assert_eq!(
        steps(&desired(), &before),
        [boundary(), detach()],
        "a first one only takes away"
    );
}

#[test]
fn a_boundary_that_is_no_longer_wanted_goes_last() {
    let role = DesiredRole {
        boundary: None,
        managed: BTreeSet::from([arn("A"), arn("B")]),
        ..desired()
    };
    assert_eq!(
        steps(&role, &observed()),
        [
            RoleStep::Attach { arn: arn("B") },
            RoleStep::DeleteBoundary,
            RoleStep::Untag {
                keys: vec![TAG_BOUNDARY.to_owned()]
            }
        ]
    );
}

#[test]
fn without_exclusive_what_is_not_listed_stays() {
    let mut before = observed();
    before.attached.insert(arn("B"));
    before.inline.insert("q".to_owned(), policy("iam:*"));
    assert_eq!(
        steps(
            &DesiredRole {
                exclusive: false,
                ..desired()
            },
            &before
        ),
        []
    );
    assert_eq!(steps(&desired(), &before).len(), 2);
}

#[test]
fn what_iam_rewrote_is_no_difference() {
    let mut before = observed();
    before.trust = percent_encoding::utf8_percent_encode(&before.trust, percent_encoding::NON_ALPHANUMERIC).to_string();
    before
        .inline
        .insert("p".to_owned(), policy("S3:getobject").replace("\"*\"", "[\"*\"]"));
    assert_eq!(steps(&desired(), &before), []);
}

#[test]
fn a_foreign_role_is_left_alone_and_another_bindings_is_named() {
    let mut foreign = observed();
    foreign.tags.insert(TAG_CLUSTER.to_owned(), "other".to_owned());
    let refusal = BindingPlan::apply(&desired(), Some(&foreign), None).unwrap_err();
    assert_eq!(refusal.reason(), Reason::ForeignRole);
    assert!(refusal.to_string().contains("irsa-x-payments.app"), "{refusal}");
    assert_eq!(BindingPlan::remove(&owner(), &foreign).role.steps, []);
    assert_eq!(BindingPlan::close(&owner(), &foreign), []);

    let mut taken = observed();
    taken.tags.insert(TAG_NAME.to_owned(), "other".to_owned());
    let refusal = BindingPlan::apply(&desired(), Some(&taken), None).unwrap_err();
    assert_eq!(refusal.reason(), Reason::RoleNameTaken);
    assert!(refusal.to_string().contains("payments/other"), "{refusal}");
    assert_eq!(BindingPlan::remove(&owner(), &taken).role.steps, []);
}

#[test]
fn a_half_made_role_is_ours_and_is_finished() {
    let half = ObservedRole {
        attached: BTreeSet::new(),
        inline: BTreeMap::new(),
        ..observed()
    };
    assert_eq!(
        steps(&desired(), &half),
        [
            RoleStep::Attach { arn: arn("A") },
            RoleStep::PutInline {
                name: "p".to_owned(),
                document: policy("s3:GetObject")
            },
        ]
    );
}

#[test]
fn repair_is_told_from_a_changed_spec() {
    let drifted = ObservedRole {
        description: "hand-made".to_owned(),
        ..observed()
    };
    let cause = |applied: Option<Fingerprint>| {
        BindingPlan::apply(&desired(), Some(&drifted), applied)
            .unwrap()
            .role
            .cause
    };
    assert_eq!(cause(Some(desired().fingerprint())), Cause::Drift);
    let older = DesiredRole {
        description: "older".to_owned(),
        ..desired()
    };
    assert_eq!(cause(Some(older.fingerprint())), Cause::Spec);
    assert_eq!(cause(None), Cause::Spec);
    let mut restored = desired();
    restored.tags.insert(TAG_UID.to_owned(), "u-2".to_owned());
    assert_eq!(restored.fingerprint(), desired().fingerprint());
}

#[test]
fn closing_replaces_an_open_trust_once() {
    let closing = BindingPlan::close(&owner(), &observed());
    assert_eq!(
        closing,
        [RoleStep::UpdateTrust {
            trust: trust::closed().as_str().to_owned()
        }]
    );
    let closed = ObservedRole {
        trust: trust::closed().as_str().to_owned(),
        ..observed()
    };
    assert_eq!(BindingPlan::close(&owner(), &closed), []);
    assert_eq!(
        steps(&desired(), &closed),
        [RoleStep::UpdateTrust { trust: trust_of("a") }]
    );
}

#[test]
fn removal_takes_every_policy_off_first_listed_or_not() {
    let mut before = observed();
    before.attached.insert(arn("B"));
    assert_eq!(
        BindingPlan::remove(&owner(), &before).role.steps,
        [
            RoleStep::UpdateTrust {
                trust: trust::closed().as_str().to_owned()
            },
            RoleStep::DeleteInline { name: "p".to_owned() },
            RoleStep::Detach { arn: arn("A") },
            RoleStep::Detach { arn: arn("B") },
            RoleStep::DeleteRole,
        ]
    );
}
