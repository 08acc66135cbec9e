//! Roles that would be left behind: retained, forced, forged or made an orphan.

use http::Method;
use irsa_testkit::aws::{AwsError, Fault, FaultRule};
use irsa_tests::world::{http_get, objects::says};
use serde_json::{Value, json};

use crate::{
    objects::rules,
    stage::{Stage, Tenant, stage},
};

const REFUSED: Result<(), &str> = Err("AccessDenied");

async fn working<'a>(tenant: Tenant<'a>, spec: &Value) -> (Tenant<'a>, String) {
    tenant.bind("app", spec).await.unwrap();
    tenant.ready("app").await;
    let arn = tenant.role("app").await.unwrap().arn;
    tenant.wait_for_verdict(&arn, Ok(())).await;
    (tenant, arn)
}

/// AWS does not let the role be closed, which is the first that a deletion does.
fn refuse(stage: &Stage, role: &str) {
    let denied = Fault::ErrorBefore(AwsError::new(403, "AccessDenied", "not now"));
    stage
        .world
        .aws
        .add_fault(FaultRule::new("iam:UpdateAssumeRolePolicy", 1_000_000, denied).on(role));
}

async fn strip_finalizers(tenant: &Tenant<'_>) {
    tenant
        .edit("app", &json!({"metadata": {"finalizers": null}}))
        .await
        .unwrap();
}

