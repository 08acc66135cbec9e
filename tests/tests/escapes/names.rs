//! Names that would mean somebody else.

use http::Method;
use serde_json::{Value, json};

use crate::{
    objects::api,
    stage::{READ_ONLY, prefix, stage},
};

fn accounts(names: &[&str]) -> Value {
    json!({"serviceAccounts": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()})
}

#[tokio::test]
async fn no_spelling_names_a_service_account_of_another_namespace_or_several_at_once() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("spelling").await;
    let long = "a".repeat(254);
    let tricks = [
        "victim:app",
        "victim/app",
        "../victim/app",
        "..",
        "system:serviceaccount:victim:app",
        "*",
        "a*",
        "ap?",
        "${aws:username}",
        "App",
        "äpp",
        "ａｐｐ",
        "app ",
        " app",
        "app\n",
        "app\u{0}",
        "",
        "-app",
        &long,
    ];
    for trick in tricks {
        let refusal = tenant.bind("app", &accounts(&[trick])).await.unwrap_err();
        assert!(refusal.contains("spec.serviceAccounts"), "{trick:?}: {refusal}");
    }
    tenant.bind("app", &json!({})).await.unwrap();
    let more = json!({"spec": accounts(&["app", "victim:app"])});
    let refusal = tenant.edit("app", &more).await.unwrap_err();
    assert!(refusal.contains("spec.serviceAccounts"), "{refusal}");
    tenant.ready("app").await;
    let trust = tenant.role("app").await.unwrap().trust;
    let sub = format!("\"system:serviceaccount:{}:app\"", tenant.namespace);
    let text = trust.to_string();
    assert!(text.contains(&sub) && !text.contains('*'), "{text}");
    assert_eq!(text.matches("system:serviceaccount:").count(), 1, "{text}");
    stage.nothing_foreign_changed().await;
}

#[tokio::test]
async fn a_service_account_of_the_same_name_is_not_the_same_in_another_namespace() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("namesake").await;
    let role = stage.victims_role().await;
    // The annotation and the label by hand: the pod is injected, and AWS does not care.
    let path = format!("/api/v1/namespaces/{}/serviceaccounts/app", tenant.namespace);
    let annotated = json!({"metadata": {
        "annotations": {"eks.amazonaws.com/role-arn": role.arn}, "labels": {"irsa-anywhere.dev/inject": "manual"},
    }});
    tenant.call(Method::PATCH, &path, Some(&annotated)).await.unwrap();
    let pod = stage.world.pod_identity(&tenant.namespace, "app").await.unwrap();
    assert_eq!(pod.role_arn, role.arn);
    let verdict = stage.world.assume(&role.arn, &pod.token).await;
    assert_eq!(verdict, Err("AccessDenied".to_owned()));
}

#[tokio::test]
async fn an_audience_is_never_a_pattern_nor_one_that_the_federation_lacks() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("audience").await;
    for trick in ["sts.amazonaws.com ", "a b", "sts\n", ""] {
        let refusal = tenant.bind("app", &json!({"audiences": [trick]})).await.unwrap_err();
        assert!(refusal.contains("spec.audiences"), "{trick:?}: {refusal}");
    }
    tenant.bind("app", &json!({})).await.unwrap();
    tenant.ready("app").await;
    let before = tenant.role("app").await.unwrap().trust;
    for trick in [
        "*",
        "sts.*",
        "?ts.amazonaws.com",
        "${aws:x}",
        "STS.amazonaws.com",
        "kubernetes",
    ] {
        let change = json!({"spec": {"audiences": ["sts.amazonaws.com", trick]}});
        tenant.edit("app", &change).await.unwrap();
        tenant.refused("app", &["InvalidSpec"]).await;
        assert_eq!(tenant.role("app").await.unwrap().trust, before, "{trick}");
    }
    let token = stage
        .world
        .cluster
        .token(&tenant.namespace, "app", "kubernetes", 3600)
        .await;
    let role = tenant.role("app").await.unwrap();
    assert!(stage.world.assume(&role.arn, &token.unwrap()).await.is_err());
}

