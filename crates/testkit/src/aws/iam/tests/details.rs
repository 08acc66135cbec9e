//! The calls about the whole account, users, and what no operation is.

use super::support::{Bench, READ, element, elements, walk};

#[test]
fn account_details_have_what_list_roles_lacks_and_lack_what_it_has() {
    let mut bench = Bench::new();
    bench.create_role("app");
    bench.ok(
        "PutRolePolicy",
        &[("RoleName", "app"), ("PolicyName", "p"), ("PolicyDocument", READ)],
    );
    let s3 = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    bench.ok("AttachRolePolicy", &[("RoleName", "app"), ("PolicyArn", s3)]);
    bench.ok(
        "TagRole",
        &[
            ("RoleName", "app"),
            ("Tags.member.1.Key", "k"),
            ("Tags.member.1.Value", "v"),
        ],
    );
    let xml = bench.ok("GetAccountAuthorizationDetails", &[("Filter.member.1", "Role")]);
    let roles = element(&xml, "RoleDetailList");
    assert_eq!(elements(roles, "PolicyName"), ["p", "AmazonS3ReadOnlyAccess"]);
    assert_eq!(elements(roles, "Key"), ["k"]);
    assert!(
        !roles.contains("MaxSessionDuration") && !roles.contains("Description"),
        "{roles}"
    );
    assert_eq!(element(&xml, "UserDetailList"), "");
}

#[test]
fn account_details_page_through_users_roles_and_policies_as_one() {
    let mut bench = Bench::new();
    bench.call_as(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}"#);
    for name in ["a", "b", "c"] {
        bench.create_role(name);
        bench.ok("CreatePolicy", &[("PolicyName", name), ("PolicyDocument", READ)]);
    }
    let filter = [
        ("MaxItems", "2"),
        ("Filter.member.1", "User"),
        ("Filter.member.2", "Role"),
        ("Filter.member.3", "LocalManagedPolicy"),
    ];
    for empty_pages in [false, true] {
        bench.iam.settings.paging.empty_pages = empty_pages;
        let (ids, pages) = walk(&mut bench, "GetAccountAuthorizationDetails", &filter, "Arn");
        assert_eq!((ids.len(), pages), (7, if empty_pages { 8 } else { 4 }), "{ids:?}");
    }
    bench.iam.settings.paging.empty_pages = false;
    let everything = walk(&mut bench, "GetAccountAuthorizationDetails", &[], "Arn").0;
    assert!(
        everything
            .iter()
            .any(|arn| arn == "arn:aws:iam::aws:policy/AdministratorAccess")
    );
    assert_eq!(
        bench.refused("GetAccountAuthorizationDetails", &[("Filter.member.1", "Roles")]),
        "ValidationError"
    );
}

#[test]
fn the_summary_shows_usage_and_quotas() {
    let mut bench = Bench::new();
    bench.create_role("app");
    let xml = bench.ok("GetAccountSummary", &[]);
    for entry in [
        "<key>Roles</key><value>1</value>",
        "<key>RolesQuota</key><value>1000</value>",
        "<key>AssumeRolePolicySizeQuota</key><value>2048</value>",
    ] {
        assert!(xml.contains(entry), "{entry} in {xml}");
    }
}

#[test]
fn users_can_be_read_and_given_two_keys() {
    let mut bench = Bench::new();
    bench.call_as(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}"#);
    assert_eq!(
        element(&bench.ok("GetUser", &[("UserName", "operator")]), "UserName"),
        "operator"
    );
    assert_eq!(elements(&bench.ok("ListUsers", &[]), "UserName"), ["operator"]);
    let xml = bench.ok("CreateAccessKey", &[("UserName", "operator")]);
    let (principal, secret) = bench
        .iam
        .principal_for_access_key(element(&xml, "AccessKeyId"))
        .unwrap();
    assert_eq!(
        (principal.arn.as_str(), secret.as_str()),
        (
            "arn:aws:iam::111122223333:user/operator",
            element(&xml, "SecretAccessKey")
        )
    );
    assert_eq!(
        bench.refused("CreateAccessKey", &[("UserName", "operator")]),
        "LimitExceeded"
    );
    assert_eq!(bench.refused("GetUser", &[("UserName", "none")]), "NoSuchEntity");
}

#[test]
fn unknown_operations_are_named_in_the_refusal() {
    let refusal = Bench::new().refusal("MakeCoffee", &[]);
    assert_eq!(
        refusal.to_string(),
        "InvalidAction (400): Could not find operation MakeCoffee for version 2010-05-08"
    );
}