async fn wait_until_no_role(tenant: &Tenant<'_>) {
    for _ in 0..240 {
        if tenant.roles().await.is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    panic!(
        "{:#?}\n{}",
        tenant.roles().await,
        tenant.world.operator().unwrap().log_tail()
    );
}

/// Events about the federation that name this namespace.
async fn recorded(tenant: &Tenant<'_>, reason: &str) -> Vec<String> {
    let events = tenant
        .world
        .kubectl(&["get", "events.events.k8s.io", "-n", "default", "-o", "json"])
        .await;
    let events: Value = serde_json::from_str(&events.unwrap()).unwrap();
    let about = |event: &&Value| {
        event["reason"] == reason
            && event["regarding"]["kind"] == "OidcFederation"
            && event["regarding"]["name"] == "default"
    };
    let notes = events["items"].as_array().unwrap().iter().filter(about);
    let notes = notes.filter_map(|event| event["note"].as_str());
    notes
        .filter(|note| note.contains(&tenant.namespace))
        .map(str::to_owned)
        .collect()
}

fn abandoned(stage: &Stage) -> u64 {
    let (_, text) = http_get(stage.world.operator().unwrap().probes(), "/metrics").unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with(r#"irsa_anywhere_abandoned_total{kind="binding"}"#));
    line.unwrap().rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn retain_leaves_nothing_behind_where_it_is_not_allowed() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("retain").await;
    tenant.bind("app", &json!({"deletionPolicy": "Retain"})).await.unwrap();
    tenant.refused("app", &["InvalidSpec"]).await;
    assert!(tenant.roles().await.is_empty());
    tenant.delete_and_wait("app").await;
    // Asked for at the last moment, faster than any pass.
    let (tenant, _) = working(tenant, &json!({})).await;
    tenant
        .edit("app", &json!({"spec": {"deletionPolicy": "Retain"}}))
        .await
        .unwrap();
    tenant.delete_and_wait("app").await;
    assert!(tenant.roles().await.is_empty());
}

#[tokio::test]
async fn retain_leaves_no_open_role_that_the_guard_rails_no_longer_allow() {
    let stage = stage().await;
    let alone = stage.alone().await;
    stage.allow(&alone, &json!({"allowRetain": true})).await;
    let (tenant, arn) = working(stage.tenant("parting").await, &json!({"deletionPolicy": "Retain"})).await;
    // AWS cannot be written to while the label goes, so the role is still open when the binding is deleted.
    refuse(&stage, &tenant.role_name("app"));
    tenant.label(&Value::Null).await;
    tenant.delete("app").await;
    let waits =
        |object: &Value| object["metadata"]["deletionTimestamp"].is_string() && says(object, "Ready", "AccessDenied");
    stage
        .world
        .wait_for("the deletion to wait", tenant.key("app"), waits)
        .await
        .unwrap();
    assert!(tenant.assume(&arn, "app").await.is_ok());
    stage.world.aws.clear_faults();
    stage.world.wait_until_gone(tenant.key("app")).await.unwrap();
    tenant.wait_for_verdict(&arn, REFUSED).await;
    assert_eq!(tenant.roles().await.len(), 1, "left behind, and closed");
    stage.allow(&alone, &rules()).await;
}

#[tokio::test]
async fn a_retained_role_belongs_to_whoever_makes_the_binding_anew_with_what_he_asks_for() {
    let stage = stage().await;
    let alone = stage.alone().await;
    stage.allow(&alone, &json!({"allowRetain": true})).await;
    let spec = json!({"deletionPolicy": "Retain", "policies": {"managed": ["AmazonS3ReadOnlyAccess", "arn:aws:iam::123456789012:policy/team-x"]}});
    let (tenant, arn) = working(stage.tenant("heir").await, &spec).await;
    tenant.delete_and_wait("app").await;
    tenant.wait_for_verdict(&arn, Ok(())).await;
    let heir = json!({"serviceAccounts": [{"name": "tenant"}], "policies": {"managed": ["AmazonS3ReadOnlyAccess"]}});
    tenant.bind("app", &heir).await.unwrap();
    tenant.ready("app").await;
    assert_eq!(
        tenant.assume(&arn, "app").await.map(|_| ()),
        Err("AccessDenied".to_owned())
    );
    assert!(tenant.assume(&arn, "tenant").await.is_ok());
    assert_eq!(tenant.role("app").await.unwrap().attached.len(), 1);
    stage.allow(&alone, &rules()).await;
}

#[tokio::test]
async fn a_forged_status_deletes_nothing_foreign_and_leaves_nothing_of_ones_own() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let victim = stage.victims_role().await.arn;
    let name = |arn: &str| arn.rsplit_once('/').unwrap().1.to_owned();
    let admin = "arn:aws:iam::123456789012:role/admin";
    let elsewhere = "arn:aws:iam::999999999999:role/admin";
    let tricks = [
        json!({"roleName": name(&victim), "roleArn": victim, "subjects": ["system:serviceaccount:victim:app"]}),
        json!({"roleName": "admin", "roleArn": admin}),
        json!({"roleName": "nobodys", "roleArn": elsewhere}),
        json!({"roleName": null, "roleArn": null, "conditions": []}),
    ];
    for trick in tricks {
        let tenant = stage.tenant("forger").await.namespace;
        let tenant = Tenant::enter_again(&stage.world, &tenant, &["iamrolebindings/status"]).await;
        let (tenant, _) = working(tenant, &json!({})).await;
        // What is forced is given up once it fails, which a forged account makes it do.
        let force = json!({"metadata": {"annotations": {"irsa-anywhere.dev/force-delete": ""}}});
        tenant.edit("app", &force).await.unwrap();
        tenant.forge("app", &trick).await.unwrap();
        tenant.delete_and_wait("app").await;
        assert!(tenant.roles().await.is_empty(), "{trick}");
        stage.nothing_foreign_changed().await;
    }
}

#[tokio::test]
async fn a_forged_status_does_not_hide_a_role_from_the_guard_rails() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("hider").await.namespace;
    let tenant = Tenant::enter_again(&stage.world, &tenant, &["iamrolebindings/status"]).await;
    let (tenant, arn) = working(tenant, &json!({})).await;
    tenant
        .edit(
            "app",
            &json!({"spec": {"policies": {"managed": ["AdministratorAccess"]}}}),
        )
        .await
        .unwrap();
    tenant.refused("app", &["PolicyNotAllowed"]).await;
    let elsewhere = "arn:aws:iam::999999999999:role/nobodys";
    tenant
        .forge("app", &json!({"roleName": "nobodys", "roleArn": elsewhere}))
        .await
        .unwrap();
    tenant.label(&Value::Null).await;
    tenant.wait_for_verdict(&arn, REFUSED).await;
}

