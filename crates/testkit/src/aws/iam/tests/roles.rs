//! Roles: life, names, limits, eventual consistency, authorization.

use std::time::Instant;

use jiff::SignedDuration;

use super::support::{ACCOUNT, Bench, READ, TRUST, document, element, elements, walk};

#[test]
fn a_role_reads_back_as_it_was_made() {
    let mut bench = Bench::new();
    let arn = bench
        .iam
        .put_managed_policy(ACCOUNT, "boundary", READ, bench.now)
        .unwrap();
    let parameters = [
        ("RoleName", "Irsa-App"),
        ("Path", "/irsa/ab/"),
        ("AssumeRolePolicyDocument", TRUST),
        ("Description", "for <app> & co\r\n"),
        ("MaxSessionDuration", "7200"),
        ("PermissionsBoundary", &arn),
        ("Tags.member.1.Key", "k"),
        ("Tags.member.1.Value", "v"),
    ];
    bench.ok("CreateRole", &parameters);
    let xml = bench.ok("GetRole", &[("RoleName", "irsa-app")]);
    assert_eq!(element(&xml, "RoleName"), "Irsa-App");
    assert_eq!(element(&xml, "Arn"), "arn:aws:iam::111122223333:role/irsa/ab/Irsa-App");
    assert!(element(&xml, "RoleId").starts_with("AROA") && element(&xml, "RoleId").len() == 21);
    assert_eq!(element(&xml, "Description"), "for &lt;app&gt; &amp; co&#xD;\n");
    assert_eq!(element(&xml, "MaxSessionDuration"), "7200");
    assert_eq!(element(&xml, "PermissionsBoundaryArn"), arn);
    assert_eq!(element(&xml, "CreateDate"), "2027-01-15T08:00:00Z");
    assert_eq!((element(&xml, "Key"), element(&xml, "Value")), ("k", "v"));
    let listed = bench.ok("ListRoles", &[]);
    assert!(
        listed.contains("<MaxSessionDuration>7200<") && listed.contains("<Description>"),
        "{listed}"
    );
    assert!(
        !listed.contains("PermissionsBoundary") && !listed.contains("<Tags>"),
        "{listed}"
    );
}

#[test]
fn role_names_are_unique_without_regard_to_case() {
    let mut bench = Bench::new();
    bench.create_role("App");
    let refusal = bench.refusal(
        "CreateRole",
        &[("RoleName", "aPP"), ("AssumeRolePolicyDocument", TRUST)],
    );
    assert_eq!(
        refusal.to_string(),
        "EntityAlreadyExists (409): Role with name aPP already exists."
    );
    assert_eq!(elements(&bench.ok("ListRoles", &[]), "RoleName"), ["App"]);
}

#[test]
fn create_role_is_all_or_nothing() {
    let mut bench = Bench::new();
    let missing = format!("arn:aws:iam::{ACCOUNT}:policy/none");
    let parameters = [
        ("RoleName", "app"),
        ("AssumeRolePolicyDocument", TRUST),
        ("PermissionsBoundary", missing.as_str()),
    ];
    let refusal = bench.refusal("CreateRole", &parameters);
    assert_eq!(refusal.code, "NoSuchEntity");
    assert!(refusal.message.starts_with("Scope ARN:"), "{}", refusal.message);
    assert_eq!(bench.refused("GetRole", &[("RoleName", "app")]), "NoSuchEntity");
}

#[test]
fn malformed_parameters_are_refused_before_anything_is_done() {
    let mut bench = Bench::new();
    let long = "a".repeat(65);
    let text = "x".repeat(1_001);
    for (name, value) in [
        ("RoleName", long.as_str()),
        ("RoleName", "a b"),
        ("Path", "irsa"),
        ("Description", text.as_str()),
        ("Description", "\u{2014}"),
        ("MaxSessionDuration", "3599"),
        ("MaxSessionDuration", "43201"),
        ("PermissionsBoundary", "short"),
    ] {
        let mut parameters = vec![("AssumeRolePolicyDocument", TRUST), (name, value)];
        if name != "RoleName" {
            parameters.push(("RoleName", "app"));
        }
        assert_eq!(
            bench.refused("CreateRole", &parameters),
            "ValidationError",
            "{name}={value}"
        );
    }
    assert_eq!(bench.refused("CreateRole", &[("RoleName", "app")]), "ValidationError");
    for bad in [
        "{",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}"#,
    ] {
        let parameters = [("RoleName", "app"), ("AssumeRolePolicyDocument", bad)];
        assert_eq!(
            bench.refused("CreateRole", &parameters),
            "MalformedPolicyDocument",
            "{bad}"
        );
    }
    assert!(elements(&bench.ok("ListRoles", &[]), "RoleName").is_empty());
}

