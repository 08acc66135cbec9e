use std::time::Duration;

use http_body_util::BodyExt as _;
use serde_json::json;

use super::*;

const THING: &str = "/apis/example.dev/v1/namespaces/ns/things/one";
const ACCOUNT: &str = "/api/v1/namespaces/ns/serviceaccounts/app";

fn server() -> MemoryApiServer {
    let server = MemoryApiServer::new(|| Timestamp::from_second(1_800_000_000).unwrap());
    server.default_status("apis/example.dev/v1/things", json!({"observedGeneration": -1}));
    server.put(THING, json!({"metadata": {"name": "one"}, "spec": {"size": 1}}));
    server
}

async fn ask(server: &MemoryApiServer, method: Method, path: &str, kind: &str, body: Value) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path).header("content-type", kind);
    let body = if body.is_null() {
        Bytes::new()
    } else {
        body.to_string().into()
    };
    let answer = server.answer(&request.body(body).unwrap());
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn merge(server: &MemoryApiServer, body: Value) -> (u16, Value) {
    ask(server, Method::PATCH, THING, "application/merge-patch+json", body).await
}

#[tokio::test]
async fn a_status_and_no_change_leave_the_generation_and_a_spec_moves_it() {
    let server = server();
    let first = server.get(THING).unwrap();
    assert_eq!(first["status"]["observedGeneration"], -1);
    let steps = json!([
        {"op": "test", "path": "/metadata/uid", "value": first["metadata"]["uid"]},
        {"op": "add", "path": "/status", "value": {"observedGeneration": 1}},
    ]);
    let status = format!("{THING}/status");
    let kind = "application/json-patch+json";
    let (code, written) = ask(&server, Method::PATCH, &status, kind, steps.clone()).await;
    assert_eq!((code, &written["metadata"]["generation"]), (200, &json!(1)));
    let (_, again) = ask(&server, Method::PATCH, &status, kind, steps).await;
    assert_eq!(
        again["metadata"]["resourceVersion"],
        written["metadata"]["resourceVersion"]
    );
    let changed = server.put(THING, json!({"metadata": {"name": "one"}, "spec": {"size": 2}}));
    assert_eq!(
        (
            &changed["metadata"]["generation"],
            &changed["status"]["observedGeneration"]
        ),
        (&json!(2), &json!(1))
    );
    let stranger = json!([{"op": "test", "path": "/metadata/uid", "value": "x"}]);
    assert_eq!(ask(&server, Method::PATCH, &status, kind, stranger).await.0, 422);
}

#[tokio::test]
async fn finalizers_hold_an_object_up_and_an_old_version_is_a_conflict() {
    let server = server();
    let old = server.get(THING).unwrap()["metadata"]["resourceVersion"].clone();
    let finalizers =
        |finalizers: Value, version: Value| json!({"metadata": {"finalizers": finalizers, "resourceVersion": version}});
    let (code, held) = merge(&server, finalizers(json!(["a/b"]), old.clone())).await;
    assert_eq!(code, 200);
    assert_eq!(merge(&server, finalizers(json!([]), old)).await.0, 409);
    server.delete(THING);
    let marked = server.get(THING).unwrap();
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(
        marked["metadata"]["generation"],
        held["metadata"]["generation"].as_i64().unwrap() + 1
    );
    merge(
        &server,
        finalizers(json!([]), marked["metadata"]["resourceVersion"].clone()),
    )
    .await;
    assert_eq!(server.get(THING), None);
}

#[tokio::test]
async fn a_watch_tells_what_happened_since_and_what_happens() {
    let server = server();
    let listed = ask(&server, Method::GET, "/apis/example.dev/v1/things", "", Value::Null)
        .await
        .1;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    server.put(THING, json!({"metadata": {"name": "one"}, "spec": {"size": 2}}));
    let version = listed["metadata"]["resourceVersion"].as_str().unwrap();
    let uri = format!("/apis/example.dev/v1/things?watch=true&resourceVersion={version}");
    let request = Request::get(uri).body(Bytes::new()).unwrap();
    let mut body = server.answer(&request).into_body();
    server.delete(THING);
    server.put(ACCOUNT, json!({"metadata": {"name": "app"}}));
    for wanted in ["MODIFIED", "DELETED"] {
        let line = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let event: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(event["type"], wanted);
    }
    let more = tokio::time::timeout(Duration::from_millis(20), body.frame()).await;
    assert!(more.is_err(), "another collection's changes are not told");
    server.end_watches();
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn an_apply_owns_what_it_names_and_yields_to_other_managers() {
    let server = server();
    let apply = async |annotations: Value, uid: Option<&Value>| {
        let mut body = json!({"metadata": {"name": "app", "annotations": annotations}});
        if let Some(uid) = uid {
            body["metadata"]["uid"] = uid.clone();
        }
        let path = format!("{ACCOUNT}?fieldManager=me");
        ask(&server, Method::PATCH, &path, "application/apply-patch+yaml", body).await
    };
    assert_eq!(
        apply(json!({"a": "1"}), Some(&json!("gone"))).await.0,
        409,
        "an apply with a uid creates nothing"
    );
    let (code, made) = apply(json!({"a": "1", "b": "1"}), None).await;
    assert_eq!(code, 200);
    server.annotate(ACCOUNT, "helm", "a", Some("1"));
    server.annotate(ACCOUNT, "helm", "c", Some("1"));
    let uid = &made["metadata"]["uid"];
    assert_eq!(apply(json!({"c": "2"}), Some(uid)).await.0, 409);
    let (_, cleared) = apply(json!({}), Some(uid)).await;
    assert_eq!(
        cleared["metadata"]["annotations"],
        json!({"a": "1", "c": "1"}),
        "what others own stays"
    );
    assert_eq!(cleared["metadata"]["managedFields"].as_array().unwrap().len(), 2);
    assert!(server.take_writes().iter().any(|write| !write.accepted));
    assert!(server.take_writes().is_empty());
}
