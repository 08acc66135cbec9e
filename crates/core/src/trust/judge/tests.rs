use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::trust::{Audience, NonEmptySet, Subject, TrustPolicy, TrustProvider};

const ARN: &str = "arn:aws:iam::123456789012:oidc-provider/b.example/c";
const CLAIMS: Claims<'_> = Claims {
    provider: ARN,
    issuer: "b.example/c",
    subject: "system:serviceaccount:ns:app",
    audience: "sts.amazonaws.com",
};

fn statement(change: impl FnOnce(&mut Value)) -> Value {
    let mut statement = json!({
        "Effect": "Allow", "Principal": {"Federated": ARN}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {
            "b.example/c:sub": "system:serviceaccount:ns:app", "b.example/c:aud": "sts.amazonaws.com",
        }},
    });
    change(&mut statement);
    statement
}

fn judged(statements: &[Value]) -> Admittance {
    admits(
        &json!({"Version": "2012-10-17", "Statement": statements}).to_string(),
        &CLAIMS,
    )
}

fn with(condition: Value) -> Admittance {
    judged(&[statement(|statement| statement["Condition"] = condition)])
}

#[test]
fn what_we_render_ourselves_lets_in_whom_it_names_and_nobody_else() {
    let policy = TrustPolicy {
        providers: NonEmptySet::one(TrustProvider::new(ARN, "b.example/c")),
        subjects: NonEmptySet::one(Subject::new("ns", "app").unwrap()),
        audiences: NonEmptySet::one(Audience::new("sts.amazonaws.com").unwrap()),
    };
    let document = policy.render(usize::MAX).unwrap();
    assert_eq!(admits(document.as_str(), &CLAIMS), Yes);
    for other in [
        Claims {
            subject: "system:serviceaccount:ns:other",
            ..CLAIMS
        },
        Claims {
            audience: "vault",
            ..CLAIMS
        },
        Claims {
            provider: "arn:aws:iam::123456789012:oidc-provider/b.example",
            ..CLAIMS
        },
    ] {
        assert_eq!(admits(document.as_str(), &other), No, "{other:?}");
    }
    assert_eq!(admits(crate::trust::closed().as_str(), &CLAIMS), No);
    for text in ["", "{}", "[]", r#"{"Statement":[]}"#, r#"{"Statement":"x"}"#] {
        assert_ne!(admits(text, &CLAIMS), Yes, "{text}");
    }
}

#[test]
fn somebody_elses_policy_must_let_in_whom_it_should_and_not_everybody() {
    let policy = |names: &[&str]| TrustPolicy {
        providers: NonEmptySet::one(TrustProvider::new(ARN, "b.example/c")),
        subjects: NonEmptySet::new(names.iter().map(|name| Subject::new("ns", name).unwrap())).unwrap(),
        audiences: NonEmptySet::one(Audience::new("sts.amazonaws.com").unwrap()),
    };
    let document =
        |condition: Value| json!({"Statement": statement(|statement| statement["Condition"] = condition)}).to_string();
    let pinned = document(json!({"StringEquals": {"b.example/c:sub": "system:serviceaccount:ns:app"}}));
    assert_eq!(policy(&["app"]).check_existing(&pinned), Ok(()));
    let refused = policy(&["app", "job"]).check_existing(&pinned).unwrap_err();
    assert!(
        matches!(&refused, TrustMismatch::Refuses { subject, .. } if subject.ends_with(":job")),
        "{refused}"
    );
    let whole_namespace = document(json!({"StringLike": {"b.example/c:sub": "system:serviceaccount:ns:*"}}));
    assert_eq!(policy(&["app", "job"]).check_existing(&whole_namespace), Ok(()));
    let from_here = document(json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}));
    assert_eq!(
        policy(&["app"]).check_existing(&from_here),
        Ok(()),
        "its author has his reasons"
    );
    for condition in [
        json!({}),
        json!({"StringEquals": {"b.example/c:aud": "sts.amazonaws.com"}}),
        json!({"StringLike": {"b.example/c:sub": "system:serviceaccount:*"}}),
        json!({"StringNotEquals": {"b.example/c:sub": STRANGER}}),
        json!({"StringNotLike": {"b.example/c:sub": "system:serviceaccount:irsa-anywhere-system:*"}}),
    ] {
        let refused = policy(&["app"])
            .check_existing(&document(condition.clone()))
            .unwrap_err();
        assert!(matches!(refused, TrustMismatch::Open { .. }), "{condition}");
        assert!(refused.to_string().ends_with("b.example/c:sub"), "{refused}");
    }
}

