//! Attached, inline and managed policies.

use super::support::{ACCOUNT, Bench, READ, document, element, elements, walk};

fn aws(name: &str) -> String {
    format!("arn:aws:iam::aws:policy/{name}")
}

#[test]
fn only_policies_that_exist_can_be_attached() {
    let mut bench = Bench::new();
    bench.create_role("app");
    for missing in [
        aws("NoSuchPolicy"),
        aws("AWSLambdaBasicExecutionRole"),
        format!("arn:aws:iam::{ACCOUNT}:policy/none"),
    ] {
        assert_eq!(
            bench.refused("AttachRolePolicy", &[("RoleName", "app"), ("PolicyArn", &missing)]),
            "NoSuchEntity"
        );
    }
    for there in [
        aws("AmazonS3ReadOnlyAccess"),
        aws("service-role/AWSLambdaBasicExecutionRole"),
        aws("AmazonS3ReadOnlyAccess"),
    ] {
        bench.ok("AttachRolePolicy", &[("RoleName", "app"), ("PolicyArn", &there)]);
    }
    let xml = bench.ok("ListAttachedRolePolicies", &[("RoleName", "app")]);
    assert_eq!(
        elements(&xml, "PolicyName"),
        ["AmazonS3ReadOnlyAccess", "AWSLambdaBasicExecutionRole"]
    );
    let xml = bench.ok(
        "ListAttachedRolePolicies",
        &[("RoleName", "app"), ("PathPrefix", "/service-role/")],
    );
    assert_eq!(elements(&xml, "PolicyName"), ["AWSLambdaBasicExecutionRole"]);
    assert_eq!(
        bench.refused(
            "AttachRolePolicy",
            &[("RoleName", "none"), ("PolicyArn", &aws("IAMReadOnlyAccess"))]
        ),
        "NoSuchEntity"
    );
    assert_eq!(
        bench.refused(
            "AttachRolePolicy",
            &[("RoleName", "app"), ("PolicyArn", "AmazonS3ReadOnlyAccess")]
        ),
        "ValidationError"
    );
}

#[test]
fn a_role_takes_ten_attached_policies_by_default() {
    let mut bench = Bench::new();
    bench.create_role("app");
    let arns: Vec<String> = (0..11)
        .map(|index| {
            bench
                .iam
                .put_managed_policy(ACCOUNT, &format!("p{index:02}"), READ, bench.now)
                .unwrap()
        })
        .collect();
    for arn in &arns[..10] {
        bench.ok("AttachRolePolicy", &[("RoleName", "app"), ("PolicyArn", arn)]);
    }
    let eleventh = [("RoleName", "app"), ("PolicyArn", arns[10].as_str())];
    let refusal = bench.refusal("AttachRolePolicy", &eleventh);
    assert_eq!(
        refusal.to_string(),
        "LimitExceeded (409): Cannot exceed quota for PoliciesPerRole: 10"
    );
    bench.account().quotas.attached_per_role = 11;
    bench.ok("AttachRolePolicy", &eleventh);
    let list = [("RoleName", "app"), ("MaxItems", "4")];
    assert_eq!(
        walk(&mut bench, "ListAttachedRolePolicies", &list, "PolicyArn"),
        (arns, 3)
    );
}

#[test]
fn detaching_what_is_not_attached_is_an_error() {
    let mut bench = Bench::new();
    bench.create_role("app");
    let policy = aws("AmazonS3ReadOnlyAccess");
    let parameters = [("RoleName", "app"), ("PolicyArn", policy.as_str())];
    assert_eq!(bench.refused("DetachRolePolicy", &parameters), "NoSuchEntity");
    bench.ok("AttachRolePolicy", &parameters);
    bench.ok("DetachRolePolicy", &parameters);
    assert_eq!(bench.refused("DetachRolePolicy", &parameters), "NoSuchEntity");
}

