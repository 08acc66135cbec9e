mod rights;

use serde_json::{Value, json};

use std::collections::BTreeSet;

use super::*;
use crate::admission::{Guardrails, ServedNamespaces};

const PROVIDER: &str = "arn:aws:iam::123456789012:oidc-provider/b.example/c";
const ROLE: &str = "arn:aws:iam::123456789012:role/irsa/app";

fn federation() -> AuditedFederation {
    AuditedFederation {
        name: "default".to_owned(),
        provider: PROVIDER.to_owned(),
        issuer: "b.example/c".to_owned(),
        client_ids: vec!["sts.amazonaws.com".to_owned(), "vault".to_owned()],
        guardrails: Guardrails {
            allowed_namespaces: ServedNamespaces::Selected(crate::admission::LabelSelector::default()),
            ..Guardrails::default()
        },
    }
}

fn workload(namespace: &str, name: &str, pods: usize) -> Workload {
    Workload {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        pods: Some(pods),
    }
}

fn trust(conditions: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": conditions,
    }]})
    .to_string()
}

fn pinned(subjects: &[&str]) -> Value {
    json!({"StringEquals": {"b.example/c:aud": "sts.amazonaws.com", "b.example/c:sub": subjects}})
}

const APP: &str = "system:serviceaccount:shop:app";

/// One role with this trust policy, which a binding of shop/app has.
fn scene(trust: String) -> AuditInput {
    AuditInput {
        federations: vec![federation()],
        bindings: vec![AuditedBinding {
            namespace: "shop".to_owned(),
            name: "app".to_owned(),
            role: ROLE.to_owned(),
            accounts: BTreeSet::from(["app".to_owned()]),
            audiences: BTreeSet::from(["sts.amazonaws.com".to_owned()]),
        }],
        workloads: Some(vec![
            workload("shop", "app", 2),
            workload("shop", "default", 0),
            workload("team-a", "app", 7),
        ]),
        roles: vec![AuditedRole {
            arn: ROLE.to_owned(),
            trust,
            power: Some(RolePower::default()),
        }],
    }
}

fn found(audit: &Audit) -> Vec<(Severity, &str)> {
    audit
        .findings
        .iter()
        .map(|finding| (finding.severity, finding.kind))
        .collect()
}

fn entering(access: &RoleAccess) -> Vec<(&str, &str, bool, Option<usize>)> {
    let of = |one: &'_ WorkloadAccess| (one.bound, one.pods);
    access
        .workloads
        .iter()
        .map(|one| (one.namespace.as_str(), one.name.as_str(), of(one).0, of(one).1))
        .collect()
}

#[test]
fn a_role_that_lets_its_own_in_and_nobody_else_is_no_finding() {
    let audit = Audit::of(&scene(trust(&pinned(&[APP]))));
    assert_eq!(found(&audit), []);
    assert_eq!(audit.roles[0].reach, Reach::Named);
    assert_eq!(entering(&audit.roles[0]), [("shop", "app", true, Some(2))]);
    assert!(!audit.is_too_wide());
}