#[tokio::test]
async fn a_role_name_is_neither_a_pattern_nor_a_path() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("rolename").await;
    let own = tenant.role_name("");
    let long = "r".repeat(65);
    for trick in [
        "*",
        "irsa-*",
        "a/b",
        "../admin",
        "a b",
        "rôle",
        "admin\n",
        "",
        &long,
        &format!("{own}/../admin"),
    ] {
        let refusal = tenant.bind("app", &json!({"role": {"name": trick}})).await.unwrap_err();
        assert!(refusal.contains("spec.role.name"), "{trick:?}: {refusal}");
    }
    assert!(tenant.roles().await.is_empty());
    stage.nothing_foreign_changed().await;
}

#[tokio::test]
async fn a_given_name_does_not_reach_over_the_dot_into_another_namespace() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("dot").await;
    let (prefix, namespace) = (prefix(), &tenant.namespace);
    let tricks = [
        format!("{prefix}victim.app"),
        format!("{prefix}victim.other"),
        format!("{prefix}{namespace}"),
        format!("{prefix}{namespace}-x.app"),
        format!("{}{namespace}.app", prefix.to_uppercase()),
        format!("{prefix}{}.app", namespace.to_uppercase()),
        "admin".to_owned(),
        "irsa-anywhere-operator".to_owned(),
    ];
    for (number, trick) in tricks.iter().enumerate() {
        let name = format!("t{number}");
        tenant.bind(&name, &json!({"role": {"name": trick}})).await.unwrap();
        tenant.refused(&name, &["InvalidSpec", "RoleNameTaken"]).await;
        tenant.delete_and_wait(&name).await;
    }
    assert!(tenant.roles().await.is_empty());
    stage.nothing_foreign_changed().await;
}

#[tokio::test]
async fn namespaces_that_meet_at_the_dash_have_roles_of_their_own() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let short = stage.tenant("dash").await;
    let long = stage.tenant_of(&format!("{}-b", short.namespace)).await;
    long.bind("c", &json!({})).await.unwrap();
    short.bind("b-c", &json!({})).await.unwrap();
    let (long_role, short_role) = (long.ready("c").await, short.ready("b-c").await);
    let arn = |binding: &Value| binding["status"]["roleArn"].as_str().unwrap().to_owned();
    assert_ne!(arn(&long_role), arn(&short_role));
    assert!(long.assume(&arn(&long_role), "app").await.is_ok());
    assert!(short.assume(&arn(&short_role), "app").await.is_ok());
    assert_eq!(
        long.assume(&arn(&short_role), "app").await,
        Err("AccessDenied".to_owned())
    );
    assert_eq!(
        short.assume(&arn(&long_role), "app").await,
        Err("AccessDenied".to_owned())
    );
}

#[tokio::test]
async fn names_that_the_cut_makes_equal_have_roles_of_their_own() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let number = stage.tenant("cut").await.namespace;
    // 50 characters are equal, more than the role's name keeps of them.
    let one = stage.tenant_of(&format!("{number}-{}-a", "n".repeat(50))).await;
    let other = stage.tenant_of(&format!("{number}-{}-b", "n".repeat(50))).await;
    one.bind("app", &json!({})).await.unwrap();
    other.bind("app", &json!({})).await.unwrap();
    let (one_role, other_role) = (one.ready("app").await, other.ready("app").await);
    let name = |binding: &Value| binding["status"]["roleName"].as_str().unwrap().to_owned();
    assert_eq!(name(&one_role)[..53], name(&other_role)[..53]);
    assert_ne!(name(&one_role), name(&other_role));
    let arn = one_role["status"]["roleArn"].as_str().unwrap();
    assert!(one.assume(arn, "app").await.is_ok());
    assert_eq!(other.assume(arn, "app").await, Err("AccessDenied".to_owned()));
}

#[tokio::test]
async fn a_name_that_differs_in_case_only_does_not_share_the_role() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("case").await;
    tenant.bind("app", &json!({})).await.unwrap();
    tenant.ready("app").await;
    let before = tenant.role("app").await;
    let mut spec = accounts(&["tenant"]);
    spec["role"] = json!({"name": tenant.role_name("APP")});
    tenant.bind("thief", &spec).await.unwrap();
    tenant.refused("thief", &["RoleNameTaken"]).await;
    assert_eq!(tenant.role("app").await, before);
    tenant.delete_and_wait("thief").await;
    assert_eq!(
        tenant.role("app").await,
        before,
        "nor does its going take the role along"
    );
}

