//! More rights than the federation allows.

use std::time::Duration;

use irsa_testkit::aws::{Fault, FaultRule};
use serde_json::{Value, json};

use crate::{
    aws::iam,
    objects::rules,
    stage::{BOUNDARY, READ_ONLY, Tenant, stage},
};

const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// The role has the policy that is allowed, under the boundary, and nothing else.
async fn has_only_what_is_allowed(tenant: &Tenant<'_>, because: &str) {
    let role = tenant.role("app").await.unwrap();
    assert_eq!(role.attached.iter().collect::<Vec<_>>(), [READ_ONLY], "{because}");
    assert_eq!(role.boundary.as_deref(), Some(BOUNDARY), "{because}");
    assert!(role.inline.is_empty(), "{because}: {:?}", role.inline);
}

#[tokio::test]
async fn a_policy_that_only_looks_like_an_allowed_one_is_never_attached() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("lookalike").await;
    tenant.bind("app", &json!({})).await.unwrap();
    tenant.ready("app").await;
    let mark = stage.world.aws.mark();
    let ours = |name: &str| format!("arn:aws:iam::123456789012:policy/{name}");
    let refused_later = [
        "AdministratorAccess".to_owned(),
        "AmazonS3FullAccess".to_owned(),
        "amazons3readonlyaccess".to_owned(),
        "AmazonS3ReadOnlyAccess2".to_owned(),
        "service-role/AmazonS3ReadOnlyAccess".to_owned(),
        "job-function/AmazonS3ReadOnlyAccess".to_owned(),
        "team-x".to_owned(),
        ours("AdministratorAccess"),
        ours("AmazonS3ReadOnlyAccess"),
        ours("Team-x"),
        ours("team-x/sub"),
        ours("team-x/../AdministratorAccess"),
        ours("team-a/../../AdministratorAccess"),
        ours("../123456789012:policy/team-x").replace("123456789012:policy/team-x", "team-x"),
        "arn:aws:iam::999999999999:policy/team-x".to_owned(),
        "arn:aws:iam::aws:policy/team-x".to_owned(),
        "arn:aws-cn:iam::123456789012:policy/team-x".to_owned(),
        "arn:aws-cn:iam::aws:policy/AmazonS3ReadOnlyAccess".to_owned(),
    ];
    for trick in &refused_later {
        // Together with one that is allowed: none of a refused spec is made.
        let policies = json!({"spec": {"policies": {"managed": [ours("team-x"), trick]}}});
        tenant.edit("app", &policies).await.unwrap();
        tenant.refused("app", &["PolicyNotAllowed", "InvalidSpec"]).await;
        has_only_what_is_allowed(&tenant, trick).await;
    }
    let refused_at_once = [
        "*".to_owned(),
        "Amazon*".to_owned(),
        "AmazonS3ReadOnlyAcces?".to_owned(),
        ours("team-*"),
        ours("/team-x"),
        format!("{} ", ours("team-x")),
        format!("{}\n", ours("team-x")),
        "AmazonS3ReadOnlyAccess\n".to_owned(),
        "ARN:aws:iam::aws:policy/AmazonS3ReadOnlyAccess".to_owned(),
        "arn:aws:iam:eu-central-1:aws:policy/AmazonS3ReadOnlyAccess".to_owned(),
        "arn:aws:iam::aws:role/AmazonS3ReadOnlyAccess".to_owned(),
        "АmazonS3ReadOnlyAccess".to_owned(),
    ];
    for trick in &refused_at_once {
        let policies = json!({"spec": {"policies": {"managed": [trick]}}});
        let refusal = tenant.edit("app", &policies).await.unwrap_err();
        assert!(refusal.contains("spec.policies.managed"), "{trick}: {refusal}");
    }
    let attached = stage.world.aws.since(mark);
    let mut attached = attached.iter().filter(|call| call.operation == "iam:AttachRolePolicy");
    assert!(
        attached.all(|call| !call.resource.contains(&tenant.namespace)),
        "nothing was even tried"
    );
}

