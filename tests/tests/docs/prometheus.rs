//! `config/prometheus`: alerts that tell enough, on metrics that exist, each shown quiet and firing; and a monitor that
//! finds the pods.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

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
    words.filter(|word| word.starts_with("irsa_anywhere_")).collect()
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
    let page = read("docs/metrics.md");
    let documented = metrics(&page);
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

#[test]
fn the_monitor_finds_the_pods_of_the_deployment() {
    let monitor = yaml("config/prometheus/podmonitor.yaml");
    let deployment = yaml("config/manager/deployment.yaml");
    let pod = &deployment["spec"]["template"];
    assert_eq!(monitor["metadata"]["namespace"], deployment["metadata"]["namespace"]);
    for (name, value) in monitor["spec"]["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&pod["metadata"]["labels"][name], value, "{name}");
    }
    let ports = pod["spec"]["containers"][0]["ports"].as_array().unwrap();
    let wanted = &monitor["spec"]["podMetricsEndpoints"][0]["port"];
    assert!(ports.iter().any(|port| port["name"] == *wanted), "{wanted}");
}