#[tokio::test]
async fn a_finalizer_that_is_taken_off_by_hand_keeps_no_role() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let (tenant, arn) = working(stage.tenant("stripped").await, &json!({})).await;
    strip_finalizers(&tenant).await;
    tenant.delete_and_wait("app").await;
    wait_until_no_role(&tenant).await;
    assert!(tenant.assume(&arn, "app").await.is_err());
    for _ in 0..100 {
        if !recorded(&tenant, "Deleted").await.is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("nobody was told");
}

#[tokio::test]
async fn a_binding_that_is_made_anew_for_another_role_does_not_hide_the_old_one() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let victim = stage.victims_role().await.arn;
    let tricks = [
        json!({"policies": null, "existingRole": {"arn": victim}}),
        json!({"serviceAccounts": [{"name": "tenant"}], "role": {"name": "OTHER"}}),
    ];
    for mut trick in tricks {
        let (tenant, arn) = working(stage.tenant("changeling").await, &json!({})).await;
        if trick.get("role").is_some() {
            trick["role"]["name"] = json!(tenant.role_name("other"));
        }
        strip_finalizers(&tenant).await;
        tenant.delete("app").await;
        tenant.bind("app", &trick).await.unwrap();
        for _ in 0..240 {
            if tenant.role("app").await.is_none() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        }
        assert_eq!(tenant.role("app").await, None, "{trick}");
        assert!(tenant.assume(&arn, "app").await.is_err());
        tenant.delete_and_wait("app").await;
        stage.nothing_foreign_changed().await;
    }
}

#[tokio::test]
async fn force_keeps_no_role_while_aws_works() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let (tenant, _) = working(stage.tenant("forced").await, &json!({})).await;
    let force = json!({"metadata": {"annotations": {"irsa-anywhere.dev/force-delete": "now"}}});
    tenant.edit("app", &force).await.unwrap();
    tenant.delete_and_wait("app").await;
    assert!(tenant.roles().await.is_empty());
    assert_eq!(recorded(&tenant, "Abandoned").await, Vec::<String>::new());
}

#[tokio::test]
async fn what_force_leaves_while_aws_refuses_is_on_record_and_under_guard_again_with_the_binding() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let (tenant, arn) = working(stage.tenant("leaver").await, &json!({})).await;
    let before = abandoned(&stage);
    refuse(&stage, &tenant.role_name("app"));
    let force = json!({"metadata": {"annotations": {"irsa-anywhere.dev/force-delete": ""}}});
    tenant.edit("app", &force).await.unwrap();
    tenant.delete_and_wait("app").await;
    stage.world.aws.clear_faults();
    let notes = recorded(&tenant, "Abandoned").await;
    assert!(
        notes.iter().any(|note| note.contains(&tenant.role_name("app"))),
        "{notes:?}"
    );
    assert!(abandoned(&stage) > before);
    assert!(
        tenant.assume(&arn, "app").await.is_ok(),
        "what could not be reached stays open"
    );
    tenant.label(&Value::Null).await;
    tenant.bind("app", &json!({})).await.unwrap();
    tenant.wait_for_verdict(&arn, REFUSED).await;
}

#[tokio::test]
async fn somebody_elses_finalizer_on_the_binding_keeps_no_role() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    // Beside ours, and in its place: then nothing of ours is on the object any more, and it stays all the same.
    for finalizers in [
        &["irsa-anywhere.dev/binding", "example.com/mine"][..],
        &["example.com/mine"],
    ] {
        let (tenant, arn) = working(stage.tenant("holder").await, &json!({})).await;
        let mine = json!({"metadata": {"finalizers": finalizers}});
        tenant.edit("app", &mine).await.unwrap();
        tenant.delete("app").await;
        wait_until_no_role(&tenant).await;
        assert!(tenant.assume(&arn, "app").await.is_err());
        // Edits of an object on its way out make nothing.
        tenant.edit("app", &json!({"spec": {"suspend": true}})).await.unwrap();
        tenant.edit("app", &json!({"spec": {"suspend": false}})).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        assert!(tenant.roles().await.is_empty());
        let path = crate::objects::api("iamrolebindings", Some(&tenant.namespace), "app");
        let none = json!({"metadata": {"finalizers": null}});
        tenant.call(Method::PATCH, &path, Some(&none)).await.unwrap();
        stage.world.wait_until_gone(tenant.key("app")).await.unwrap();
    }
}
