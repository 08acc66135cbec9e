//! The policy simulator.

use super::support::{Bench, elements};

const USER: &str = "arn:aws:iam::111122223333:user/operator";

#[test]
fn what_a_user_may_is_told_action_by_action_without_doing_it() {
    let mut bench = Bench::new();
    let policy = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":["iam:GetRole","iam:TagRole"],"Resource":"arn:aws:iam::111122223333:role/a/*"},
            {"Effect":"Allow","Action":"iam:CreateRole","Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"b"}}},
            {"Effect":"Deny","Action":"iam:TagRole","Resource":"*"}]}"#;
    bench
        .iam
        .create_user("111122223333", "operator", Some(policy), bench.now)
        .unwrap();
    let asked = [
        ("PolicySourceArn", USER),
        ("ActionNames.member.1", "iam:GetRole"),
        ("ActionNames.member.2", "iam:TagRole"),
        ("ActionNames.member.3", "iam:CreateRole"),
        ("ResourceArns.member.1", "arn:aws:iam::111122223333:role/a/x"),
    ];
    let decided = |bench: &mut Bench, more: &[(&str, &str)]| {
        let xml = bench.ok("SimulatePrincipalPolicy", &[&asked[..], more].concat());
        elements(&xml, "EvalDecision").join(" ")
    };
    assert_eq!(decided(&mut bench, &[]), "allowed explicitDeny implicitDeny");
    let boundary = [
        ("ContextEntries.member.1.ContextKeyName", "iam:PermissionsBoundary"),
        ("ContextEntries.member.1.ContextKeyValues.member.1", "b"),
        ("ContextEntries.member.1.ContextKeyType", "string"),
    ];
    assert_eq!(decided(&mut bench, &boundary), "allowed explicitDeny allowed");
    let nobody = ("PolicySourceArn", "arn:aws:iam::111122223333:user/nobody");
    assert_eq!(
        bench.refused("SimulatePrincipalPolicy", &[nobody, asked[1]]),
        "NoSuchEntity"
    );
}
