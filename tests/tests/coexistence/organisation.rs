//! An organisation above the account: its service control policies, its boundary, its tags, its incident responders.

use aws_sdk_iam::types::Tag;
use irsa_tests::world::{
    ACCOUNT, ISSUER, World,
    objects::{condition, says},
};
use serde_json::{Value, json};

use super::{BINDING, FEDERATION, account_app, apply, binding, federation, iam, patch};

const SQS: &str = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess";
const BOUNDARY: &str = "arn:aws:iam::aws:policy/IAMReadOnlyAccess";

fn deny(action: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]}).to_string()
}

fn second() -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "second", "namespace": "default"}})
}

/// A world with a ready binding, and the name of its role.
async fn ready() -> (World, String) {
    let mut world = World::start().await.unwrap();
    world.start_operator().await.unwrap();
    let rules = json!({"bindings": {
        "allowedNamespaces": {"from": "All"},
        "allowedManagedPolicies": ["AmazonS3ReadOnlyAccess", "AmazonSQSReadOnlyAccess"],
    }});
    let policies = json!({"policies": {"managed": ["AmazonS3ReadOnlyAccess"]}});
    apply(
        &world,
        &[federation(ISSUER, &rules), account_app(), second(), binding(&policies)],
    )
    .await;
    let object = world.binding_ready("default", "app").await.unwrap();
    let name = object["status"]["roleName"].as_str().unwrap().to_owned();
    (world, name)
}

fn message(object: &Value, kind: &str) -> String {
    condition(object, kind).unwrap()["message"].as_str().unwrap().to_owned()
}

async fn role(world: &World, name: &str) -> aws_sdk_iam::types::Role {
    let answer = iam(world).await.get_role().role_name(name).send().await.unwrap();
    answer.role.unwrap()
}