#[test]
fn operators_are_read_as_iam_reads_them() {
    let sub = |operator: &str, value: Value| with(json!({ operator: {"b.example/c:sub": value} }));
    let app = "system:serviceaccount:ns:app";
    for (operator, value, expected) in [
        ("StringEquals", json!(["x", app]), Yes),
        ("StringEquals", json!("SYSTEM:serviceaccount:ns:app"), No),
        ("StringEquals", json!("system:serviceaccount:ns:*"), No),
        ("StringEqualsIgnoreCase", json!("SYSTEM:serviceaccount:ns:app"), Yes),
        ("StringLike", json!("system:serviceaccount:ns:*"), Yes),
        ("StringLike", json!("system:serviceaccount:?s:app"), Yes),
        ("StringLike", json!("system:serviceaccount:other:*"), No),
        ("StringNotEquals", json!(["x", app]), No),
        ("StringNotLike", json!("x*"), Yes),
        ("StringEqualsIfExists", json!(app), Yes),
        ("ForAnyValue:StringEquals", json!([app]), Yes),
        ("ForAllValues:StringLike", json!(["other"]), No),
        ("Null", json!("false"), Yes),
        ("Null", json!(true), No),
        ("StringEquals", json!("${aws:username}"), Depends),
        ("StringEquals", json!(1), Depends),
        ("DateGreaterThan", json!("2026-01-01T00:00:00Z"), Depends),
    ] {
        assert_eq!(sub(operator, value.clone()), expected, "{operator} {value}");
    }
}

#[test]
fn every_condition_must_hold_and_a_denial_beats_every_permission() {
    let two = json!({
        "StringEquals": {"b.example/c:aud": "sts.amazonaws.com"},
        "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
    });
    assert_eq!(with(two.clone()), Depends);
    assert_eq!(
        with(json!({"StringEquals": {"b.example/c:aud": "vault"}, "IpAddress": two["IpAddress"]})),
        No
    );
    assert_eq!(
        with(json!({"StringEquals": {"B.EXAMPLE/C:SUB": "system:serviceaccount:ns:app"}})),
        Yes
    );
    let deny = |condition: Value| {
        statement(|statement| {
            statement["Effect"] = json!("Deny");
            statement["Condition"] = condition;
        })
    };
    let allow = statement(|_| ());
    assert_eq!(judged(&[allow.clone(), deny(json!({}))]), No);
    assert_eq!(judged(&[deny(two.clone()), allow.clone()]), Depends);
    let everybody = statement(|statement| statement["Principal"] = json!({"AWS": "*"}));
    assert_eq!(judged(&[everybody.clone(), allow]), Yes, "one permission is enough");
    assert_eq!(
        judged(&[everybody]),
        Depends,
        "whether it is about web identities AWS does not say"
    );
}

#[test]
fn actions_and_principals_are_matched_whole() {
    let of = |member: &str, value: Value| judged(&[statement(|statement| statement[member] = value)]);
    for action in [
        json!("sts:*"),
        json!("STS:AssumeRoleWithWeb*"),
        json!(["sts:TagSession", "*"]),
    ] {
        assert_eq!(of("Action", action.clone()), Yes, "{action}");
    }
    for action in [json!("sts:AssumeRole"), json!("sts:AssumeRole?"), json!([])] {
        assert_eq!(of("Action", action.clone()), No, "{action}");
    }
    for (principal, expected) in [
        (json!({"Federated": ["x", ARN]}), Yes),
        (json!({"Federated": "*"}), Yes),
        (json!({"AWS": ARN}), No),
        (json!("*"), Depends),
    ] {
        assert_eq!(of("Principal", principal.clone()), expected, "{principal}");
    }
    assert_eq!(
        of("Resource", json!("*")),
        Depends,
        "an element that does not belong here"
    );
}

proptest! {
    #[test]
    fn a_pattern_matches_what_it_was_made_of(pieces in prop::collection::vec("[ab]{0,3}", 1..4), fill in "[abc]{0,3}") {
        let text = pieces.join(&fill);
        prop_assert!(like(&pieces.join("*"), &text));
        prop_assert!(like(&text, &text));
        let other = format!("{text}d");
        prop_assert!(!like(&text, &other));
    }
}