#[test]
fn inline_policies_share_10240_characters_without_white_space() {
    let mut bench = Bench::new();
    bench.create_role("app");
    let sized = |size: usize| {
        let sid = "S".repeat(size - READ.len() - r#""Sid":"","#.len());
        READ.replacen(
            r#"{"Effect""#,
            &format!(r#"{{"Sid":"{sid}", {}"Effect""#, "\n".repeat(500)),
            1,
        )
    };
    bench.ok(
        "PutRolePolicy",
        &[
            ("RoleName", "app"),
            ("PolicyName", "a"),
            ("PolicyDocument", &sized(10_000)),
        ],
    );
    bench.ok(
        "PutRolePolicy",
        &[
            ("RoleName", "app"),
            ("PolicyName", "b"),
            ("PolicyDocument", &sized(240)),
        ],
    );
    let over = sized(241);
    let refusal = bench.refusal(
        "PutRolePolicy",
        &[("RoleName", "app"), ("PolicyName", "b"), ("PolicyDocument", &over)],
    );
    assert_eq!(
        refusal.to_string(),
        "LimitExceeded (409): Maximum policy size of 10240 bytes exceeded for role app"
    );
    let names = walk(
        &mut bench,
        "ListRolePolicies",
        &[("RoleName", "app"), ("MaxItems", "1")],
        "member",
    );
    assert_eq!(names, (vec!["a".to_owned(), "b".to_owned()], 2));
}

#[test]
fn an_inline_policy_reads_back_encoded_and_can_be_deleted_once() {
    let mut bench = Bench::new();
    bench.create_role("app");
    let name = [("RoleName", "app"), ("PolicyName", "p")];
    assert_eq!(bench.refused("GetRolePolicy", &name), "NoSuchEntity");
    bench.ok(
        "PutRolePolicy",
        &[("RoleName", "APP"), ("PolicyName", "p"), ("PolicyDocument", READ)],
    );
    let xml = bench.ok("GetRolePolicy", &name);
    assert_eq!(element(&xml, "RoleName"), "app");
    let encoded = element(&xml, "PolicyDocument");
    assert!(encoded.starts_with("%7B%22"), "{encoded}");
    assert_eq!(document(encoded)["Statement"]["Action"], "s3:GetObject");
    for bad in [
        "{}",
        "nonsense",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}"#,
    ] {
        let parameters = [("RoleName", "app"), ("PolicyName", "p"), ("PolicyDocument", bad)];
        assert_eq!(
            bench.refused("PutRolePolicy", &parameters),
            "MalformedPolicyDocument",
            "{bad}"
        );
    }
    bench.ok("DeleteRolePolicy", &name);
    assert_eq!(bench.refused("DeleteRolePolicy", &name), "NoSuchEntity");
}

#[test]
fn a_managed_policy_has_five_versions_and_goes_only_when_unused() {
    let mut bench = Bench::new();
    let xml = bench.ok(
        "CreatePolicy",
        &[("PolicyName", "p"), ("Path", "/team/"), ("PolicyDocument", READ)],
    );
    let arn = element(&xml, "Arn").to_owned();
    assert_eq!(arn, format!("arn:aws:iam::{ACCOUNT}:policy/team/p"));
    assert_eq!(
        bench.refused("CreatePolicy", &[("PolicyName", "P"), ("PolicyDocument", READ)]),
        "EntityAlreadyExists"
    );
    let version = [
        ("PolicyArn", arn.as_str()),
        ("PolicyDocument", READ),
        ("SetAsDefault", "true"),
    ];
    for _ in 0..4 {
        bench.ok("CreatePolicyVersion", &version);
    }
    assert_eq!(bench.refused("CreatePolicyVersion", &version), "LimitExceeded");
    let xml = bench.ok("ListPolicyVersions", &[("PolicyArn", &arn)]);
    assert_eq!(elements(&xml, "VersionId"), ["v5", "v4", "v3", "v2", "v1"]);
    assert_eq!(elements(&xml, "IsDefaultVersion")[0], "true");
    assert_eq!(
        bench.refused("DeletePolicyVersion", &[("PolicyArn", &arn), ("VersionId", "v5")]),
        "DeleteConflict"
    );
    assert_eq!(bench.refused("DeletePolicy", &[("PolicyArn", &arn)]), "DeleteConflict");
    for id in ["v1", "v2", "v3", "v4"] {
        bench.ok("DeletePolicyVersion", &[("PolicyArn", &arn), ("VersionId", id)]);
    }
    bench.create_role("app");
    bench.ok(
        "PutRolePermissionsBoundary",
        &[("RoleName", "app"), ("PermissionsBoundary", &arn)],
    );
    let xml = bench.ok("GetPolicy", &[("PolicyArn", &arn)]);
    assert_eq!(
        (
            element(&xml, "AttachmentCount"),
            element(&xml, "PermissionsBoundaryUsageCount")
        ),
        ("0", "1")
    );
    assert_eq!(bench.refused("DeletePolicy", &[("PolicyArn", &arn)]), "DeleteConflict");
    bench.ok("DeleteRolePermissionsBoundary", &[("RoleName", "app")]);
    bench.ok("DeletePolicy", &[("PolicyArn", &arn)]);
    assert_eq!(bench.refused("GetPolicy", &[("PolicyArn", &arn)]), "NoSuchEntity");
}

#[test]
fn policies_of_aws_can_be_read_and_not_changed() {
    let mut bench = Bench::new();
    let arn = aws("AmazonS3ReadOnlyAccess");
    let version = element(&bench.ok("GetPolicy", &[("PolicyArn", &arn)]), "DefaultVersionId").to_owned();
    let xml = bench.ok("GetPolicyVersion", &[("PolicyArn", &arn), ("VersionId", &version)]);
    assert_eq!(document(element(&xml, "Document"))["Statement"]["Effect"], "Allow");
    assert_eq!(bench.refused("DeletePolicy", &[("PolicyArn", &arn)]), "AccessDenied");
    let local = bench.ok("ListPolicies", &[("Scope", "Local")]);
    assert!(elements(&local, "Arn").is_empty());
    let listed = bench.ok("ListPolicies", &[("Scope", "AWS"), ("PathPrefix", "/service-role/")]);
    assert!(elements(&listed, "PolicyName").contains(&"AWSLambdaBasicExecutionRole"));
}
