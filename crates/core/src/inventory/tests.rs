use std::time::Duration;

use super::*;
use crate::vocabulary::{Reason, TAG_CLUSTER, TAG_FEDERATION, TAG_NAME, TAG_NAMESPACE};

const INTERVAL: Duration = Duration::from_mins(10);

fn shallow(id: &str) -> Shallow {
    Shallow {
        arn: "arn:aws:iam::123456789012:role/irsa/x".to_owned(),
        id: id.to_owned(),
        trust: "{}".to_owned(),
        description: "d".to_owned(),
        max_session_seconds: 3600,
    }
}

fn marks(cluster: &str, federation: &str, namespace: &str, name: &str) -> Tags {
    let pairs = [
        (TAG_CLUSTER, cluster),
        (TAG_FEDERATION, federation),
        (TAG_NAMESPACE, namespace),
        (TAG_NAME, name),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[test]
fn a_role_is_whole_only_when_both_listings_show_the_same_one() {
    let whole = ObservedRole {
        trust: "{}".to_owned(),
        tags: marks("c", "f", "ns", "app"),
        boundary: Some("arn:aws:iam::123456789012:policy/b".to_owned()),
        description: "d".to_owned(),
        max_session_seconds: 3600,
        attached: [PolicyArn::observed("arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned())].into(),
        inline: [("list".to_owned(), "{}".to_owned())].into(),
    };
    let deep = Deep::of("AROA1", &whole);
    assert_eq!(shallow("AROA1").with(&deep), Some(whole));
    assert_eq!(shallow("AROA2").with(&deep), None, "made anew in between");
}

#[test]
fn few_roles_are_read_each_interval_and_many_within_six_hours() {
    let rolling = Method::Rolling(Because::LargeAccount);
    let every = |ours| rolling.deep_read_every(ours, INTERVAL).as_secs() / 60;
    assert_eq!(
        [every(0), every(20), every(21), every(200), every(5_000)],
        [10, 10, 20, 100, 360]
    );
    let day = Duration::from_hours(24);
    assert_eq!(
        rolling.deep_read_every(5_000, day),
        day,
        "no more often than it is looked at"
    );
    assert_eq!(Method::Inventory.deep_read_every(5_000, INTERVAL), INTERVAL);
}

#[test]
fn an_account_is_listed_whole_while_that_is_cheap() {
    assert_eq!(
        [largest_account(0), largest_account(200), largest_account(1_000)],
        [1_000, 1_000, 5_000]
    );
}

#[test]
fn what_a_check_lacks_is_said_with_the_action_that_would_help() {
    assert_eq!(Method::Inventory.shortcoming(1, INTERVAL), None);
    let denied = Because::Denied("iam:GetAccountAuthorizationDetails".to_owned());
    let rolling = Method::Rolling(denied.clone());
    let lacks = rolling.shortcoming(1_000, INTERVAL).unwrap();
    assert_eq!(lacks.because.reason(), Reason::AccessDenied);
    assert_eq!(
        lacks.to_string(),
        "iam:GetAccountAuthorizationDetails is not permitted (docs/iam-policy.md), so policies, boundary and tags of each \
         role are compared once in 360 min; trust, description and session duration in each interval."
    );
    let each = Method::Each(denied);
    assert!(
        each.shortcoming(1, INTERVAL)
            .unwrap()
            .to_string()
            .ends_with("by itself in each interval.")
    );
    let large = Method::Rolling(Because::LargeAccount);
    assert_eq!(
        large.shortcoming(1, INTERVAL).unwrap().because.reason(),
        Reason::LargeAccount
    );
}

#[test]
fn an_orphan_carries_all_our_marks_and_has_no_binding() {
    let roles = [
        ("live", marks("c", "f", "ns", "live")),
        ("left", marks("c", "f", "ns", "left")),
        // What the binding had when it had another name for its role.
        ("before", marks("c", "f", "ns", "live")),
        ("another federation's", marks("c", "g", "ns", "left")),
        ("another cluster's", marks("d", "f", "ns", "left")),
        ("nobody's", Tags::new()),
        ("half-marked", {
            let mut tags = marks("c", "f", "ns", "left");
            tags.remove(TAG_NAME);
            tags
        }),
    ];
    let roles = roles
        .iter()
        .filter_map(|(role, tags)| Some(((*role).to_owned(), Owner::named_by(tags)?)));
    let of_binding =
        |owner: &Owner, role: &str| (owner.namespace.as_str(), owner.name.as_str(), role) == ("ns", "live", "live");
    let all = orphans(roles, "c", of_binding);
    assert_eq!(
        all.keys().collect::<Vec<_>>(),
        ["f", "g"],
        "each federation has its own"
    );
    let left = &all["f"];
    let names: Vec<&str> = left.iter().map(|orphan| orphan.role.as_str()).collect();
    assert_eq!(names, ["left", "before"]);
    assert_eq!((left[0].namespace.as_str(), left[0].binding.as_str()), ("ns", "left"));
}
