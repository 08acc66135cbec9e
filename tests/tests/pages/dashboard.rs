//! Dashboard and alerts ask for what is really served: each metric and each label of every query is in the `/metrics` of the operator, of
//! the webhook, or of the API server.

use std::{
    collections::BTreeMap,
    io::Write as _,
    process::{Command, Stdio},
};

use irsa_core::vocabulary::Reason;
use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{World, http_get, objects::says, repository};
use serde::Deserialize;
use serde_json::Value;

use super::exposition::Exposition;

/// What Prometheus adds to every sample.
const OF_THE_TARGET: [&str; 4] = ["job", "namespace", "pod", "instance"];

/// What a query asks for.
#[derive(Debug, Deserialize)]
struct Selector {
    metric: String,
    labels: BTreeMap<String, Vec<String>>,
}

/// All expressions of the dashboard and of the alerts.
fn expressions() -> Vec<String> {
    let read = |path: &str| std::fs::read_to_string(repository().join(path)).unwrap();
    let mut found = Vec::new();
    let dashboard: Value = serde_json::from_str(&read("dashboards/irsa-anywhere.json")).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            found.push(target["expr"].as_str().unwrap().to_owned());
        }
    }
    assert!(found.len() > 30, "{} queries of the dashboard", found.len());
    let rules: Value = serde_saphyr::from_str(&read("config/prometheus/rules.yaml")).unwrap();
    for group in rules["spec"]["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            found.push(rule["expr"].as_str().unwrap().to_owned());
        }
    }
    found
}

/// What each asks for, as Prometheus's own parser reads it.
fn selectors(expressions: &[String]) -> Vec<Vec<Selector>> {
    let script = repository().join("hack/dashboard.sh");
    let built = Command::new("bash").arg(script).arg("--path").output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let program = String::from_utf8(built.stdout).unwrap();
    let mut child = Command::new(program.trim())
        .arg("selectors")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = serde_json::to_vec(expressions).unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What is served where there is something to show: a cluster that has everything of ours, and a binding that waits.
async fn served() -> Exposition {
    let mut world = World::as_shipped(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    // A pod that is created before any replica of the webhook answers.
    let config = repository().join("config/webhook");
    world.cluster.apply_file(&config, true).await.unwrap();
    let pod = ["run", "early", "--image=any", "--dry-run=server"];
    world.kubectl(&pod).await.unwrap();
    let api_server = world.kubectl(&["get", "--raw", "/metrics"]).await.unwrap();
    world.start_webhook_if_deployed().await.unwrap();
    world.kubectl(&pod).await.unwrap();

    let waits = "config/samples/iamrolebinding.yaml";
    let mut binding: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(repository().join(waits)).unwrap()).unwrap();
    binding["metadata"]["name"] = "waits".into();
    binding["spec"]["serviceAccounts"][0]["name"] = "nowhere".into();
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), binding.to_string()).unwrap();
    world.cluster.apply_file(file.path(), false).await.unwrap();
    let is_waiting = |object: &Value| says(object, "Ready", "ServiceAccountNotFound");
    world
        .wait_for(
            "no such ServiceAccount",
            ("iamrolebinding", "default", "waits"),
            is_waiting,
        )
        .await
        .unwrap();

    let mut exposition = Exposition::default();
    exposition.add(&api_server);
    let operator = world.operator().unwrap().probes();
    for probes in [operator, world.webhook().unwrap().probes()] {
        let (code, text) = http_get(probes, "/metrics").unwrap();
        assert_eq!(code, 200);
        exposition.add(&text);
    }
    exposition
}

/// What of a selector is not served.
fn missing(selector: &Selector, exposition: &Exposition) -> Vec<String> {
    let metric = &selector.metric;
    if !exposition.has(metric) {
        return vec![format!("there is no {metric}")];
    }
    let asked = selector.labels.keys();
    let asked: Vec<&String> = asked.filter(|label| !OF_THE_TARGET.contains(&label.as_str())).collect();
    match exposition.labels(metric) {
        _ if asked.is_empty() => Vec::new(),
        None => vec![format!("{metric} has no sample here that shows its labels")],
        Some(has) => {
            let lacks = asked.into_iter().filter(|label| !has.contains(*label));
            lacks.map(|label| format!("{metric} has no label {label}")).collect()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_dashboard_and_alerts_is_about_what_is_served() {
    let exposition = served().await;
    let expressions = expressions();
    let mut problems = Vec::new();
    for (expression, selectors) in expressions.iter().zip(selectors(&expressions)) {
        assert!(!selectors.is_empty(), "{expression}");
        for selector in selectors {
            let found = missing(&selector, &exposition);
            problems.extend(found.into_iter().map(|problem| format!("{problem}: {expression}")));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_metric_a_label_or_a_value_that_is_not_there_is_found() {
    let mut exposition = Exposition::default();
    exposition.add("# TYPE a counter\na_total{kind=\"x\"} 1\n# TYPE b counter\n");
    let problems = |query: &str| {
        let found = selectors(&[query.to_owned()]).remove(0);
        found
            .iter()
            .flat_map(|one| missing(one, &exposition))
            .collect::<Vec<_>>()
    };
    assert!(problems("sum by (kind, pod) (rate(a_total{job=\"j\"}[5m]))").is_empty());
    assert!(problems("b_total").is_empty());
    for query in [
        "a",
        "c",
        "a_total{kinds=\"x\"}",
        "sum by (result) (a_total)",
        "b_total{kind=\"x\"}",
    ] {
        assert_eq!(problems(query).len(), 1, "{query}");
    }
    assert!(
        unknown("a_total{kind=\"nonsense\"}")
            .iter()
            .any(|value| value == "nonsense")
    );
}

/// Values that a query compares with and that are no reason's name, nor on a page of metrics.
fn unknown(query: &str) -> Vec<String> {
    let page = |path: &str| std::fs::read_to_string(repository().join(path)).unwrap();
    let documented = ["docs/metrics.md", "docs/webhook.md"].map(page).concat();
    let found = selectors(&[query.to_owned()]).remove(0);
    let values = found
        .into_iter()
        .flat_map(|selector| selector.labels.into_values().flatten());
    // In a table by themselves, or in an example.
    let named = |value: &String| {
        ['`', '"']
            .iter()
            .any(|quote| documented.contains(&format!("{quote}{value}{quote}")))
            || Reason::ALL.iter().any(|reason| reason.as_str() == value)
    };
    values.filter(|value| value != "$job" && !named(value)).collect()
}

#[test]
fn every_value_that_a_query_compares_with_is_one_that_there_is() {
    for expression in expressions() {
        let unknown = unknown(&expression);
        assert!(unknown.is_empty(), "{unknown:?}: {expression}");
    }
}
