//! What roles may, and what tenants may ask for.

use serde_json::{Value, json};

use super::*;
use crate::admission::{PolicyPattern, RoleNames};

fn powers(attached: &[&str], inline: &[Value], boundary: Option<&str>) -> Audit {
    let mut input = scene(trust(&pinned(&[APP])));
    let documents = inline.iter().enumerate();
    input.roles[0].power = Some(RolePower {
        attached: attached
            .iter()
            .map(|name| format!("arn:aws:iam::aws:policy/{name}"))
            .collect(),
        inline: documents
            .map(|(number, statement)| {
                let document = json!({"Version": "2012-10-17", "Statement": statement});
                (format!("p{number}"), document.to_string())
            })
            .collect(),
        boundary: boundary.map(str::to_owned),
    });
    Audit::of(&input)
}

#[test]
fn a_role_that_is_or_makes_itself_an_administrator_is_found() {
    let allow = |action: Value, resource: Value| json!({"Effect": "Allow", "Action": action, "Resource": resource});
    let (high, medium, low) = (Severity::High, Severity::Medium, Severity::Low);
    for (attached, inline, boundary, expected) in [
        (vec!["AdministratorAccess"], vec![], None, vec![(high, "administrator")]),
        (
            vec!["AdministratorAccess"],
            vec![],
            Some("b"),
            vec![(medium, "administrator")],
        ),
        (
            vec!["PowerUserAccess", "AmazonS3FullAccess"],
            vec![],
            None,
            vec![(medium, "administrator")],
        ),
        (
            vec![],
            vec![allow(json!("*"), json!("*"))],
            None,
            vec![(high, "gives-itself-more")],
        ),
        // A condition may keep it from that; one that says nothing does not.
        (
            vec![],
            vec![
                json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}),
            ],
            None,
            vec![(medium, "gives-itself-more")],
        ),
        (
            vec![],
            vec![json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}})],
            None,
            vec![(high, "gives-itself-more")],
        ),
        (
            vec![],
            vec![allow(json!("IAM:put*"), json!(ROLE))],
            None,
            vec![(high, "gives-itself-more")],
        ),
        (
            vec![],
            vec![allow(
                json!("iam:PutRolePolicy"),
                json!("arn:aws:iam::123456789012:role/other"),
            )],
            None,
            vec![],
        ),
        (
            vec![],
            vec![json!({"Effect": "Allow", "NotAction": "s3:*", "NotResource": "arn:aws:s3:::x"})],
            Some("b"),
            vec![(medium, "gives-itself-more")],
        ),
        (
            vec![],
            vec![allow(json!(["s3:Get*", "sts:AssumeRole"]), json!("*"))],
            None,
            vec![(medium, "becomes-others")],
        ),
        (
            vec![],
            vec![allow(
                json!("iam:PassRole"),
                json!("arn:aws:iam::123456789012:role/one"),
            )],
            None,
            vec![],
        ),
        (vec![], vec![allow(json!("s3:*"), json!("*"))], None, vec![]),
        // Denied in the same document.
        (
            vec![],
            vec![
                json!([allow(json!("*"), json!("*")), {"Effect": "Deny", "Action": ["iam:*", "sts:*"], "Resource": "*"}]),
            ],
            None,
            vec![],
        ),
    ] {
        let audit = powers(&attached, &inline, boundary);
        assert_eq!(found(&audit), expected, "{attached:?} {inline:?}");
    }
    assert_eq!(low, Severity::Low.within_boundary());
}

#[test]
fn what_a_federation_lets_tenants_ask_for_is_judged() {
    let rules = |change: &dyn Fn(&mut Guardrails)| {
        let mut input = AuditInput {
            federations: vec![federation()],
            ..AuditInput::default()
        };
        change(&mut input.federations[0].guardrails);
        let audit = Audit::of(&input);
        found(&audit)
            .into_iter()
            .map(|(severity, kind)| (severity, kind.to_owned()))
            .collect::<Vec<_>>()
    };
    let all = |rules: &mut Guardrails| {
        rules.allowed_namespaces = ServedNamespaces::All;
        rules.allowed_managed_policies = vec![PolicyPattern::new("*", "aws")];
        rules.role_names = RoleNames::Any;
    };
    let texts = |expected: &[(Severity, &str)]| {
        expected
            .iter()
            .map(|(severity, kind)| (*severity, (*kind).to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(rules(&|_| {}), []);
    assert_eq!(
        rules(&all),
        texts(&[
            (Severity::High, "administrator-allowed"),
            (Severity::High, "administrator-allowed"),
            (Severity::Medium, "administrator-allowed"),
            (Severity::Low, "all-namespaces"),
            (Severity::Low, "any-role-name"),
            (Severity::Low, "no-boundary"),
        ])
    );
    let bounded = rules(&|rules| {
        all(rules);
        rules.permissions_boundary = Some("arn:aws:iam::123456789012:policy/b".to_owned());
    });
    assert_eq!(bounded[0], (Severity::Medium, "administrator-allowed".to_owned()));
    // A federation that serves nobody lets nobody ask for anything.
    let nobody = rules(&|rules| {
        all(rules);
        rules.allowed_namespaces = ServedNamespaces::None;
    });
    assert_eq!(nobody, []);
}
