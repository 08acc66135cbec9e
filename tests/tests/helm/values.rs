use std::{collections::BTreeSet, fs};

use irsa_tests::helm::{Helm, chart};
use serde_json::{Value, json};

use crate::render::{find, template};

#[test]
fn helm_lint_has_nothing_to_say() {
    for helm in Helm::ALL {
        let chart = chart().display().to_string();
        let ended = helm.run(&["lint", "--strict", &chart]).unwrap();
        assert!(ended.success, "{helm:?}: {}{}", ended.stdout, ended.stderr);
    }
}

#[test]
fn a_wrong_value_is_refused_by_its_name() {
    for helm in Helm::ALL {
        for (value, name) in [
            ("operator.replica=3", "replica"),
            ("operator.replicas=many", "replicas"),
            ("injection.carrier=policies", "carrier"),
            ("image.digest=latest", "digest"),
            ("operator.variables.aws-calls=3", "aws-calls"),
            ("tenants=3", "tenants"),
            ("monitoring.rules=yes", "rules"),
            ("injection.policy.apiVersion=v1beta1", "injection.carrier=policy"),
            (
                "operator.variables.POD_NAMESPACE=other",
                "operator.variables.POD_NAMESPACE",
            ),
        ] {
            let refusal = template(helm, &[&format!("--set={value}")]).unwrap_err();
            assert!(refusal.contains(name), "{helm:?} {value}: {refusal}");
        }
    }
}

#[test]
fn every_value_reaches_what_it_is_for() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let values = json!({
        "image": {"repository": "registry.example.com/irsa", "digest": digest, "pullPolicy": "Always"},
        "imagePullSecrets": ["registry"],
        "crds": {"keep": false},
        "operator": {
            "replicas": null,
            "variables": {"AWS_CALLS_PER_SECOND": 50},
            "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
            "credentialsSecret": "aws", "serviceAccountAnnotations": {"a": "b"},
            "podAnnotations": {"c": "d"}, "podLabels": {"e": "f"}, "priorityClassName": "high",
            "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}, "nodeSelector": {"g": "h"},
            "tolerations": [{"operator": "Exists"}], "affinity": {"nodeAffinity": {}},
            "volumes": [{"name": "token", "emptyDir": {}}],
            "volumeMounts": [{"name": "token", "mountPath": "/token"}],
        },
        "injection": {"carrier": "webhook"},
        "webhook": {"replicas": 5, "variables": {"SHUTDOWN_DELAY": "20s"}, "priorityClassName": "high",
                    "podLabels": {"e": "f"}, "tolerations": [{"operator": "Exists"}]},
        "uninstall": {"check": false},
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), values.to_string()).unwrap();
    let argument = format!("--values={}", file.path().display());
    for helm in Helm::ALL {
        let rendered = template(helm, &[&argument]).unwrap();
        let operator = find(&rendered, "Deployment", "irsa-anywhere").unwrap();
        assert_eq!(operator["spec"].get("replicas"), None);
        let pod = &operator["spec"]["template"]["spec"];
        let said = &values["operator"];
        for key in [
            "priorityClassName",
            "nodeSelector",
            "tolerations",
            "affinity",
            "volumes",
        ] {
            assert_eq!(pod[key], said[key], "{key}");
        }
        assert_eq!(pod["imagePullSecrets"], json!([{"name": "registry"}]));
        let metadata = &operator["spec"]["template"]["metadata"];
        assert_eq!(
            (&metadata["annotations"]["c"], &metadata["labels"]["e"]),
            (&json!("d"), &json!("f"))
        );
        assert_eq!(
            metadata["labels"]["app.kubernetes.io/name"], "irsa-anywhere",
            "what the selector needs stays"
        );
        let container = &pod["containers"][0];
        assert_eq!(container["image"], format!("registry.example.com/irsa@{digest}"));
        for key in ["resources", "volumeMounts"] {
            assert_eq!(container[key], said[key], "{key}");
        }
        assert_eq!(container["imagePullPolicy"], "Always");
        assert_eq!(container["envFrom"][0]["secretRef"]["name"], "aws");
        let env = container["env"].as_array().unwrap();
        assert!(
            env.contains(&json!({"name": "AWS_CALLS_PER_SECOND", "value": "50"})),
            "{env:?}"
        );
        assert!(env.contains(&said["env"][0]), "{env:?}");
        let account = find(&rendered, "ServiceAccount", "irsa-anywhere").unwrap();
        assert_eq!(account["metadata"]["annotations"], json!({"a": "b"}));

        let webhook = find(&rendered, "Deployment", "irsa-anywhere-webhook").unwrap();
        assert_eq!(webhook["spec"]["replicas"], 5);
        let env = webhook["spec"]["template"]["spec"]["containers"][0]["env"]
            .as_array()
            .unwrap();
        assert!(
            env.contains(&json!({"name": "SHUTDOWN_DELAY", "value": "20s"})),
            "{env:?}"
        );
        let crd = find(
            &rendered,
            "CustomResourceDefinition",
            "oidcfederations.irsa-anywhere.dev",
        )
        .unwrap();
        assert_eq!(crd.pointer("/metadata/annotations/helm.sh~1resource-policy"), None);
        assert_eq!(find(&rendered, "Job", "irsa-anywhere-uninstall-check"), None);
    }
}

