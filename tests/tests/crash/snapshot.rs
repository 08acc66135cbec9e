//! The world as it is, in AWS and in the cluster, so that two of them can be compared.

use irsa_tests::{
    admin,
    world::{ACCOUNT, ISSUER_BUCKET, OPERATOR_NAMESPACE, REGION, World},
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// Everything that must be the same whatever happened on the way: not uids, times, versions and entity tags.
pub(crate) async fn take(world: &World) -> Value {
    let config = admin::root(&world.aws, ACCOUNT, REGION).await.unwrap();
    json!({
        "roles": roles(&aws_sdk_iam::Client::new(&config)).await,
        "providers": providers(world, &aws_sdk_iam::Client::new(&config)).await,
        "objects": objects(world),
        "policy": world.aws.s3(|s3| s3.bucket(ISSUER_BUCKET).unwrap().policy.as_ref().map(|policy| policy.document.clone())),
        "cluster": cluster(world).await,
    })
}

fn document(text: &str) -> Value {
    let text = percent_decode_str(text).decode_utf8_lossy();
    serde_json::from_str(&text).unwrap_or_else(|_| text.as_ref().into())
}

fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    let kept = tags.filter(|(key, _)| !key.ends_with("/uid"));
    Value::Object(
        kept.map(|(key, value)| (key.to_owned(), value.into()))
            .collect::<Map<_, _>>(),
    )
}

async fn roles(iam: &aws_sdk_iam::Client) -> Value {
    let details = iam
        .get_account_authorization_details()
        .filter(aws_sdk_iam::types::EntityType::Role);
    let mut pages = details.into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        all.extend(page.unwrap().role_detail_list.unwrap_or_default());
    }
    let mut roles = Map::new();
    for role in &all {
        let name = role.role_name().unwrap().to_owned();
        let whole = iam.get_role().role_name(&name).send().await.unwrap().role.unwrap();
        let inline: Map<String, Value> = role
            .role_policy_list()
            .iter()
            .map(|policy| {
                (
                    policy.policy_name().unwrap().to_owned(),
                    document(policy.policy_document().unwrap()),
                )
            })
            .collect();
        let mut attached: Vec<&str> = role
            .attached_managed_policies()
            .iter()
            .filter_map(|one| one.policy_arn())
            .collect();
        attached.sort_unstable();
        let value = json!({
            "path": role.path(),
            "trust": document(role.assume_role_policy_document().unwrap()),
            "tags": tags(role.tags().iter().map(|tag| (tag.key(), tag.value()))),
            "inline": inline,
            "attached": attached,
            "boundary": role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn()),
            "description": whole.description(),
            "session": whole.max_session_duration(),
        });
        roles.insert(name, value);
    }
    Value::Object(roles)
}

async fn providers(world: &World, iam: &aws_sdk_iam::Client) -> Value {
    let mut providers = Map::new();
    for arn in world.aws.account(ACCOUNT).provider_arns() {
        let found = iam
            .get_open_id_connect_provider()
            .open_id_connect_provider_arn(&arn)
            .send()
            .await
            .unwrap();
        let mut client_ids = found.client_id_list().to_vec();
        client_ids.sort_unstable();
        let tags = tags(found.tags().iter().map(|tag| (tag.key(), tag.value())));
        providers.insert(arn, json!({"clientIds": client_ids, "tags": tags}));
    }
    Value::Object(providers)
}

fn objects(world: &World) -> Value {
    world.aws.s3(|s3| {
        let bucket = s3.bucket(ISSUER_BUCKET).unwrap();
        let objects = bucket.objects.iter().map(|(key, object)| {
            let body = String::from_utf8_lossy(&object.body).into_owned();
            let mut metadata = json!(object.metadata);
            // The mark is random.
            if let Some(mark) = metadata.get_mut("irsa-anywhere-instance") {
                *mark = true.into();
            }
            (key.clone(), json!({"body": body, "metadata": metadata}))
        });
        Value::Object(objects.collect())
    })
}

/// The ServiceAccount's own UID differs from run to run.
fn annotations(metadata: &Value) -> Value {
    let mut annotations = metadata["annotations"].clone();
    if let Some(confirmed) = annotations.get_mut("irsa-anywhere.dev/confirmed-for") {
        *confirmed = (*confirmed == metadata["uid"]).into();
    }
    annotations
}

/// An object of the cluster without what differs from run to run; null when there is none.
pub(crate) async fn object(world: &World, path: &str) -> Value {
    let reply = world.cluster.client().unwrap().get(path).await.unwrap();
    match reply.status {
        404 => Value::Null,
        200 => reply.body,
        _ => panic!("{path}: {}", reply.message()),
    }
}

pub(crate) const FEDERATION: &str = "/apis/irsa-anywhere.dev/v1alpha1/oidcfederations/default";
pub(crate) const BINDING: &str = "/apis/irsa-anywhere.dev/v1alpha1/namespaces/default/iamrolebindings/app";

async fn cluster(world: &World) -> Value {
    let mut all = Map::new();
    for path in [FEDERATION, BINDING] {
        let found = object(world, path).await;
        let conditions = found["status"]["conditions"].as_array().cloned().unwrap_or_default();
        // What the inventory found is said at the first look after it, up to a minute later.
        let conditions: Map<String, Value> = conditions
            .iter()
            .filter(|one| one["type"] != "RolesInventoried")
            .map(|one| {
                (
                    one["type"].as_str().unwrap().to_owned(),
                    json!([one["status"], one["reason"]]),
                )
            })
            .collect();
        all.insert(
            path.to_owned(),
            json!({
                "spec": found["spec"], "finalizers": found["metadata"]["finalizers"], "conditions": conditions,
                "roleArn": found["status"]["roleArn"], "subjects": found["status"]["subjects"],
                "providerArn": found["status"]["providerArn"],
            }),
        );
    }
    let account = object(world, "/api/v1/namespaces/default/serviceaccounts/app").await;
    all.insert(
        "account".to_owned(),
        json!([annotations(&account["metadata"]), account["metadata"]["labels"]]),
    );
    let record = format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/configmaps/irsa-anywhere-keys-default");
    let recorded = !object(world, &record).await.is_null();
    all.insert("record".to_owned(), recorded.into());
    Value::Object(all)
}
