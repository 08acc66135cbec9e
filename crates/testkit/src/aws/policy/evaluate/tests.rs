use serde_json::json;

use super::*;

const ACCOUNT: &str = "123456789012";

fn user() -> Identity {
    Identity::Aws {
        account: ACCOUNT.into(),
        arns: vec![format!("arn:aws:iam::{ACCOUNT}:user/ann")],
    }
}

fn session() -> Identity {
    let arns = [
        format!("arn:aws:sts::{ACCOUNT}:assumed-role/r/s"),
        format!("arn:aws:iam::{ACCOUNT}:role/p/r"),
    ];
    Identity::Aws {
        account: ACCOUNT.into(),
        arns: arns.into(),
    }
}

fn document(statement: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statement})
}

#[test]
fn statements_apply_by_action_and_resource() {
    use Verdict::{Allow, ExplicitDeny, ImplicitDeny};
    let allow = |action: Value, resource: Value| json!({"Effect": "Allow", "Action": action, "Resource": resource});
    let object = "arn:aws:s3:::b/k";
    let rows: Vec<(Value, &str, &str, Verdict)> = vec![
        (
            allow(json!("s3:GetObject"), json!(format!("{object}*"))),
            "s3:GetObject",
            object,
            Allow,
        ),
        (allow(json!("S3:GETobject"), json!("*")), "s3:GetObject", object, Allow),
        (
            allow(json!(["iam:*", "s3:Get*"]), json!("*")),
            "s3:GetObject",
            object,
            Allow,
        ),
        (
            allow(json!("s3:PutObject"), json!("*")),
            "s3:GetObject",
            object,
            ImplicitDeny,
        ),
        (
            allow(json!("s3:GetObject"), json!("arn:aws:s3:::b")),
            "s3:GetObject",
            object,
            ImplicitDeny,
        ),
        (
            allow(json!("*"), json!(["arn:aws:s3:::x", object])),
            "s3:GetObject",
            object,
            Allow,
        ),
        (
            allow(json!("*"), json!("arn:aws:s3:::*")),
            "s3:ListAllMyBuckets",
            "*",
            ImplicitDeny,
        ),
        (allow(json!("*"), json!("*")), "s3:ListAllMyBuckets", "*", Allow),
        (
            json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
            "s3:GetObject",
            object,
            Allow,
        ),
        (
            json!({"Effect": "Allow", "NotAction": "S3:*", "Resource": "*"}),
            "s3:GetObject",
            object,
            ImplicitDeny,
        ),
        (
            json!({"Effect": "Allow", "Action": "*", "NotResource": object}),
            "s3:GetObject",
            object,
            ImplicitDeny,
        ),
        (
            json!({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::c/*"}),
            "s3:A",
            object,
            Allow,
        ),
        (
            json!([allow(json!("*"), json!("*")), {"Effect": "Deny", "Action": "s3:Get*", "Resource": "*"}]),
            "s3:GetObject",
            object,
            ExplicitDeny,
        ),
        (
            json!([{"Effect": "Deny", "Action": "s3:Put*", "Resource": "*"}, allow(json!("*"), json!("*"))]),
            "s3:GetObject",
            object,
            Allow,
        ),
        (json!([]), "s3:GetObject", object, ImplicitDeny),
    ];
    for (statement, action, resource, want) in rows {
        let document = document(statement);
        assert_eq!(
            evaluate(&document, action, resource, &Context::new()),
            want,
            "{document} {action} {resource}"
        );
    }
}

#[test]
fn principals_name_everybody_accounts_arns_providers_and_services() {
    let rows: Vec<(Value, Identity, Option<Reach>)> = vec![
        (json!("*"), Identity::Anonymous, Some(Reach::Direct)),
        (json!({"AWS": "*"}), Identity::Anonymous, Some(Reach::Direct)),
        (json!({"AWS": "*"}), user(), Some(Reach::Direct)),
        (json!({"AWS": ACCOUNT}), user(), Some(Reach::Account)),
        (json!({"AWS": ACCOUNT}), Identity::Anonymous, None),
        (
            json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}),
            user(),
            Some(Reach::Account),
        ),
        (json!({"AWS": "arn:aws:iam::999999999999:root"}), user(), None),
        (
            json!({"AWS": [format!("arn:aws:iam::{ACCOUNT}:user/ann"), ACCOUNT]}),
            user(),
            Some(Reach::Direct),
        ),
        (json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:user/*")}), user(), None),
        (
            json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:role/p/r")}),
            session(),
            Some(Reach::Role),
        ),
        (
            json!({"AWS": format!("arn:aws:sts::{ACCOUNT}:assumed-role/r/s")}),
            session(),
            Some(Reach::Direct),
        ),
        (
            json!({"Federated": ["x", "y"]}),
            Identity::Federated("y".into()),
            Some(Reach::Direct),
        ),
        (json!({"Federated": "x"}), Identity::Federated("y".into()), None),
        (json!("*"), Identity::Federated("y".into()), None),
        (
            json!({"Service": "a.amazonaws.com"}),
            Identity::Service("a.amazonaws.com".into()),
            Some(Reach::Direct),
        ),
        (json!({"Service": "a.amazonaws.com"}), user(), None),
    ];
    for (principal, who, want) in rows {
        assert_eq!(
            named(&json!({"Principal": principal}), &who),
            want,
            "{principal} {who:?}"
        );
        assert_eq!(
            named(&json!({"NotPrincipal": principal}), &who).is_none(),
            want.is_some(),
            "not {principal}"
        );
    }
    assert_eq!(named(&json!({}), &user()), None);
}

#[test]
fn a_trust_policy_is_judged_by_provider_action_and_conditions() {
    let trust = document(json!([{
        "Effect": "Allow",
        "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/i"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"i:sub": "system:serviceaccount:ns:sa", "i:aud": ["x", "sts.amazonaws.com"]}}
    }]));
    let provider = Identity::Federated("arn:aws:iam::123456789012:oidc-provider/i".into());
    let context = Context::new()
        .with("i:sub", "system:serviceaccount:ns:sa")
        .with("i:aud", "sts.amazonaws.com");
    let action = "sts:AssumeRoleWithWebIdentity";
    assert_eq!(evaluate_trust(&trust, &provider, action, &context), Verdict::Allow);
    assert_eq!(
        evaluate_trust(&trust, &provider, "sts:AssumeRole", &context),
        Verdict::ImplicitDeny
    );
    let other = Identity::Federated("arn:aws:iam::123456789012:oidc-provider/j".into());
    assert_eq!(evaluate_trust(&trust, &other, action, &context), Verdict::ImplicitDeny);
    let wrong = context.with("i:sub", "system:serviceaccount:ns:other");
    assert_eq!(evaluate_trust(&trust, &provider, action, &wrong), Verdict::ImplicitDeny);
}

#[test]
fn variables_work_only_in_the_newer_version() {
    let context = Context::new().with("aws:username", "ann");
    let mut policy = document(json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${aws:username}"}));
    assert_eq!(
        evaluate(&policy, "s3:GetObject", "arn:aws:s3:::b/ann", &context),
        Verdict::Allow
    );
    policy["Version"] = json!("2008-10-17");
    assert_eq!(
        evaluate(&policy, "s3:GetObject", "arn:aws:s3:::b/ann", &context),
        Verdict::ImplicitDeny
    );
}

#[test]
fn a_denial_by_condition_needs_its_condition() {
    let policy = document(json!([
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"},
        {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*",
         "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    ]));
    let secure = Context::new().with("aws:SecureTransport", "true");
    let judged = |context| {
        evaluate_resource(
            &policy,
            &Identity::Anonymous,
            "s3:GetObject",
            "arn:aws:s3:::b/k",
            context,
        )
    };
    assert_eq!(judged(&secure), Verdict::Allow);
    assert_eq!(
        judged(&secure.clone().with("aws:SecureTransport", "false")),
        Verdict::ExplicitDeny
    );
}