#[tokio::test]
async fn an_edit_while_a_pass_is_running_gets_nothing_that_was_not_allowed() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("meanwhile").await;
    let aws = &stage.world.aws;
    let role = tenant.role_name("app");
    let slow = FaultRule::new("iam:CreateRole", 1, Fault::Delay(Duration::from_secs(2))).on(&role);
    aws.add_fault(slow);
    let mark = aws.mark();
    tenant.bind("app", &json!({})).await.unwrap();
    // The pass has judged the spec and waits for AWS; the next spec asks for more, and hides behind suspend.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let more = json!({"spec": {"policies": {"managed": ["AdministratorAccess"]}, "suspend": true}});
    tenant.edit("app", &more).await.unwrap();
    let suspended = |object: &Value| irsa_tests::world::objects::says(object, "Ready", "Suspended");
    stage
        .world
        .wait_for("to be suspended", tenant.key("app"), suspended)
        .await
        .unwrap();
    tenant.edit("app", &json!({"spec": {"suspend": false}})).await.unwrap();
    tenant.refused("app", &["PolicyNotAllowed"]).await;
    if let Some(role) = tenant.role("app").await {
        assert!(!role.attached.contains(ADMIN), "{role:?}");
        assert_eq!(role.boundary.as_deref(), Some(BOUNDARY));
    }
    let tried = aws.since(mark);
    let attached = tried
        .iter()
        .filter(|call| call.operation == "iam:AttachRolePolicy" && call.resource.contains(&role));
    assert!(attached.count() <= 1, "the policy that was allowed, if any");
}

#[tokio::test]
async fn no_shape_of_an_inline_policy_is_taken_where_none_is_allowed() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("inline").await;
    tenant.bind("app", &json!({})).await.unwrap();
    tenant.ready("app").await;
    let allow = |member: &str, value: Value| {
        let mut statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        let other = member.trim_start_matches("Not");
        statement.as_object_mut().unwrap().remove(other);
        statement[member] = value;
        json!({"Version": "2012-10-17", "Statement": [statement]})
    };
    let tricks = [
        allow("Action", json!("*")),
        allow("NotAction", json!("iam:DeleteRole")),
        allow("NotResource", json!("arn:aws:s3:::x")),
        json!({"Version": "2012-10-17", "Statement": []}),
        json!({"Version": "2012-10-17", "Statement": {}}),
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}),
        json!({"statement": [{"effect": "Allow"}]}),
        allow("Action", json!(vec!["s3:*"; 4000])),
        allow("Action", json!("s3:Get\u{2028}Object")),
        allow(
            "Condition",
            json!({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}),
        ),
        allow("Principal", json!("*")),
    ];
    for trick in tricks {
        let policies = json!({"spec": {"policies": {"inline": [{"name": "p", "document": trick}]}}});
        tenant.edit("app", &policies).await.unwrap();
        tenant.refused("app", &["InlineNotAllowed", "MalformedPolicy"]).await;
        has_only_what_is_allowed(&tenant, "inline").await;
    }
    for (trick, field) in [
        (
            json!([{"name": "p/../q", "document": {"a": 1}}]),
            "spec.policies.inline",
        ),
        (
            json!([{"name": "p", "document": "{\"Version\": \"2012-10-17\"}"}]),
            "spec.policies.inline",
        ),
        (json!([{"name": "p", "document": {}}]), "spec.policies.inline"),
    ] {
        let refusal = tenant
            .edit("app", &json!({"spec": {"policies": {"inline": trick}}}))
            .await
            .unwrap_err();
        assert!(refusal.contains(field), "{refusal}");
    }
}

#[tokio::test]
async fn inline_policies_that_are_allowed_stay_under_the_boundary() {
    let stage = stage().await;
    let alone = stage.alone().await;
    stage.allow(&alone, &json!({"inlinePolicies": "Allow"})).await;
    let tenant = stage.tenant("bounded").await;
    let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::x"}]});
    let spec = json!({"policies": {"inline": [{"name": "p", "document": document}]}});
    tenant.bind("app", &spec).await.unwrap();
    tenant.ready("app").await;
    let role = tenant.role("app").await.unwrap();
    assert_eq!((role.boundary.as_deref(), role.inline.len()), (Some(BOUNDARY), 1));
    stage.allow(&alone, &rules()).await;
    tenant.wait_for_verdict(&role.arn, Err("AccessDenied")).await;
}