#[test]
fn a_trust_policy_has_2048_characters_by_default_and_the_quota_can_be_raised() {
    let mut bench = Bench::new();
    let padded = |length: usize| {
        let sid = "S".repeat(length - TRUST.len() - r#""Sid":"","#.len());
        TRUST.replacen(r#"{"Effect""#, &format!(r#"{{"Sid":"{sid}","Effect""#), 1)
    };
    let (fits, over) = (padded(2_048), padded(2_049));
    bench.ok(
        "CreateRole",
        &[("RoleName", "app"), ("AssumeRolePolicyDocument", &fits)],
    );
    let refusal = bench.refusal(
        "UpdateAssumeRolePolicy",
        &[("RoleName", "app"), ("PolicyDocument", &over)],
    );
    assert_eq!(
        refusal.to_string(),
        "LimitExceeded (409): Cannot exceed quota for ACLSizePerRole: 2048"
    );
    bench.account().quotas.trust_policy_size = 4_096;
    bench.ok(
        "UpdateAssumeRolePolicy",
        &[("RoleName", "app"), ("PolicyDocument", &over)],
    );
}

#[test]
fn an_account_has_a_quota_of_roles() {
    let mut bench = Bench::new();
    bench.account().quotas.roles = 1;
    bench.create_role("one");
    let parameters = [("RoleName", "two"), ("AssumeRolePolicyDocument", TRUST)];
    assert_eq!(bench.refused("CreateRole", &parameters), "LimitExceeded");
    bench.ok("DeleteRole", &[("RoleName", "one")]);
    bench.ok("CreateRole", &parameters);
}

#[test]
fn a_role_with_anything_on_it_cannot_be_deleted() {
    let mut bench = Bench::new();
    let policy = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    bench.create_role("app");
    bench.ok("AttachRolePolicy", &[("RoleName", "app"), ("PolicyArn", policy)]);
    bench.ok(
        "PutRolePolicy",
        &[("RoleName", "app"), ("PolicyName", "p"), ("PolicyDocument", READ)],
    );
    bench.ok(
        "PutRolePermissionsBoundary",
        &[("RoleName", "app"), ("PermissionsBoundary", policy)],
    );
    bench.ok("CreateInstanceProfile", &[("InstanceProfileName", "profile")]);
    let profile = [("InstanceProfileName", "profile"), ("RoleName", "app")];
    bench.ok("AddRoleToInstanceProfile", &profile);
    assert_eq!(
        elements(
            &bench.ok("ListInstanceProfilesForRole", &[("RoleName", "app")]),
            "InstanceProfileName"
        ),
        ["profile"]
    );
    for (action, parameters) in [
        ("DetachRolePolicy", vec![("RoleName", "app"), ("PolicyArn", policy)]),
        ("DeleteRolePolicy", vec![("RoleName", "app"), ("PolicyName", "p")]),
        ("RemoveRoleFromInstanceProfile", profile.to_vec()),
    ] {
        assert_eq!(bench.refused("DeleteRole", &[("RoleName", "app")]), "DeleteConflict");
        bench.ok(action, &parameters);
    }
    bench.ok("DeleteRole", &[("RoleName", "app")]);
    assert_eq!(bench.refused("DeleteRole", &[("RoleName", "app")]), "NoSuchEntity");
}

#[test]
fn a_new_role_of_an_old_name_is_another_role() {
    let mut bench = Bench::new();
    bench.create_role("app");
    let first = element(&bench.ok("GetRole", &[("RoleName", "app")]), "RoleId").to_owned();
    bench.ok("DeleteRole", &[("RoleName", "app")]);
    bench.iam.settings.recreation_pause = SignedDuration::from_mins(1);
    let parameters = [("RoleName", "app"), ("AssumeRolePolicyDocument", TRUST)];
    assert_eq!(
        bench.refused("CreateRole", &parameters),
        "EntityTemporarilyUnmodifiable"
    );
    bench.pass(60);
    bench.ok("CreateRole", &parameters);
    assert_ne!(element(&bench.ok("GetRole", &[("RoleName", "app")]), "RoleId"), first);
}

#[test]
fn update_role_changes_only_what_is_given() {
    let mut bench = Bench::new();
    bench.create_role("app");
    bench.ok("UpdateRole", &[("RoleName", "app"), ("Description", "d")]);
    bench.ok("UpdateRole", &[("RoleName", "app"), ("MaxSessionDuration", "43200")]);
    let xml = bench.ok("GetRole", &[("RoleName", "app")]);
    assert_eq!(
        (element(&xml, "Description"), element(&xml, "MaxSessionDuration")),
        ("d", "43200")
    );
    bench.ok("UpdateRole", &[("RoleName", "app"), ("Description", "")]);
    assert!(!bench.ok("GetRole", &[("RoleName", "app")]).contains("<Description>"));
}

#[test]
fn documents_are_rewritten_on_the_way_out_and_keep_their_meaning() {
    let mut bench = Bench::new();
    bench.create_role("app");
    let xml = bench.ok("GetRole", &[("RoleName", "app")]);
    let read = document(element(&xml, "AssumeRolePolicyDocument"));
    assert_eq!(
        read["Statement"]["Action"], "sts:AssumeRole",
        "the one-element list is collapsed: {read}"
    );
    bench.iam.settings.rewriting = crate::aws::iam::Rewriting::AsWritten;
    let xml = bench.ok("GetRole", &[("RoleName", "app")]);
    let encoded = element(&xml, "AssumeRolePolicyDocument");
    assert_eq!(
        percent_encoding::percent_decode_str(encoded).decode_utf8().unwrap(),
        TRUST
    );
}

#[test]
fn reads_lag_behind_writes_by_the_delay_and_writes_do_not() {
    let mut bench = Bench::new();
    bench.account().delay = SignedDuration::from_secs(10);
    bench.create_role("app");
    assert_eq!(bench.refused("GetRole", &[("RoleName", "app")]), "NoSuchEntity");
    assert!(elements(&bench.ok("ListRoles", &[]), "RoleName").is_empty());
    assert!(bench.iam.role(ACCOUNT, "app", bench.now).is_none(), "STS lags too");
    let again = [("RoleName", "app"), ("AssumeRolePolicyDocument", TRUST)];
    assert_eq!(bench.refused("CreateRole", &again), "EntityAlreadyExists");
    bench.ok(
        "PutRolePolicy",
        &[("RoleName", "app"), ("PolicyName", "p"), ("PolicyDocument", READ)],
    );
    bench.pass(10);
    bench.ok("GetRole", &[("RoleName", "app")]);
    assert!(bench.iam.role(ACCOUNT, "APP", bench.now).is_some());
    bench.ok("DeleteRolePolicy", &[("RoleName", "app"), ("PolicyName", "p")]);
    bench.ok("DeleteRole", &[("RoleName", "app")]);
    bench.ok("GetRole", &[("RoleName", "app")]);
    bench.pass(10);
    assert_eq!(bench.refused("GetRole", &[("RoleName", "app")]), "NoSuchEntity");
}

#[test]
fn listing_goes_page_by_page_below_a_path() {
    let mut bench = Bench::new();
    for index in 0..25 {
        let name = format!("role{index:02}");
        let path = if index % 5 == 0 { "/other/" } else { "/irsa/ab/" };
        bench.ok(
            "CreateRole",
            &[("RoleName", &name), ("Path", path), ("AssumeRolePolicyDocument", TRUST)],
        );
    }
    let below = [("PathPrefix", "/irsa/"), ("MaxItems", "7")];
    let (names, pages) = walk(&mut bench, "ListRoles", &below, "RoleName");
    assert_eq!((names.len(), pages), (20, 3));
    assert!(names.is_sorted());
    bench.iam.settings.paging = crate::aws::iam::Paging {
        at_most: Some(2),
        empty_pages: true,
    };
    let (again, pages) = walk(&mut bench, "ListRoles", &below, "RoleName");
    assert_eq!(
        (again, pages),
        (names, 20),
        "ten pages with items, each after an empty one"
    );
    for bad in [
        ("MaxItems", "0"),
        ("MaxItems", "1001"),
        ("Marker", "x"),
        ("PathPrefix", "irsa"),
    ] {
        assert_eq!(bench.refused("ListRoles", &[bad]), "ValidationError", "{bad:?}");
    }
}

#[test]
fn five_thousand_roles_with_a_delay_are_cheap() {
    let mut bench = Bench::new();
    bench.account().quotas.roles = 5_000;
    bench.account().delay = SignedDuration::from_secs(5);
    let start = Instant::now();
    for index in 0..5_000 {
        bench.create_role(&format!("role{index}"));
    }
    bench.pass(5);
    let (names, pages) = walk(&mut bench, "ListRoles", &[("MaxItems", "1000")], "RoleName");
    assert_eq!((names.len(), pages), (5_000, 5));
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn a_minimal_policy_is_enforced_exactly() {
    let mut bench = Bench::new();
    let boundary = bench
        .iam
        .put_managed_policy(ACCOUNT, "boundary", READ, bench.now)
        .unwrap();
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
        {{"Effect":"Allow","Action":["iam:CreateRole","iam:PutRolePolicy","iam:DeleteRole","iam:AttachRolePolicy"],"Resource":"arn:aws:iam::{ACCOUNT}:role/irsa/*",
          "Condition":{{"ArnEquals":{{"iam:PermissionsBoundary":"{boundary}"}}}}}},
        {{"Effect":"Allow","Action":["iam:GetRole","iam:TagRole"],"Resource":"arn:aws:iam::{ACCOUNT}:role/irsa/*"}},
        {{"Effect":"Deny","Action":"iam:AttachRolePolicy","Resource":"*","Condition":{{"ArnLike":{{"iam:PolicyARN":"arn:aws:iam::aws:policy/Admin*"}}}}}}]}}"#
    );
    bench.call_as(&policy);
    let mut parameters = vec![
        ("RoleName", "app"),
        ("Path", "/irsa/"),
        ("AssumeRolePolicyDocument", TRUST),
    ];
    assert_eq!(bench.refused("CreateRole", &parameters), "AccessDenied", "no boundary");
    parameters.push(("PermissionsBoundary", &boundary));
    parameters.extend([("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")]);
    bench.ok("CreateRole", &parameters);
    bench.ok(
        "PutRolePolicy",
        &[("RoleName", "app"), ("PolicyName", "p"), ("PolicyDocument", READ)],
    );
    bench.ok(
        "AttachRolePolicy",
        &[
            ("RoleName", "app"),
            ("PolicyArn", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"),
        ],
    );
    let admin = [
        ("RoleName", "app"),
        ("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess"),
    ];
    let refusal = bench.refusal("AttachRolePolicy", &admin);
    assert_eq!(refusal.code, "AccessDenied");
    let wanted = "is not authorized to perform: iam:AttachRolePolicy on resource: \
                  arn:aws:iam::111122223333:role/irsa/app with an explicit deny";
    assert!(refusal.message.contains(wanted), "{}", refusal.message);
    bench.ok("GetRole", &[("RoleName", "app")]);
    assert_eq!(
        bench.refused("GetRole", &[("RoleName", "none")]),
        "AccessDenied",
        "no path is known, so none matches"
    );
    assert_eq!(bench.refused("UpdateRole", &[("RoleName", "app")]), "AccessDenied");
    assert_eq!(bench.refused("ListRoles", &[]), "AccessDenied");
}

#[test]
fn tags_in_create_role_need_the_right_to_tag() {
    let mut bench = Bench::new();
    bench.call_as(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:CreateRole","Resource":"*"}]}"#,
    );
    let plain = [("RoleName", "app"), ("AssumeRolePolicyDocument", TRUST)];
    let mut tagged = plain.to_vec();
    tagged.extend([("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")]);
    let refusal = bench.refusal("CreateRole", &tagged);
    assert!(refusal.message.contains("iam:TagRole"), "{}", refusal.message);
    bench.ok("CreateRole", &plain);
}
