//! The `healthCheckExprs` of docs/gitops.md, evaluated in the order of Flux's status evaluator
//! (fluxcd/pkg, runtime/cel/status_evaluator.go): observed generation, inProgress, failed, current, else in progress.

use cel::{Context, Program};
use serde_json::Value;

use crate::statuses::{deleting, object, suspended, untouched};

const GUIDE: &str = include_str!("../../../docs/gitops.md");

#[test]
fn the_documented_expressions_say_of_every_status_what_flux_should_do() {
    let ready = ("Ready", "True", "");
    let not_ready = ("Ready", "False", "");
    let unknown = ("Ready", "Unknown", "");
    let reconciling = ("Reconciling", "True", "");
    let stalled = ("Stalled", "True", "");
    let rows: Vec<(&str, Value, &str)> = vec![
        ("the default status", untouched(), "InProgress"),
        ("first touch", object(2, &[unknown, reconciling]), "InProgress"),
        ("ready", object(2, &[ready]), "Current"),
        ("ready for an older spec", object(1, &[ready]), "InProgress"),
        (
            "waiting for something outside",
            object(2, &[not_ready, reconciling]),
            "InProgress",
        ),
        (
            "ready while a change settles",
            object(2, &[ready, reconciling]),
            "InProgress",
        ),
        ("stalled", object(2, &[not_ready, stalled]), "Failed"),
        (
            "stalled for an older spec",
            object(1, &[not_ready, stalled]),
            "InProgress",
        ),
        ("suspended and ready", suspended(object(2, &[ready])), "Current"),
        ("suspended and unknown", suspended(object(2, &[unknown])), "InProgress"),
        ("deleting", deleting(object(2, &[not_ready, reconciling])), "InProgress"),
    ];
    let checks = documented_checks();
    assert_eq!(checks.len(), 2, "one entry per kind");
    for check in &checks {
        for (name, object, verdict) in &rows {
            assert_eq!(evaluate(check, object), *verdict, "{}: {name}", check["kind"]);
        }
    }
}

#[test]
fn the_documented_kinds_are_ours() {
    let kinds: Vec<_> = documented_checks().iter().map(|check| check["kind"].clone()).collect();
    let crds = irsa_api::custom_resource_definitions().unwrap();
    assert_eq!(kinds, crds.map(|crd| Value::from(crd.spec.names.kind)));
}

/// The `healthCheckExprs` of the guide's first Kustomization that has them.
fn documented_checks() -> Vec<Value> {
    let block = GUIDE
        .split("```yaml")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .find(|block| block.contains("healthCheckExprs"))
        .expect("docs/gitops.md shows healthCheckExprs");
    let manifest: Value = serde_saphyr::from_str(block).unwrap();
    manifest["spec"]["healthCheckExprs"].as_array().unwrap().clone()
}

fn evaluate(check: &Value, object: &Value) -> &'static str {
    if object["status"]["observedGeneration"] != object["metadata"]["generation"] {
        return "InProgress";
    }
    for (key, verdict) in [
        ("inProgress", "InProgress"),
        ("failed", "Failed"),
        ("current", "Current"),
    ] {
        if let Some(expression) = check[key].as_str()
            && holds(expression, object)
        {
            return verdict;
        }
    }
    "InProgress"
}

/// Flux gives an expression the members of the object as variables.
fn holds(expression: &str, object: &Value) -> bool {
    let mut context = Context::default();
    for (name, value) in object.as_object().unwrap() {
        context.add_variable(name.as_str(), value).unwrap();
    }
    let program = Program::compile(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    match program
        .execute(&context)
        .unwrap_or_else(|error| panic!("{expression}: {error}"))
    {
        cel::Value::Bool(holds) => holds,
        other => panic!("{expression} is {other:?}, not a truth value"),
    }
}
