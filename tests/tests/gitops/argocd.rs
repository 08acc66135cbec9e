use irsa_tests::argocd::{HEALTH, health};
use serde_json::{Value, json};

use crate::statuses::{deleting, object, suspended, untouched};

#[test]
fn every_status_has_the_health_that_argo_cd_should_show() {
    let ready = ("Ready", "True", "all is well");
    let not_ready = ("Ready", "False", "no bucket");
    let unknown = ("Ready", "Unknown", "looking");
    let reconciling = ("Reconciling", "True", "publishing");
    let stalled = ("Stalled", "True", "another account's bucket");
    let without_conditions = object(2, &[]);
    let mut null_conditions = object(2, &[]);
    null_conditions["status"]["conditions"] = Value::Null;
    let mut without_status = untouched();
    without_status.as_object_mut().unwrap().remove("status");
    let mut textual_generation = object(2, &[ready]);
    textual_generation["status"]["observedGeneration"] = "2".into();
    let mut without_generation = object(2, &[ready]);
    without_generation["status"]
        .as_object_mut()
        .unwrap()
        .remove("observedGeneration");

    let rows: Vec<(&str, Value, &str, &str)> = vec![
        (
            "no status at all",
            without_status,
            "Progressing",
            "Waiting for the operator",
        ),
        (
            "the default status",
            untouched(),
            "Progressing",
            "Waiting for the operator",
        ),
        (
            "no conditions",
            without_conditions,
            "Progressing",
            "Waiting for the first condition",
        ),
        (
            "null conditions",
            null_conditions,
            "Progressing",
            "Waiting for the first condition",
        ),
        (
            "an aspect but no Ready",
            object(2, &[("Published", "True", "")]),
            "Progressing",
            "first condition",
        ),
        (
            "first touch",
            object(2, &[unknown, reconciling]),
            "Progressing",
            "publishing",
        ),
        ("ready", object(2, &[ready]), "Healthy", "all is well"),
        (
            "ready for an older spec",
            object(1, &[ready]),
            "Progressing",
            "this version of the spec",
        ),
        (
            "stalled for an older spec",
            object(1, &[not_ready, stalled]),
            "Progressing",
            "this version of the spec",
        ),
        (
            "a generation as text",
            textual_generation,
            "Progressing",
            "this version of the spec",
        ),
        (
            "no observed generation",
            without_generation,
            "Progressing",
            "this version of the spec",
        ),
        (
            "waiting for something outside",
            object(2, &[not_ready, reconciling]),
            "Progressing",
            "publishing",
        ),
        (
            "ready while a change settles",
            object(2, &[ready, reconciling]),
            "Progressing",
            "publishing",
        ),
        (
            "stalled",
            object(2, &[not_ready, stalled]),
            "Degraded",
            "another account's bucket",
        ),
        (
            "a condition that is present and false",
            object(2, &[ready, ("Stalled", "False", "")]),
            "Healthy",
            "all is well",
        ),
        (
            "suspended and ready",
            suspended(object(2, &[ready])),
            "Healthy",
            "Suspended, as last seen: all is well",
        ),
        (
            "suspended and unknown",
            suspended(object(2, &[unknown])),
            "Suspended",
            "looking",
        ),
        (
            "suspended and stalled",
            suspended(object(2, &[not_ready, stalled])),
            "Degraded",
            "another account's bucket",
        ),
        (
            "suspended, not yet seen",
            suspended(object(1, &[ready])),
            "Progressing",
            "this version of the spec",
        ),
        ("unknown and idle", object(2, &[unknown]), "Progressing", "looking"),
        (
            "deleting while ready",
            deleting(object(2, &[ready])),
            "Progressing",
            "Being deleted",
        ),
        (
            "deleting while stalled",
            deleting(object(2, &[not_ready, stalled])),
            "Progressing",
            "Being deleted",
        ),
        (
            "deleting while suspended",
            deleting(suspended(object(2, &[ready]))),
            "Progressing",
            "Being deleted",
        ),
    ];
    for (name, object, status, message) in rows {
        let found = health(HEALTH, &object).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.status, status, "{name}: {found:?}");
        assert!(found.message.contains(message), "{name}: {found:?}");
    }
}

#[test]
fn the_script_runs_where_only_the_base_library_exists() {
    let asked = json!({"metadata": {"generation": 1}});
    for library in ["string", "table", "os", "io", "math"] {
        let script = format!("return {{ status = type({library}), message = '' }}");
        assert_eq!(health(&script, &asked).unwrap().status, "nil", "{library} is there");
    }
}

#[test]
fn the_config_map_carries_the_script_word_for_word_for_both_kinds() {
    let patch: Value = serde_saphyr::from_str(include_str!("../../../config/argocd/argocd-cm.yaml")).unwrap();
    let data = patch["data"].as_object().unwrap();
    assert_eq!(data.len(), 2);
    for crd in irsa_api::custom_resource_definitions().unwrap() {
        let key = format!(
            "resource.customizations.health.{}_{}",
            crd.spec.group, crd.spec.names.kind
        );
        assert_eq!(data[&key], HEALTH, "{key}");
    }
}
