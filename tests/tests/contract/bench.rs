//! A control plane with our CRDs, and tables of objects to offer it.

use std::{path::Path, sync::Arc, time::Duration};

use irsa_testkit::controlplane::{ApiReply, ControlPlane, ControlPlaneError, SharedControlPlane};
use serde_json::{Value, json};

static PLANE: SharedControlPlane = SharedControlPlane::new();

const API: &str = "/apis/irsa-anywhere.dev/v1alpha1";

/// A change of a valid object, and the part of the refusal that a person needs (or none: it is taken).
pub(crate) type Row = (&'static str, Value, Option<&'static str>);

pub(crate) async fn plane() -> Arc<ControlPlane> {
    PLANE.get(ControlPlane::builder, establish).await.unwrap()
}

async fn establish(plane: &ControlPlane) -> Result<(), ControlPlaneError> {
    plane
        .apply_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds"), true)
        .await?;
    for plural in ["oidcfederations", "iamrolebindings"] {
        let path = format!("{API}/{plural}");
        let mut tries = 0;
        while !plane.client()?.get(&path).await?.is_success() && tries < 100 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            tries += 1;
        }
    }
    Ok(())
}

pub(crate) fn federation() -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation", "metadata": {"name": "default"},
        "spec": {
            "issuer": "https://acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod",
            "publish": {"s3": {"bucket": "acme-irsa", "region": "eu-central-1"}},
        },
    })
}

pub(crate) fn binding() -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": "app", "namespace": "default"},
        "spec": {"serviceAccounts": [{"name": "app"}]},
    })
}

fn path_of(object: &Value) -> String {
    match object["kind"].as_str().unwrap() {
        "OidcFederation" => format!("{API}/oidcfederations"),
        _ => format!("{API}/namespaces/default/iamrolebindings"),
    }
}

/// Offers an object; nothing is stored.
pub(crate) async fn offer(plane: &ControlPlane, object: &Value) -> ApiReply {
    plane
        .client()
        .unwrap()
        .post(&format!("{}?dryRun=All", path_of(object)), object)
        .await
        .unwrap()
}

pub(crate) async fn create(plane: &ControlPlane, object: &Value) -> ApiReply {
    plane.client().unwrap().post(&path_of(object), object).await.unwrap()
}

/// Offers a change of a stored object; nothing is stored.
pub(crate) async fn offer_change(plane: &ControlPlane, object: &Value, change: &Value) -> ApiReply {
    let path = format!(
        "{}/{}?dryRun=All",
        path_of(object),
        object["metadata"]["name"].as_str().unwrap()
    );
    plane.client().unwrap().merge_patch(&path, change).await.unwrap()
}

/// RFC 7396, so that a row names only what it changes.
pub(crate) fn merge(target: &mut Value, change: &Value) {
    match change {
        Value::Object(members) if target.is_object() => {
            for (key, value) in members {
                if value.is_null() {
                    target.as_object_mut().unwrap().remove(key);
                } else {
                    merge(&mut target[key], value);
                }
            }
        }
        _ => *target = change.clone(),
    }
}

/// Every row against the API server; all failures are reported together.
pub(crate) async fn check(base: fn() -> Value, rows: Vec<Row>) {
    let plane = plane().await;
    let mut wrong = Vec::new();
    for (name, change, expected) in rows {
        let mut object = base();
        merge(&mut object, &change);
        let reply = offer(&plane, &object).await;
        if let Some(complaint) = judge(&reply, expected) {
            wrong.push(format!("- {name}: {complaint}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Every row as a change of a stored object.
pub(crate) async fn check_changes(stored: &Value, rows: Vec<Row>) {
    let plane = plane().await;
    let reply = create(&plane, stored).await;
    assert!(reply.is_success(), "{}", reply.message());
    let mut wrong = Vec::new();
    for (name, change, expected) in rows {
        let reply = offer_change(&plane, stored, &change).await;
        if let Some(complaint) = judge(&reply, expected) {
            wrong.push(format!("- {name}: {complaint}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn judge(reply: &ApiReply, expected: Option<&str>) -> Option<String> {
    match expected {
        None if reply.is_success() => None,
        None => Some(format!("refused: {}", reply.message())),
        Some(words) if reply.is_success() => Some(format!("taken, but should be refused with \"{words}\"")),
        Some(words) if reply.message().contains(words) => None,
        Some(words) => Some(format!("refused without \"{words}\": {}", reply.message())),
    }
}