#[test]
fn whoever_gets_in_is_found_however_the_policy_is_written() {
    let aud = json!({"b.example/c:aud": "sts.amazonaws.com"});
    let sub = |value: &str| json!({"b.example/c:sub": value});
    let high = Severity::High;
    for (conditions, expected, reach) in [
        (
            json!({"StringEquals": aud}),
            vec![(high, "every-service-account")],
            Reach::Everybody,
        ),
        (
            json!({"StringEquals": aud, "StringLike": sub("*")}),
            vec![(high, "every-service-account")],
            Reach::Everybody,
        ),
        // Everybody but one, whom it knows.
        (
            json!({"StringEquals": aud, "StringNotEquals": sub(crate::trust::STRANGER)}),
            vec![(high, "every-service-account")],
            Reach::Everybody,
        ),
        (
            json!({"StringEquals": aud, "StringLike": sub("system:serviceaccount:team-*:app")}),
            vec![(high, "pattern")],
            Reach::Patterns(vec!["system:serviceaccount:team-*:app".to_owned()]),
        ),
        (
            json!({"StringEquals": aud, "StringLike": sub("system:serviceaccount:irsa-anywhere-system:*")}),
            vec![(high, "pattern")],
            Reach::Patterns(vec!["system:serviceaccount:irsa-anywhere-system:*".to_owned()]),
        ),
        (
            json!({"StringEquals": aud, "StringLike": sub("system:serviceaccount:team-*")}),
            vec![(high, "pattern")],
            Reach::Patterns(vec!["system:serviceaccount:team-*".to_owned()]),
        ),
        (
            json!({"StringEqualsIgnoreCase": {"B.example/c:SUB": "system:serviceaccount:Team-A:app"}, "StringEquals": aud}),
            vec![(Severity::Medium, "not-bound")],
            Reach::Named,
        ),
        (
            json!({"StringEquals": {"b.example/c:sub": APP}}),
            vec![(Severity::Medium, "other-audience")],
            Reach::Named,
        ),
        (
            json!({"StringEquals": aud, "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
            vec![(Severity::Medium, "every-service-account")],
            Reach::Everybody,
        ),
        (
            pinned(&[APP, "system:serviceaccount:shop:gone"]),
            vec![(Severity::Medium, "not-bound"), (Severity::Low, "missing-account")],
            Reach::Named,
        ),
    ] {
        let audit = Audit::of(&scene(trust(&conditions)));
        assert_eq!(
            (found(&audit), &audit.roles[0].reach),
            (expected, &reach),
            "{conditions}"
        );
    }
}

fn statement(effect: &str, conditions: &Value) -> Value {
    json!({"Effect": effect, "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": conditions})
}

#[test]
fn a_door_that_several_statements_make_is_as_wide_as_they_make_it() {
    let aud = json!({"b.example/c:aud": "sts.amazonaws.com"});
    let open = json!({"StringEquals": aud});
    let sub = |operator: &str, value: Value| json!({operator: {"b.example/c:sub": value}});
    let everybody = vec![(Severity::High, "every-service-account")];
    let pattern = "system:serviceaccount:team-*:*";
    let another = "system:serviceaccount:irsa-anywhere-audit:irsa-anywhere-audit";
    for (statements, expected, reach) in [
        // Whom nobody binds is not known by its name: a policy cannot shut just that out.
        (
            vec![
                statement("Allow", &open),
                statement("Deny", &sub("StringEquals", json!([crate::trust::STRANGER, another]))),
            ],
            everybody.clone(),
            Reach::Everybody,
        ),
        (
            vec![
                statement("Allow", &open),
                statement(
                    "Deny",
                    &sub("StringLike", json!("system:serviceaccount:irsa-anywhere-*:*")),
                ),
            ],
            everybody,
            Reach::Everybody,
        ),
        // Whom a denial makes an exception of.
        (
            vec![
                statement("Allow", &open),
                statement("Deny", &sub("StringNotLike", json!(pattern))),
            ],
            vec![(Severity::High, "pattern")],
            Reach::Patterns(vec![pattern.to_owned()]),
        ),
        (
            vec![
                statement("Allow", &open),
                statement(
                    "Deny",
                    &sub("StringNotEquals", json!([APP, "system:serviceaccount:team-a:app"])),
                ),
            ],
            vec![(Severity::Medium, "not-bound")],
            Reach::Named,
        ),
        // What perhaps lets everybody in does not hide what certainly lets some in.
        (
            vec![
                statement(
                    "Allow",
                    &json!({"StringEquals": aud, "StringLike": {"b.example/c:sub": pattern}}),
                ),
                statement(
                    "Allow",
                    &json!({"StringEquals": aud, "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
                ),
            ],
            vec![(Severity::High, "pattern")],
            Reach::Patterns(vec![pattern.to_owned()]),
        ),
    ] {
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let audit = Audit::of(&scene(policy.clone()));
        assert_eq!((found(&audit), &audit.roles[0].reach), (expected, &reach), "{policy}");
        let shows_fitting = audit.roles[0].workloads.iter().any(|one| one.namespace == "team-a");
        assert_eq!(shows_fitting, reach != Reach::Everybody, "{policy}");
    }
}

#[test]
fn an_audience_that_one_of_several_gets_in_with_is_found() {
    let pinned = |subject: &str, audience: &str| {
        statement(
            "Allow",
            &json!({"StringEquals": {"b.example/c:sub": subject, "b.example/c:aud": audience}}),
        )
    };
    let default = pinned("system:serviceaccount:shop:default", "vault");
    let policy = json!({"Version": "2012-10-17", "Statement": [pinned(APP, "sts.amazonaws.com"), default]});
    let mut input = scene(policy.to_string());
    input.bindings[0].accounts.insert("default".to_owned());
    assert_eq!(found(&Audit::of(&input)), [(Severity::Medium, "other-audience")]);
}

#[test]
fn a_pattern_shows_whom_it_fits_and_one_that_is_compared_as_text_fits_nobody() {
    let like = json!({"StringLike": {"b.example/c:sub": "system:serviceaccount:team-*:app"}, "StringEquals": {"b.example/c:aud": "sts.amazonaws.com"}});
    let audit = Audit::of(&scene(trust(&like)));
    assert_eq!(entering(&audit.roles[0]), [("team-a", "app", false, Some(7))]);
    // A star under StringEquals is a star.
    let audit = Audit::of(&scene(trust(&pinned(&["system:serviceaccount:team-*:app"]))));
    assert_eq!((found(&audit), audit.roles.len()), (vec![], 0));
}

#[test]
fn roles_that_nobody_of_the_cluster_gets_into_are_passed_over() {
    let other = trust(&pinned(&[APP])).replace("oidc-provider/b.example/c", "oidc-provider/d.example");
    let mut input = scene(other);
    input.bindings.clear();
    input.roles[0].power = Some(RolePower {
        attached: BTreeSet::from(["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()]),
        ..RolePower::default()
    });
    let audit = Audit::of(&input);
    assert_eq!((found(&audit), audit.roles.len()), (vec![], 0));
    // One that was made by hand, and that this cluster gets into.
    let mut input = scene(trust(&pinned(&[APP])));
    input.bindings.clear();
    assert_eq!(found(&Audit::of(&input)), [(Severity::Low, "no-binding")]);
}

#[test]
fn others_whom_a_policy_lets_in_are_named() {
    let mut policy: Value = serde_json::from_str(&trust(&pinned(&[APP]))).unwrap();
    let second = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root", "Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"});
    policy["Statement"].as_array_mut().unwrap().push(second);
    let audit = Audit::of(&scene(policy.to_string()));
    assert_eq!(found(&audit), [(Severity::Low, "other-principals")]);
    assert_eq!(
        audit.roles[0].other_principals,
        ["arn:aws:iam::999999999999:root", "ec2.amazonaws.com"]
    );
}

#[test]
fn without_aws_a_role_is_what_its_binding_says_and_without_lists_nothing_is_missing() {
    let mut input = scene(String::new());
    input.roles.clear();
    input.workloads = None;
    let audit = Audit::of(&input);
    assert_eq!((found(&audit), &audit.roles[0].reach), (vec![], &Reach::Unseen));
    assert_eq!(entering(&audit.roles[0]), [("shop", "app", true, None)]);
}

#[test]
fn a_policy_that_aws_may_read_otherwise_is_not_judged_and_is_named() {
    // Of two members of one name programs take one or the other.
    let twice = trust(&pinned(&[APP])).replace("\"Version\"", "\"Statement\":[],\"Version\"");
    let audit = Audit::of(&scene(twice.clone()));
    assert_eq!(
        audit.unread,
        [format!("The trust policy of {ROLE} cannot be read for certain.")]
    );
    assert_eq!(audit.roles[0].reach, Reach::Unseen, "as its binding says");
    let others = twice.replace("b.example/c", "d.example");
    assert_eq!(Audit::of(&scene(others)).unread, [""; 0], "it is about nobody here");

    let mut input = scene(trust(&pinned(&[APP])));
    input.roles[0].power = Some(RolePower {
        inline: [("odd".to_owned(), r#"{"Statement":[],"Statement":[]}"#.to_owned())].into(),
        ..RolePower::default()
    });
    let unread = Audit::of(&input).unread;
    assert_eq!(
        unread,
        [format!("The inline policy odd of {ROLE} cannot be read for certain.")]
    );
}
