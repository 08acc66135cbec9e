//! What was allowed and no longer is: access is withdrawn, not kept.

use serde_json::{Value, json};

use crate::{
    objects::rules,
    stage::{READ_ONLY, Tenant, stage},
};

const REFUSED: Result<(), &str> = Err("AccessDenied");

/// A tenant with a role that works, and its ARN.
async fn working<'a>(tenant: Tenant<'a>, spec: &Value) -> (Tenant<'a>, String) {
    tenant.bind("app", spec).await.unwrap();
    tenant.ready("app").await;
    let arn = tenant.role("app").await.unwrap().arn;
    tenant.wait_for_verdict(&arn, Ok(())).await;
    (tenant, arn)
}

#[tokio::test]
async fn a_namespace_that_loses_its_label_loses_access_and_gets_it_back_with_the_label() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let (tenant, arn) = working(stage.tenant("label").await, &json!({})).await;
    let before = tenant.role("app").await.unwrap();
    tenant.label(&Value::Null).await;
    tenant.wait_for_verdict(&arn, REFUSED).await;
    tenant.refused("app", &["NamespaceNotAllowed"]).await;
    tenant.label(&json!("no")).await;
    tenant.label(&json!("yes")).await;
    tenant.wait_for_verdict(&arn, Ok(())).await;
    tenant.ready("app").await;
    assert_eq!(tenant.role("app").await.unwrap(), before, "the same role, as it was");
}

#[tokio::test]
async fn no_edit_of_the_binding_keeps_access_without_the_label() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tricks = [
        json!({"suspend": true}),
        json!({"audiences": ["$x"]}),
        json!({"policies": {"managed": ["arn:aws-cn:iam::aws:policy/X"]}}),
        json!({"policies": {"managed": [], "exclusive": false}}),
        json!({"deletionPolicy": "Retain"}),
        json!({"role": {"tags": {"team": "x"}}}),
        json!({"serviceAccountMode": "None"}),
    ];
    for trick in tricks {
        let (tenant, arn) = working(stage.tenant("edit").await, &json!({})).await;
        tenant.edit("app", &json!({"spec": trick})).await.unwrap();
        tenant.label(&Value::Null).await;
        tenant.wait_for_verdict(&arn, REFUSED).await;
        // Nor does deleting and making it again open it.
        tenant.delete_and_wait("app").await;
        tenant.bind("app", &json!({})).await.unwrap();
        tenant.refused("app", &["NamespaceNotAllowed"]).await;
        assert!(tenant.roles().await.values().all(|role| !role.is_open()), "{trick}");
    }
}

/// Waits for what kubectl prints of the binding: the whole of it is deeper than what this test could read either.
async fn wait_for_output(tenant: &Tenant<'_>, format: &str, wanted: impl Fn(&str) -> bool) {
    let arguments = [
        "get",
        "iamrolebinding",
        "app",
        "-n",
        &tenant.namespace,
        "--ignore-not-found",
        "-o",
        format,
    ];
    let mut printed = String::new();
    for _ in 0..200 {
        printed = tenant.world.kubectl(&arguments).await.unwrap();
        if wanted(&printed) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    panic!("{printed}\n{}", tenant.world.operator().unwrap().log_tail());
}

#[tokio::test]
async fn a_document_that_no_parser_follows_neither_blinds_the_operator_nor_keeps_the_role() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let (tenant, arn) = working(stage.tenant("deep").await, &json!({})).await;
    let mut deep = json!(1);
    for _ in 0..400 {
        deep = json!({"a": deep});
    }
    let policies = json!({"spec": {"policies": {"inline": [{"name": "p", "document": deep}]}}});
    tenant.edit("app", &policies).await.unwrap();
    wait_for_output(&tenant, "jsonpath={.status.conditions}", |status| {
        status.contains("InvalidSpec") && status.contains("cannot be read")
    })
    .await;
    assert!(tenant.assume(&arn, "app").await.is_ok(), "a mistake takes nothing away");

    // Everybody else is still looked after, also by an operator that lists everything anew.
    let (other, _) = working(stage.tenant("shallow").await, &json!({})).await;
    other.label(&Value::Null).await;
    other.refused("app", &["NamespaceNotAllowed"]).await;

    tenant.label(&Value::Null).await;
    tenant.wait_for_verdict(&arn, REFUSED).await;
    tenant.delete("app").await;
    wait_for_output(&tenant, "name", str::is_empty).await;
    assert_eq!(tenant.role("app").await, None);
    stage.nothing_foreign_changed().await;
}

#[tokio::test]
async fn an_operator_that_starts_anew_reads_the_others_beside_an_unreadable_binding() {
    let mut world = irsa_tests::world::World::start_signing_with(
        irsa_testkit::controlplane::SigningKey::generate_ec_p256().unwrap(),
    )
    .await
    .unwrap();
    crate::stage::prepare_account(&world).await;
    let mut deep = json!(1);
    for _ in 0..400 {
        deep = json!({"a": deep});
    }
    {
        let tenant = Tenant::settle(&world, "deep", &[]).await;
        let policies = json!({"policies": {"inline": [{"name": "p", "document": deep}]}});
        tenant.bind("app", &policies).await.unwrap();
    }
    world.start_operator().await.unwrap();
    crate::stage::create(&world, &crate::objects::federation(&json!({}))).await;
    world.federation_ready("default").await.unwrap();
    let tenant = Tenant::settle(&world, "shallow", &[]).await;
    tenant.bind("app", &json!({})).await.unwrap();
    tenant.ready("app").await;
    // The federation waits for it like for every other, and goes once it has gone.
    world
        .kubectl(&["delete", "oidcfederation", "default", "--wait=false"])
        .await
        .unwrap();
    tenant.delete_and_wait("app").await;
    let names_it = |object: &Value| object["status"].to_string().contains("deep/app");
    world
        .wait_for("to name the unreadable one", crate::stage::FEDERATION, names_it)
        .await
        .unwrap();
    world
        .kubectl(&["delete", "iamrolebinding", "app", "-n", "deep", "--timeout=60s"])
        .await
        .unwrap();
    world.wait_until_gone(crate::stage::FEDERATION).await.unwrap();
    assert_eq!(
        world.aws.account(irsa_tests::world::ACCOUNT).role_names().len(),
        2,
        "admin and operator"
    );
}

#[tokio::test]
async fn guard_rails_that_tighten_close_what_they_no_longer_allow_and_nothing_else() {
    let stage = stage().await;
    let alone = stage.alone().await;
    let team = json!({"policies": {"managed": ["arn:aws:iam::123456789012:policy/team-x"]}});
    let (tightened, arn) = working(stage.tenant("tight").await, &team).await;
    let tagged = json!({"role": {"tags": {"app": "x"}}});
    let (kept, kept_arn) = working(stage.tenant("kept").await, &tagged).await;
    stage
        .allow(
            &alone,
            &json!({"allowedManagedPolicies": ["AmazonS3ReadOnlyAccess"], "allowedTagKeys": []}),
        )
        .await;
    tightened.wait_for_verdict(&arn, REFUSED).await;
    kept.refused("app", &["InvalidSpec"]).await;
    kept.wait_for_verdict(&kept_arn, Ok(())).await;
    let role = kept.role("app").await.unwrap();
    assert!(!role.tags.contains_key("app"), "the tag was authority: {role:?}");
    assert_eq!(role.attached.iter().collect::<Vec<_>>(), [READ_ONLY]);
    stage.allow(&alone, &rules()).await;
    tightened.wait_for_verdict(&arn, Ok(())).await;
    stage.nothing_foreign_changed().await;
}