#[test]
fn a_certificate_that_somebody_else_keeps_is_mounted_and_trusted_by_annotation() {
    let webhook = "--set=injection.carrier=webhook";
    let annotation = r"webhook.certificate.configurationAnnotations.cert-manager\.io/inject-ca-from=a/b";
    for helm in Helm::ALL {
        let rendered = template(
            helm,
            &[webhook, "--set=webhook.certificate.secret=tls", "--set", annotation],
        )
        .unwrap();
        let name = "irsa-anywhere-webhook";
        let pod = &find(&rendered, "Deployment", name).unwrap()["spec"]["template"]["spec"];
        assert_eq!(
            pod["volumes"],
            json!([{"name": "certificate", "secret": {"secretName": "tls"}}])
        );
        let container = &pod["containers"][0];
        let env = container["env"].as_array().unwrap();
        assert!(env.contains(&json!({"name": "CERTIFICATE_DIRECTORY", "value": "/certificate"})));
        assert_eq!(container["volumeMounts"][0]["mountPath"], "/certificate");
        let configuration = find(&rendered, "MutatingWebhookConfiguration", name).unwrap();
        assert_eq!(
            configuration["metadata"]["annotations"],
            json!({"cert-manager.io/inject-ca-from": "a/b"})
        );
        let own = find(&rendered, "Secret", "irsa-anywhere-webhook-certificate");
        assert_eq!(own, None, "nobody fills it");

        for (value, complaint) in [
            (
                "webhook.variables.CERTIFICATE_DIRECTORY=/c",
                "webhook.certificate.secret",
            ),
            ("webhook.variables.SERVICE_NAME=other", "webhook.variables.SERVICE_NAME"),
            ("webhook.certificate.secret=tls", "go together"),
            ("webhook.certificate.configurationAnnotations.a=b", "go together"),
        ] {
            let refusal = template(helm, &[webhook, &format!("--set={value}")]).unwrap_err();
            assert!(refusal.contains(complaint), "{helm:?} {value}: {refusal}");
        }
    }
}

/// `helm upgrade --reuse-values` brings the values of an older chart, which knew nothing of some.
#[test]
fn values_that_an_older_chart_did_not_have_may_be_missing() {
    for helm in Helm::ALL {
        let before = template(helm, &["--set=injection.carrier=webhook"]).unwrap();
        let without = [
            "webhook.certificate=null",
            "webhook.variables=null",
            "operator.variables=null",
        ];
        let without = without.map(|value| format!("--set={value}"));
        let without: Vec<&str> = without
            .iter()
            .map(String::as_str)
            .chain(["--set=injection.carrier=webhook"])
            .collect();
        assert_eq!(template(helm, &without).unwrap(), before, "{helm:?}");
    }
}

/// Names of all values, with dots.
fn names(values: &Value, before: &str, found: &mut BTreeSet<String>) {
    for (key, value) in values.as_object().into_iter().flatten() {
        let name = format!("{before}{key}");
        match value.as_object() {
            Some(inner) if !inner.is_empty() => names(value, &format!("{name}."), found),
            _ => drop(found.insert(name)),
        }
    }
}

#[test]
fn every_value_is_in_the_schema_and_in_the_table() {
    let read = |name: &str| fs::read_to_string(chart().join(name)).unwrap();
    let values: Value = serde_saphyr::from_str(&read("values.yaml")).unwrap();
    let mut all = BTreeSet::new();
    names(&values, "", &mut all);
    let page = read("README.md");
    let table: BTreeSet<String> = page
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()))
        .collect();
    // Of what is one value for whoever sets it, the table has the whole.
    let documented =
        |name: &String| table.contains(name) || table.iter().any(|entry| name.starts_with(&format!("{entry}.")));
    let missing: Vec<&String> = all.iter().filter(|name| !documented(name)).collect();
    assert!(missing.is_empty(), "the table of README.md lacks {missing:?}");
    let is_value = |entry: &String| {
        all.iter()
            .any(|name| name == entry || name.starts_with(&format!("{entry}.")))
    };
    let unknown: Vec<&String> = table.iter().filter(|entry| !is_value(entry)).collect();
    assert!(unknown.is_empty(), "no values: {unknown:?}");
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    for name in all {
        let mut at = &schema;
        for key in name.split('.') {
            let next = &at["properties"][key];
            if next.is_null() {
                // A free map, such as labels.
                assert!(at.get("properties").is_none(), "the schema lacks {name}");
                break;
            }
            at = next;
        }
    }
}

#[test]
fn the_chart_and_what_it_installs_have_one_version() {
    let chart: Value = serde_saphyr::from_str(&fs::read_to_string(chart().join("Chart.yaml")).unwrap()).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(chart["version"], version);
    assert_eq!(chart["appVersion"], format!("v{version}"));
}
