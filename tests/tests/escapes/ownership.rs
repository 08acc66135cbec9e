//! Roles and ServiceAccounts of others.

use serde_json::{Value, json};

use crate::stage::{Tenant, stage};

const ROLE_ARN: &str = "/metadata/annotations/eks.amazonaws.com~1role-arn";

async fn account(tenant: &Tenant<'_>, name: &str) -> Option<Value> {
    tenant
        .world
        .get("serviceaccount", &tenant.namespace, name)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_existing_role_that_does_not_trust_the_namespace_gives_nothing() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("existing").await;
    let victim = stage.victims_role().await.arn;
    let path = victim.rsplit_once('/').unwrap().0.to_owned();
    let tricks = [
        victim.clone(),
        "arn:aws:iam::123456789012:role/admin".to_owned(),
        "arn:aws:iam::123456789012:role/irsa-anywhere-operator".to_owned(),
        "arn:aws:iam::999999999999:role/admin".to_owned(),
        "arn:aws-cn:iam::123456789012:role/admin".to_owned(),
        format!("{path}/../admin"),
        victim
            .to_uppercase()
            .replace("ARN:AWS:IAM", "arn:aws:iam")
            .replace(":ROLE/", ":role/"),
    ];
    tenant
        .bind("app", &json!({"policies": null, "existingRole": {"arn": tricks[0]}}))
        .await
        .unwrap();
    for trick in &tricks {
        tenant
            .edit("app", &json!({"spec": {"existingRole": {"arn": trick}}}))
            .await
            .unwrap();
        tenant
            .refused("app", &["RoleMismatch", "InvalidSpec", "AccessDenied"])
            .await;
        let app = account(&tenant, "app").await.unwrap();
        assert_eq!(app.pointer(ROLE_ARN), None, "{trick}: {app:#}");
    }
    for trick in [
        "*",
        "arn:aws:iam::123456789012:user/x",
        "admin",
        "arn:aws:iam::*:role/admin",
    ] {
        let change = json!({"spec": {"existingRole": {"arn": trick}}});
        let refusal = tenant.edit("app", &change).await.unwrap_err();
        assert!(refusal.contains("spec.existingRole.arn"), "{refusal}");
    }
    assert_eq!(tenant.assume(&victim, "app").await, Err("AccessDenied".to_owned()));
    tenant.delete_and_wait("app").await;
    stage.nothing_foreign_changed().await;
}

#[tokio::test]
async fn creating_service_accounts_takes_none_over_that_others_made() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("takeover").await;
    let spec = json!({"serviceAccountMode": "Create", "serviceAccounts": [{"name": "default"}, {"name": "app"}, {"name": "made"}]});
    let mut before = Vec::new();
    tenant
        .world
        .cluster
        .ensure_service_account(&tenant.namespace, "default")
        .await
        .unwrap();
    for name in ["default", "app"] {
        before.push(account(&tenant, name).await.unwrap()["metadata"]["uid"].clone());
    }
    tenant.bind("app", &spec).await.unwrap();
    tenant.ready("app").await;
    assert!(account(&tenant, "made").await.unwrap().pointer(ROLE_ARN).is_some());
    tenant.delete_and_wait("app").await;
    for (name, uid) in ["default", "app"].iter().zip(before) {
        let after = account(&tenant, name).await.unwrap();
        assert_eq!(after["metadata"]["uid"], uid, "{name} is still there");
        assert_eq!(after.pointer(ROLE_ARN), None);
    }
    assert_eq!(account(&tenant, "made").await, None, "what was created goes");
}

#[tokio::test]
async fn an_annotation_that_somebody_else_keeps_is_not_overwritten() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("annotated").await;
    let theirs = "arn:aws:iam::123456789012:role/theirs";
    let annotation = format!("eks.amazonaws.com/role-arn={theirs}");
    let arguments = [
        "annotate",
        "serviceaccount",
        "app",
        "-n",
        &tenant.namespace,
        &annotation,
    ];
    stage.world.kubectl(&arguments).await.unwrap();
    tenant.bind("app", &json!({})).await.unwrap();
    tenant.refused("app", &["AnnotationConflict"]).await;
    let kept = |account: Value| account.pointer(ROLE_ARN).and_then(Value::as_str) == Some(theirs);
    assert!(kept(account(&tenant, "app").await.unwrap()));
    tenant.delete_and_wait("app").await;
    assert!(kept(account(&tenant, "app").await.unwrap()));
}

#[tokio::test]
async fn a_service_account_that_is_bound_is_not_bound_again_to_other_rights() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("rebound").await;
    tenant.bind("app", &json!({})).await.unwrap();
    let first = tenant.ready("app").await;
    tenant
        .bind(
            "thief",
            &json!({"serviceAccounts": [{"name": "tenant"}, {"name": "app"}]}),
        )
        .await
        .unwrap();
    tenant.refused("thief", &["ServiceAccountTaken"]).await;
    assert_eq!(tenant.role("thief").await, None);
    tenant.delete_and_wait("thief").await;
    let app = account(&tenant, "app").await.unwrap();
    assert_eq!(app.pointer(ROLE_ARN), first.pointer("/status/roleArn"));
}
