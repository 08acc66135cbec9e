//! What the caller asks for, and what the role's trust policy says to it.

use serde_json::{Value, json};

use super::tokens::{BAD_VALUE, DENIED, INVALID};
use crate::stage::{SITE, SUBJECT, Stage, trust};

#[tokio::test]
async fn the_trust_policy_decides() {
    let stage = Stage::with_site().await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document = trust(&stage.issuer);
        change(&mut document["Statement"][0]);
        document
    };
    let name = |suffix: &str| format!("{SITE}:{suffix}");
    for (what, document, want) in [
        ("as it was", with(&|_| {}), "200"),
        (
            "sub list",
            with(&|s| s["Condition"]["StringEquals"][name("sub")] = json!(["a", SUBJECT])),
            "200",
        ),
        (
            "sub pattern",
            with(&|s| s["Condition"] = json!({"StringLike": {name("sub"): "system:serviceaccount:shop:*"}})),
            "200",
        ),
        (
            "another sub",
            with(&|s| s["Condition"]["StringEquals"][name("sub")] = json!("x")),
            DENIED,
        ),
        (
            "another aud",
            with(&|s| s["Condition"]["StringEquals"][name("aud")] = json!("vault")),
            DENIED,
        ),
        (
            "another provider",
            with(&|s| s["Principal"] = json!({"Federated": "arn:aws:iam::123456789012:oidc-provider/x"})),
            DENIED,
        ),
        (
            "AWS principals only",
            with(&|s| {
                s["Principal"] = json!({"AWS": "*"});
                s["Action"] = json!("sts:AssumeRole");
            }),
            DENIED,
        ),
        (
            "explicit deny",
            json!({"Version": "2012-10-17", "Statement": [trust(&stage.issuer)["Statement"][0],
            {"Effect": "Deny", "Principal": trust(&stage.issuer)["Statement"][0]["Principal"], "Action": "sts:AssumeRoleWithWebIdentity"}]}),
            DENIED,
        ),
        (
            "by session name",
            with(&|s| s["Condition"] = json!({"StringEquals": {"sts:RoleSessionName": "test", name("sub"): SUBJECT}})),
            "200",
        ),
        (
            "by another session name",
            with(&|s| s["Condition"] = json!({"StringEquals": {"sts:RoleSessionName": "x", name("sub"): SUBJECT}})),
            DENIED,
        ),
    ] {
        let text = document.to_string();
        stage
            .iam(&[
                ("Action", "UpdateAssumeRolePolicy"),
                ("RoleName", "app"),
                ("PolicyDocument", &text),
            ])
            .await;
        let answer = stage.assume(&stage.token()).await;
        assert_eq!(answer.verdict(), want, "{what}: {}", answer.body);
    }
}

#[tokio::test]
async fn parameters_are_checked_as_the_model_says() {
    let stage = Stage::with_site().await;
    let token = stage.token();
    let long = "x".repeat(65);
    let policy = "x".repeat(2049);
    for (others, want, message) in [
        (&[("RoleSessionName", "")][..], BAD_VALUE, "roleSessionName"),
        (&[("RoleSessionName", "x")], BAD_VALUE, "greater than or equal to 2"),
        (&[("RoleSessionName", &long)], BAD_VALUE, "less than or equal to 64"),
        (&[("RoleSessionName", "a b")], BAD_VALUE, "regular expression"),
        (&[("RoleSessionName", "a.b_c=d,e@f-g+h")], "200", ""),
        (&[("RoleArn", "")], BAD_VALUE, "roleArn"),
        (
            &[("RoleArn", "arn:aws:iam::1:role/x")],
            BAD_VALUE,
            "Request ARN is invalid",
        ),
        (
            &[("RoleArn", "arn:aws:iam::123456789012:user/app")],
            BAD_VALUE,
            "Request ARN is invalid",
        ),
        (
            &[("RoleArn", "arn:aws-cn:iam::123456789012:role/irsa/app")],
            BAD_VALUE,
            "Request ARN is invalid",
        ),
        (
            &[("RoleArn", "arn:aws:iam::123456789012:role/app")],
            DENIED,
            "AssumeRoleWithWebIdentity",
        ),
        (
            &[("RoleArn", "arn:aws:iam::123456789012:role/irsa/none")],
            DENIED,
            "AssumeRoleWithWebIdentity",
        ),
        (
            &[("RoleArn", "arn:aws:iam::210987654321:role/irsa/app")],
            INVALID,
            "No OpenIDConnect provider",
        ),
        (&[("WebIdentityToken", "")], BAD_VALUE, "webIdentityToken"),
        (&[("DurationSeconds", "899")], BAD_VALUE, "greater than or equal to 900"),
        (
            &[("DurationSeconds", "43201")],
            BAD_VALUE,
            "less than or equal to 43200",
        ),
        (&[("DurationSeconds", "900")], "200", ""),
        (&[("DurationSeconds", "7200")], "200", ""),
        (
            &[("DurationSeconds", "7201")],
            BAD_VALUE,
            "exceeds the MaxSessionDuration",
        ),
        (&[("DurationSeconds", "soon")], "400 MalformedInput", ""),
        (&[("Policy", "{")], "400 MalformedPolicyDocument", ""),
        (&[("Policy", &policy)], BAD_VALUE, "less than or equal to 2048"),
        (
            &[("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess")],
            "501 NotImplemented",
            "",
        ),
    ] {
        let answer = stage.assume_with(&token, others).await;
        assert_eq!(answer.verdict(), want, "{others:?}: {}", answer.body);
        assert!(
            answer.body.contains(message),
            "{others:?}: {} does not contain {message:?}",
            answer.body
        );
    }
}