#[tokio::test]
async fn a_boundary_in_the_spec_is_no_boundary() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("boundary").await;
    let other = "arn:aws:iam::123456789012:policy/other-boundary";
    for role in [
        json!({"permissionsBoundary": null}),
        json!({"permissionsBoundary": ""}),
        json!({"permissionsBoundary": other}),
    ] {
        tenant
            .bind("app", &json!({"role": role, "permissionsBoundary": other}))
            .await
            .unwrap();
        tenant.ready("app").await;
        has_only_what_is_allowed(&tenant, "the federation's").await;
        tenant.delete_and_wait("app").await;
    }
}

#[tokio::test]
async fn a_boundary_that_is_dropped_or_swapped_in_aws_is_put_back() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("swapped").await;
    tenant.bind("app", &json!({})).await.unwrap();
    tenant.ready("app").await;
    // What was just made may not be seen yet: a difference right after it is not taken for drift.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let (iam, name) = (iam(&stage.world).await, tenant.role_name("app"));
    let other = "arn:aws:iam::123456789012:policy/other-boundary";
    iam.put_role_permissions_boundary()
        .role_name(&name)
        .permissions_boundary(other)
        .send()
        .await
        .unwrap();
    tenant.look_again("app", "swapped").await;
    has_only_what_is_allowed(&tenant, "swapped").await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    iam.delete_role_permissions_boundary()
        .role_name(&name)
        .send()
        .await
        .unwrap();
    iam.attach_role_policy()
        .role_name(&name)
        .policy_arn(ADMIN)
        .send()
        .await
        .unwrap();
    tenant.look_again("app", "dropped").await;
    has_only_what_is_allowed(&tenant, "dropped").await;
}

#[tokio::test]
async fn a_refused_spec_does_not_protect_a_role_without_its_boundary() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("unbounded").await;
    tenant.bind("app", &json!({})).await.unwrap();
    tenant.ready("app").await;
    let arn = tenant.role("app").await.unwrap().arn;
    let refused = json!({"spec": {"policies": {"managed": ["AdministratorAccess"]}}});
    tenant.edit("app", &refused).await.unwrap();
    tenant.refused("app", &["PolicyNotAllowed"]).await;
    assert!(tenant.assume(&arn, "app").await.is_ok(), "a mistake takes nothing away");
    let iam = iam(&stage.world).await;
    let name = tenant.role_name("app");
    iam.delete_role_permissions_boundary()
        .role_name(name)
        .send()
        .await
        .unwrap();
    tenant.look_again("app", "unbounded").await;
    tenant.wait_for_verdict(&arn, Err("AccessDenied")).await;
}

#[tokio::test]
async fn a_policy_that_somebody_attached_is_not_kept_by_asking_for_nothing_exclusive() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("exclusive").await;
    tenant
        .bind("app", &json!({"policies": {"managed": [], "exclusive": false}}))
        .await
        .unwrap();
    tenant.ready("app").await;
    let arn = tenant.role("app").await.unwrap().arn;
    let iam = iam(&stage.world).await;
    let attach = iam
        .attach_role_policy()
        .role_name(tenant.role_name("app"))
        .policy_arn(ADMIN);
    attach.send().await.unwrap();
    tenant.look_again("app", "attached").await;
    tenant.refused("app", &["PolicyNotAllowed"]).await;
    tenant.wait_for_verdict(&arn, Err("AccessDenied")).await;
}

#[tokio::test]
async fn a_session_is_not_longer_than_the_federation_allows() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("session").await;
    tenant
        .bind("app", &json!({"role": {"maxSessionDuration": "2h"}}))
        .await
        .unwrap();
    tenant.ready("app").await;
    tenant
        .edit("app", &json!({"spec": {"role": {"maxSessionDuration": "2h1s"}}}))
        .await
        .unwrap();
    tenant.refused("app", &["InvalidSpec"]).await;
    for trick in ["13h", "59m", "1h1ms", "-2h", "1e9s"] {
        let change = json!({"spec": {"role": {"maxSessionDuration": trick}}});
        let refusal = tenant.edit("app", &change).await.unwrap_err();
        assert!(refusal.contains("maxSessionDuration"), "{trick}: {refusal}");
    }
    assert_eq!(tenant.role("app").await.unwrap().session, 7200);
}