#[tokio::test]
async fn a_tag_that_an_organisation_protects_holds_up_nothing_and_ignored_it_is_no_trouble() {
    let (world, name) = ready().await;
    let tag = Tag::builder().key("cost-centre").value("42").build().unwrap();
    let tagged = iam(&world).await.tag_role().role_name(&name).tags(tag);
    tagged.send().await.unwrap();
    world
        .aws
        .account(ACCOUNT)
        .set_service_control_policies(&[&deny("iam:UntagRole")])
        .unwrap();
    let wish = json!({"spec": {
        "serviceAccounts": [{"name": "app"}, {"name": "second"}],
        "policies": {"managed": ["AmazonS3ReadOnlyAccess", "AmazonSQSReadOnlyAccess"]},
    }});
    patch(&world, BINDING, &wish).await;
    let denied = |object: &Value| says(object, "Ready", "AccessDenied");
    let object = world.wait_for("the refusal", BINDING, denied).await.unwrap();
    let told = message(&object, "Ready");
    for part in [
        "iam:UntagRole",
        "service control polic",
        "organisation",
        "tags cost-centre (refused)",
        "Everything else is done",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert!(!told.contains("docs/iam-policy.md"), "{told}");
    for aspect in ["PoliciesSynced", "ServiceAccountsSynced"] {
        assert_eq!(condition(&object, aspect).unwrap()["status"], "True", "{object:#}");
    }
    let attached = iam(&world).await.list_attached_role_policies().role_name(&name);
    let attached = attached.send().await.unwrap().attached_policies.unwrap();
    assert!(attached.iter().any(|policy| policy.policy_arn() == Some(SQS)));
    let pod = world.pod_identity("default", "second").await.unwrap();
    world.assume(&pod.role_arn, &pod.token).await.unwrap();

    let ignore = json!({"spec": {"bindings": {"ignoredTagKeys": ["cost-*"]}}});
    patch(&world, FEDERATION, &ignore).await;
    world.binding_ready("default", "app").await.unwrap();
    let tags = role(&world, &name).await.tags.unwrap();
    assert!(tags.iter().any(|tag| tag.key() == "cost-centre"), "{tags:?}");
}

#[tokio::test]
async fn a_boundary_of_the_organisations_stays_and_one_of_ours_goes_when_it_may() {
    let (world, name) = ready().await;
    let bounded = iam(&world).await.put_role_permissions_boundary().role_name(&name);
    bounded.permissions_boundary(BOUNDARY).send().await.unwrap();
    world.request_pass(&[BINDING], "bounded").await.unwrap();
    let told = |object: &Value| message(object, "RoleSynced").contains(BOUNDARY);
    let object = world.wait_for("the boundary to be told", BINDING, told).await.unwrap();
    assert!(says(&object, "Ready", "Succeeded"), "{object:#}");
    let mark = world.mark().await.unwrap();
    world.request_pass(&[BINDING], "again").await.unwrap();
    assert!(world.counts_since(&mark).await.unwrap().aws_writes.is_empty());
    let present = |role: aws_sdk_iam::types::Role| role.permissions_boundary.is_some();
    assert!(present(role(&world, &name).await));

    // The federation asks for it, so it is the federation's; and the organisation forbids to take it off.
    let wish = |boundary: Value| json!({"spec": {"bindings": {"permissionsBoundary": boundary}}});
    patch(&world, FEDERATION, &wish(json!(BOUNDARY))).await;
    let plain = |object: &Value| !message(object, "RoleSynced").contains(BOUNDARY);
    world.wait_for("the boundary to be ours", BINDING, plain).await.unwrap();
    let account = world.aws.account(ACCOUNT);
    let protect = deny("iam:DeleteRolePermissionsBoundary");
    account.set_service_control_policies(&[&protect]).unwrap();
    patch(&world, FEDERATION, &wish(Value::Null)).await;
    let denied = |object: &Value| says(object, "Ready", "AccessDenied");
    let object = world.wait_for("the refusal", BINDING, denied).await.unwrap();
    let told = message(&object, "Ready");
    assert!(
        told.contains("iam:DeleteRolePermissionsBoundary") && told.contains("organisation"),
        "{told}"
    );
    account.set_service_control_policies(&[]).unwrap();
    world.request_pass(&[BINDING], "allowed").await.unwrap();
    world.binding_ready("default", "app").await.unwrap();
    assert!(!present(role(&world, &name).await));
}

#[tokio::test]
async fn who_was_locked_out_stays_locked_out() {
    let (world, name) = ready().await;
    let iam = iam(&world).await;
    let revoke = iam
        .put_role_policy()
        .role_name(&name)
        .policy_name("AWSRevokeOlderSessions");
    revoke.policy_document(deny("*")).send().await.unwrap();
    let trust = role(&world, &name).await.assume_role_policy_document.unwrap();
    let trust = percent_encoding::percent_decode_str(&trust).decode_utf8().unwrap();
    let mut trust: Value = serde_json::from_str(&trust).unwrap();
    let lock = |principal: &Value| json!({"Sid": "Incident", "Effect": "Deny", "Principal": principal, "Action": "sts:AssumeRoleWithWebIdentity"});
    // IAM gives one statement back without its list.
    let ours = trust["Statement"].clone();
    let ours = ours.as_array().cloned().unwrap_or_else(|| vec![ours]);
    let lock = lock(&ours[0]["Principal"]);
    trust["Statement"] = ours.into_iter().chain([lock]).collect();
    let update = iam.update_assume_role_policy().role_name(&name);
    update.policy_document(trust.to_string()).send().await.unwrap();
    world.request_pass(&[BINDING], "locked").await.unwrap();
    let told = |object: &Value| {
        let message = message(object, "RoleSynced");
        message.contains("AWSRevokeOlderSessions") && message.contains("a Deny statement in the trust policy")
    };
    world.wait_for("both to be told", BINDING, told).await.unwrap();

    // A change of the trust policy, and of policies, takes neither off.
    let wish = json!({"spec": {"serviceAccounts": [{"name": "app"}, {"name": "second"}], "policies": {"managed": []}}});
    patch(&world, BINDING, &wish).await;
    // It is made as asked for, and nobody may take it: that is no longer called Ready once STS has had its time.
    let refused = |object: &Value| says(object, "Verified", "Verifying") && says(object, "PoliciesSynced", "True");
    world.wait_for("STS's refusal", BINDING, refused).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_mins(1)).await;
    let verdict = |object: &Value| says(object, "Ready", "AssumeRoleRefused");
    let object = world.wait_for("the verdict", BINDING, verdict).await.unwrap();
    let told = message(&object, "Ready");
    assert!(
        told.contains("A Deny of the trust policy keeps the token out"),
        "{told}"
    );
    let pod = world.pod_identity("default", "second").await.unwrap();
    assert!(world.assume(&pod.role_arn, &pod.token).await.is_err());
    let kept = iam
        .get_role_policy()
        .role_name(&name)
        .policy_name("AWSRevokeOlderSessions");
    kept.send().await.unwrap();
}
