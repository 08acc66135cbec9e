//! Objects that an earlier version wrote, under what is installed now.

use irsa_tests::world::{World, objects::condition, repository};
use serde_json::{Value, json};

const MAP_TYPE: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/status/x-kubernetes-map-type";

/// The fields of a binding's status, as far as its owner is kept for each.
async fn owned(world: &World) -> Value {
    let object = ["get", "iamrolebinding", "app", "-o", "json", "--show-managed-fields"];
    let object: Value = serde_json::from_str(&world.kubectl(&object).await.unwrap()).unwrap();
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    let mut of_status = entries
        .iter()
        .filter(|entry| entry["manager"] == "irsa-anywhere-status");
    let fields = of_status.next().unwrap()["fieldsV1"]["f:status"].clone();
    assert_eq!(of_status.next(), None, "one entry of it");
    fields
}

/// Edits the binding and waits until its status tells of that.
async fn edited(world: &World, seconds: u32) {
    let edit = json!({"spec": {"role": {"maxSessionDuration": format!("{seconds}s")}}}).to_string();
    let patch = ["patch", "iamrolebinding", "app", "--type=merge", "-p", &edit];
    world.kubectl(&patch).await.unwrap();
    let binding = ("iamrolebinding", "default", "app");
    world
        .wait_for("the edit to be observed", binding, |object| {
            object["status"]["observedGeneration"] == object["metadata"]["generation"]
                && condition(object, "Ready").is_some_and(|ready| ready["status"] == "True")
        })
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_whose_fields_had_an_owner_each_becomes_one_value_when_it_is_written() {
    let mut world = World::start().await.unwrap();
    let remove = json!([{"op": "remove", "path": MAP_TYPE}]).to_string();
    for crd in ["iamrolebindings.irsa-anywhere.dev", "oidcfederations.irsa-anywhere.dev"] {
        let patch = ["patch", "crd", crd, "--type=json", "-p", &remove];
        world.kubectl(&patch).await.unwrap();
    }
    world.start_operator().await.unwrap();
    world.apply_samples().await.unwrap();
    world.binding_ready("default", "app").await.unwrap();
    let mut seconds = 3_600;
    // The API server takes a moment to go by a schema.
    while owned(&world).await == json!({}) {
        seconds += 1;
        assert!(seconds < 3_660, "the earlier schema is not in force");
        edited(&world, seconds).await;
    }
    assert!(owned(&world).await["f:roleArn"].is_object());

    world
        .cluster
        .apply_file(&repository().join("crds"), true)
        .await
        .unwrap();
    while owned(&world).await != json!({}) {
        seconds += 1;
        assert!(seconds < 3_720, "{}", owned(&world).await);
        edited(&world, seconds).await;
    }
}
