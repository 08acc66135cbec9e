//! Tags are authority: who owns a role, and what `aws:PrincipalTag` lets it do.

use serde_json::json;

use crate::{
    aws::{self, iam, make_foreign, tag},
    objects::rules,
    stage::{Tenant, stage},
};

/// The tags that tell whose a role is.
fn ownership(cluster: &str, namespace: &str, name: &str) -> [(&'static str, String); 4] {
    [
        ("irsa-anywhere.dev/cluster", cluster.to_owned()),
        ("irsa-anywhere.dev/federation", "default".to_owned()),
        ("irsa-anywhere.dev/namespace", namespace.to_owned()),
        ("irsa-anywhere.dev/name", name.to_owned()),
    ]
}

async fn cluster(tenant: &Tenant<'_>) -> String {
    let namespace = tenant.world.get("namespace", "", "kube-system").await.unwrap().unwrap();
    namespace["metadata"]["uid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_tag_key_that_nobody_allowed_is_not_set_in_any_case_or_spelling() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("tagkey").await;
    tenant
        .bind("app", &json!({"role": {"tags": {"app": "x"}}}))
        .await
        .unwrap();
    tenant.ready("app").await;
    let before = tenant.role("app").await.unwrap().tags;
    assert_eq!(before.get("app").map(String::as_str), Some("x"));
    for key in [
        "team",
        "Team",
        "App",
        "APP",
        "app ",
        " app",
        "finance",
        "IRSA-Anywhere.dev/namespace",
    ] {
        let change = json!({"spec": {"role": {"tags": {"app": "x", key: "mine"}}}});
        tenant.edit("app", &change).await.unwrap();
        tenant.refused("app", &["InvalidSpec"]).await;
        assert_eq!(tenant.role("app").await.unwrap().tags, before, "{key}");
        tenant
            .edit("app", &json!({"spec": {"role": {"tags": {key: null}}}}))
            .await
            .unwrap();
        tenant.ready("app").await;
    }
    for key in [
        "irsa-anywhere.dev/namespace",
        "irsa-anywhere.dev/adopt",
        "aws:x",
        "AWS:PrincipalTag",
        "a*",
        "a\n",
    ] {
        let change = json!({"spec": {"role": {"tags": {key: "mine"}}}});
        let refusal = tenant.edit("app", &change).await.unwrap_err();
        assert!(refusal.contains("spec.role.tags"), "{key}: {refusal}");
    }
    assert_eq!(tenant.role("app").await.unwrap().tags, before);
}

#[tokio::test]
async fn an_allowed_tag_does_not_beat_the_federations_own() {
    let stage = stage().await;
    let alone = stage.alone().await;
    stage
        .allow(&alone, &json!({"allowedTagKeys": ["app", "team", "Team"]}))
        .await;
    let tenant = stage.tenant("beaten").await;
    tenant
        .bind("one", &json!({"role": {"tags": {"team": "mine"}}}))
        .await
        .unwrap();
    let spec = json!({"serviceAccounts": [{"name": "tenant"}], "role": {"tags": {"Team": "mine"}}});
    tenant.bind("two", &spec).await.unwrap();
    for name in ["one", "two"] {
        tenant.ready(name).await;
        let tags = tenant.role(name).await.unwrap().tags;
        assert_eq!(tags.get("team").map(String::as_str), Some("platform"));
        assert_eq!(tags.get("Team"), None);
    }
    stage.allow(&alone, &rules()).await;
}

#[tokio::test]
async fn a_role_that_is_tagged_for_somebody_else_is_not_taken_by_its_name() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("faked").await;
    let (uid, namespace) = (cluster(&tenant).await, tenant.namespace.clone());
    let name = tenant.role_name("app");
    // Almost the tenant's own: each lacks one thing.
    let mut tricks = vec![
        ownership(&uid, "victim", "app"),
        ownership(&uid, &namespace, "App"),
        ownership(&uid, &namespace.to_uppercase(), "app"),
        ownership("another-cluster", &namespace, "app"),
    ];
    let mut other_federation = ownership(&uid, &namespace, "app");
    other_federation[1].1 = "other".to_owned();
    tricks.push(other_federation);
    for trick in tricks {
        let tags: Vec<(&str, &str)> = trick.iter().map(|(key, value)| (*key, value.as_str())).collect();
        make_foreign(&stage.world, &name, &tags).await;
        let before = aws::role(&stage.world, &name).await;
        tenant
            .bind("app", &json!({"role": {"adopt": "IfTagged"}}))
            .await
            .unwrap();
        tenant.refused("app", &["ForeignRole", "RoleNameTaken"]).await;
        tenant.delete_and_wait("app").await;
        assert_eq!(aws::role(&stage.world, &name).await, before, "{trick:?}");
        remove(&stage.world, &name).await;
    }
}

#[tokio::test]
async fn a_role_that_is_offered_to_another_binding_is_not_taken() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("offered").await;
    let name = tenant.role_name("app");
    let uid = cluster(&tenant).await;
    let offer = |cluster: &str, object: &str| {
        let digest: String = irsa_core::digest::sha256_hex(object.as_bytes())
            .chars()
            .take(32)
            .collect();
        format!("{cluster}/{digest}")
    };
    let own = format!("{}/app", tenant.namespace);
    let offers = [
        offer(&uid, "victim/app"),
        offer(&uid, &format!("{}/other", tenant.namespace)),
        offer("another-cluster", &own),
        offer(&uid, &own).to_uppercase(),
        format!("{} ", offer(&uid, &own)),
        offer(&uid, &own).chars().take(40).collect(),
        "true".to_owned(),
    ];
    make_foreign(&stage.world, &name, &[]).await;
    tenant
        .bind("app", &json!({"role": {"adopt": "IfTagged"}}))
        .await
        .unwrap();
    let iam = iam(&stage.world).await;
    for (number, value) in offers.iter().enumerate() {
        iam.tag_role()
            .role_name(&name)
            .tags(tag("irsa-anywhere.dev/adopt", value))
            .send()
            .await
            .unwrap();
        let before = aws::role(&stage.world, &name).await;
        tenant.look_again("app", &number.to_string()).await;
        tenant.refused("app", &["ForeignRole"]).await;
        assert_eq!(aws::role(&stage.world, &name).await, before, "{value:?}");
    }
    // The right offer, as a proof that the others would have been seen: what the role had goes.
    let right = offer(&uid, &own);
    iam.tag_role()
        .role_name(&name)
        .tags(tag("irsa-anywhere.dev/adopt", &right))
        .send()
        .await
        .unwrap();
    tenant.look_again("app", "right").await;
    tenant.refused("app", &["AccessDenied"]).await;
    let role = aws::role(&stage.world, &name).await.unwrap();
    assert!(
        !role.tags.contains_key("irsa-anywhere.dev/namespace"),
        "outside of its path the operator may not write: {role:?}"
    );
}

async fn remove(world: &irsa_tests::world::World, name: &str) {
    let iam = iam(world).await;
    let detach = iam.detach_role_policy().role_name(name);
    detach
        .policy_arn("arn:aws:iam::aws:policy/AdministratorAccess")
        .send()
        .await
        .unwrap();
    iam.delete_role().role_name(name).send().await.unwrap();
}
