//! `config/prometheus`: alerts that tell enough, on metrics that exist, each shown quiet and firing; and a monitor that
//! finds the pods.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::pages::read;

/// A rule of the `PrometheusRule`.
pub(crate) struct Alert {
    pub(crate) name: String,
    rule: Value,
}

impl Alert {
    pub(crate) fn annotation(&self, name: &str) -> &str {
        self.rule["annotations"][name].as_str().unwrap_or_default()
    }
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn alerts() -> Vec<Alert> {
    let rules = yaml("config/prometheus/rules.yaml");
    let groups = rules["spec"]["groups"].as_array().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    rules
        .map(|rule| Alert {
            name: rule["alert"].as_str().unwrap().to_owned(),
            rule: rule.clone(),
        })
        .collect()
}

/// Names of metrics in a text.
fn metrics(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_name(c));
    let begins = ["irsa_anywhere_", "apiserver_"];
    words
        .filter(|word| begins.iter().any(|begin| word.starts_with(begin)))
        .collect()
}

#[test]
fn every_alert_says_how_bad_it_is_and_what_is_wrong() {
    let alerts = alerts();
    assert!(alerts.len() >= 20, "{}", alerts.len());
    for alert in &alerts {
        let severity = alert.rule["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning", "info"].contains(&severity), "{}", alert.name);
        assert!(alert.name.starts_with("IrsaAnywhere"), "{}", alert.name);
        let (summary, description) = (alert.annotation("summary"), alert.annotation("description"));
        assert!(
            summary.len() > 15 && !summary.ends_with('.'),
            "{}: {summary}",
            alert.name
        );
        assert!(
            description.len() > 40 && description.ends_with('.'),
            "{}: {description}",
            alert.name
        );
    }
}

#[test]
fn every_alert_is_about_metrics_of_the_reference() {
    let pages = [read("docs/metrics.md"), read("docs/webhook.md")].concat();
    let documented = metrics(&pages);
    for alert in alerts() {
        let used = metrics(alert.rule["expr"].as_str().unwrap())
            .into_iter()
            .map(str::to_owned);
        let used: Vec<String> = used.collect();
        assert!(!used.is_empty(), "{}", alert.name);
        for metric in used {
            assert!(documented.contains(metric.as_str()), "{}: {metric}", alert.name);
        }
    }
}

#[test]
fn every_alert_is_shown_quiet_and_firing() {
    let tests = yaml("config/prometheus/rules_test.yaml");
    let mut shown: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
    for test in tests["tests"].as_array().unwrap() {
        for check in test["promql_expr_test"].as_array().unwrap() {
            let expression = check["expr"].as_str().unwrap();
            let (name, _) = expression
                .strip_prefix("ALERTS{alertname=\"")
                .unwrap()
                .split_once('"')
                .unwrap();
            let fires = !check["exp_samples"].as_array().unwrap().is_empty();
            shown.entry(name.to_owned()).or_default().insert(fires);
        }
    }
    let expected: BTreeMap<String, BTreeSet<bool>> = alerts()
        .into_iter()
        .map(|alert| (alert.name, BTreeSet::from([false, true])))
        .collect();
    assert_eq!(shown, expected);
}

/// The values that the monitor's selector wants of the only label that it looks at.
fn wanted_names(monitor: &Value) -> Vec<&str> {
    let selector = &monitor["spec"]["selector"];
    let [expression] = selector["matchExpressions"].as_array().unwrap().as_slice() else {
        panic!("{selector}")
    };
    assert_eq!(
        (&expression["key"], &expression["operator"]),
        (&json!("app.kubernetes.io/name"), &json!("In"))
    );
    assert_eq!(selector.as_object().unwrap().len(), 1, "{selector}");
    let values = expression["values"].as_array().unwrap();
    values.iter().map(|value| value.as_str().unwrap()).collect()
}

#[test]
fn the_monitor_finds_the_pods_of_the_operator_and_of_the_webhook() {
    let monitor = yaml("config/prometheus/podmonitor.yaml");
    let names = wanted_names(&monitor);
    let [endpoint] = monitor["spec"]["podMetricsEndpoints"].as_array().unwrap().as_slice() else {
        panic!("{monitor}")
    };
    assert_eq!(endpoint["path"], "/metrics");
    let mut found = Vec::new();
    for path in ["config/manager/deployment.yaml", "config/webhook/deployment.yaml"] {
        let deployment = yaml(path);
        assert_eq!(
            monitor["metadata"]["namespace"], deployment["metadata"]["namespace"],
            "{path}"
        );
        let pod = &deployment["spec"]["template"];
        found.push(pod["metadata"]["labels"]["app.kubernetes.io/name"].clone());
        let ports = pod["spec"]["containers"][0]["ports"].as_array().unwrap();
        assert!(ports.iter().any(|port| port["name"] == endpoint["port"]), "{path}");
    }
    assert_eq!(json!(names), json!(found));
}