#[tokio::test]
async fn no_edit_moves_a_binding_to_another_role_federation_or_kind() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("moving").await;
    tenant.bind("app", &json!({})).await.unwrap();
    tenant.ready("app").await;
    let victim = stage.victims_role().await.arn;
    let before = tenant.role("app").await;
    let edits = [
        (json!({"role": {"name": "admin"}}), "spec.role.name"),
        (json!({"federationRef": {"name": "other"}}), "spec.federationRef"),
        (
            json!({"existingRole": {"arn": victim}, "role": null, "policies": null}),
            "spec.existingRole",
        ),
    ];
    for (edit, field) in edits {
        let refusal = tenant.edit("app", &json!({"spec": edit})).await.unwrap_err();
        assert!(refusal.contains(field), "{refusal}");
    }
    // Leaving fields out takes nothing back that was decided.
    let bare = json!({"spec": {"role": null, "federationRef": null}});
    tenant.edit("app", &bare).await.unwrap();
    tenant.ready("app").await;
    assert_eq!(tenant.role("app").await, before);
}

#[tokio::test]
async fn the_canary_is_bound_by_nobody() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("canary").await;
    let refusal = tenant
        .bind("app", &accounts(&["irsa-anywhere-canary"]))
        .await
        .unwrap_err();
    assert!(
        refusal.contains("spec.serviceAccounts") && refusal.contains("irsa-anywhere-canary"),
        "{refusal}"
    );
    assert!(tenant.roles().await.is_empty());
}

#[tokio::test]
async fn the_operators_name_in_another_namespace_is_not_the_operator() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("impostor").await;
    let cluster = &stage.world.cluster;
    cluster
        .ensure_service_account(&tenant.namespace, "irsa-anywhere")
        .await
        .unwrap();
    tenant.bind("app", &accounts(&["irsa-anywhere"])).await.unwrap();
    let bound = tenant.ready("app").await;
    let arn = bound["status"]["roleArn"].as_str().unwrap();
    assert!(tenant.assume(arn, "irsa-anywhere").await.is_ok());
    let operator = cluster.token("irsa-anywhere-system", "irsa-anywhere", "sts.amazonaws.com", 3600);
    let verdict = stage.world.assume(arn, &operator.await.unwrap()).await;
    assert_eq!(verdict, Err("AccessDenied".to_owned()));
}

#[tokio::test]
async fn a_binding_in_a_namespace_of_the_system_is_not_the_tenants_to_make() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("system").await;
    for namespace in ["irsa-anywhere-system", "kube-system"] {
        let path = api("iamrolebindings", Some(namespace), "");
        let binding = json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": "app", "namespace": namespace}, "spec": accounts(&["default"]),
        });
        let refusal = tenant.call(Method::POST, &path, Some(&binding)).await.unwrap_err();
        assert!(refusal.contains("forbidden"), "{refusal}");
        // And where an administrator makes it, the federation does not serve the namespace.
        let client = stage.world.cluster.client().unwrap();
        let made = client.post(&path, &binding).await.unwrap();
        assert!(made.is_success(), "{}", made.message());
        let key = ("iamrolebinding", namespace, "app");
        let judged = |object: &Value| irsa_tests::world::objects::says(object, "Ready", "NamespaceNotAllowed");
        stage.world.wait_for("to be refused", key, judged).await.unwrap();
        let account = stage
            .world
            .get("serviceaccount", namespace, "default")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(account["metadata"].get("annotations"), None);
        stage
            .world
            .kubectl(&["delete", "iamrolebinding", "app", "-n", namespace])
            .await
            .unwrap();
        assert!(crate::aws::roles_of(&stage.world, namespace).await.is_empty());
    }
    assert_eq!(stage.victims_role().await.attached.first().unwrap(), READ_ONLY);
}
