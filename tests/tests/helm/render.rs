use std::{collections::BTreeMap, process::Command};

use irsa_tests::{
    helm::{Helm, chart, objects},
    world::repository,
};
use serde_json::{Value, json};

pub(crate) fn template(helm: Helm, values: &[&str]) -> Result<Vec<Value>, String> {
    let chart = chart().display().to_string();
    let mut arguments = vec!["template", "aws", &chart, "--namespace=irsa-anywhere-system"];
    arguments.extend(values);
    let ended = helm.run(&arguments).unwrap();
    if ended.success {
        Ok(objects(&ended.stdout).unwrap())
    } else {
        Err(ended.stderr)
    }
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    objects
        .iter()
        .find(|object| object["kind"] == kind && text(object, "/metadata/name") == name)
}

/// The objects by kind, namespace and name, without what the chart alone says: its labels, the image, and a few more.
fn comparable(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for mut object in objects {
        let is_hook = object.pointer("/metadata/annotations/helm.sh~1hook").is_some();
        // The namespace is Helm's own to make.
        if is_hook || object["kind"] == "Namespace" {
            continue;
        }
        let key = ["/kind", "/metadata/namespace", "/metadata/name"]
            .map(|path| text(&object, path))
            .join(" ");
        let metadata = object["metadata"].as_object_mut().unwrap();
        for (map, ours) in [
            (
                "labels",
                &[
                    "helm.sh/chart",
                    "app.kubernetes.io/part-of",
                    "app.kubernetes.io/managed-by",
                    "app.kubernetes.io/instance",
                    "app.kubernetes.io/version",
                ][..],
            ),
            ("annotations", &["helm.sh/resource-policy"][..]),
        ] {
            if let Some(Value::Object(entries)) = metadata.get_mut(map) {
                entries.retain(|key, _| !ours.contains(&key.as_str()));
                if entries.is_empty() {
                    metadata.remove(map);
                }
            }
        }
        if let Some(Value::Object(container)) = object.pointer_mut("/spec/template/spec/containers/0") {
            container.remove("image");
            container.remove("imagePullPolicy");
        }
        // By the name of the namespace and not by a label, which a namespace that Helm makes does not have.
        if object["kind"] == "ValidatingAdmissionPolicy" && key.ends_with(" irsa-anywhere-own-token") {
            let selector = object["spec"]["matchConstraints"]["namespaceSelector"].take();
            let by_name = json!({"matchLabels": {"kubernetes.io/metadata.name": "irsa-anywhere-system"}});
            let by_label = json!({"matchLabels": {"app.kubernetes.io/part-of": "irsa-anywhere"}});
            assert!([by_name, by_label].contains(&selector), "{selector}");
        }
        assert_eq!(found.insert(key.clone(), object), None, "{key} is there twice");
    }
    found
}

fn kustomized(directory: &str) -> Vec<Value> {
    let script = repository().join("crates/testkit/controlplane/build.sh");
    let built = Command::new("bash").arg(script).output().unwrap();
    let directories = String::from_utf8(built.stdout).unwrap();
    let kubectl = format!("{}/kubectl", directories.lines().last().unwrap());
    let output = Command::new(kubectl)
        .arg("kustomize")
        .arg(repository().join(directory))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    objects(&String::from_utf8(output.stdout).unwrap()).unwrap()
}

#[test]
fn the_chart_installs_what_config_says() {
    for helm in Helm::ALL {
        for (carrier, directory) in [
            ("policy", "config/with-policy"),
            ("webhook", "config/with-webhook"),
            ("none", "config/default"),
        ] {
            let rendered = comparable(template(helm, &[&format!("--set=injection.carrier={carrier}")]).unwrap());
            let said = comparable(kustomized(directory));
            let keys = |objects: &BTreeMap<String, Value>| objects.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(&rendered), keys(&said), "{helm:?}, {carrier}");
            for (key, object) in &said {
                assert_eq!(&rendered[key], object, "{helm:?}, {carrier}: {key}");
            }
            assert!(said.len() > 15, "{} objects were compared", said.len());
        }
    }
}

#[test]
fn monitoring_is_what_config_says_when_it_is_wanted() {
    let wanted = ["--set=monitoring.podMonitor=true,monitoring.rules=true,monitoring.labels.release=prometheus"];
    for helm in Helm::ALL {
        assert!(
            template(helm, &[])
                .unwrap()
                .iter()
                .all(|object| !text(object, "/apiVersion").contains("coreos"))
        );
        let rendered = template(helm, &wanted).unwrap();
        for said in kustomized("config/prometheus") {
            let found = find(&rendered, text(&said, "/kind"), "irsa-anywhere").unwrap();
            assert_eq!(found["spec"], said["spec"], "{helm:?}");
            assert_eq!(found["metadata"]["labels"]["release"], "prometheus");
        }
    }
}

#[test]
fn the_dashboard_is_the_file_when_it_is_wanted() {
    let file = std::fs::read_to_string(repository().join("dashboards/irsa-anywhere.json")).unwrap();
    let wanted = "--set=monitoring.dashboard=true,monitoring.labels.release=prometheus";
    for helm in Helm::ALL {
        let name = "irsa-anywhere-dashboard";
        assert_eq!(find(&template(helm, &[]).unwrap(), "ConfigMap", name), None, "{helm:?}");
        let rendered = template(helm, &[wanted]).unwrap();
        let found = find(&rendered, "ConfigMap", name).unwrap();
        assert_eq!(found["data"], json!({"irsa-anywhere.json": file}), "{helm:?}");
        let labels = &found["metadata"]["labels"];
        assert_eq!(
            (&labels["grafana_dashboard"], &labels["release"]),
            (&json!("1"), &json!("prometheus"))
        );
    }
}

#[test]
fn what_injects_follows_the_version_of_the_cluster_or_what_is_said() {
    let carrier = |helm: Helm, values: &[&str]| {
        let rendered = template(helm, values)?;
        let policy = rendered
            .iter()
            .find(|object| object["kind"] == "MutatingAdmissionPolicy");
        let webhook = find(&rendered, "MutatingWebhookConfiguration", "irsa-anywhere-webhook");
        Ok::<_, String>((
            policy.map(|policy| text(policy, "/apiVersion").to_owned()),
            webhook.is_some(),
        ))
    };
    let version = |version: &str| Some(format!("admissionregistration.k8s.io/{version}"));
    let beta = "--set=injection.carrier=policy,injection.policy.apiVersion=v1beta1";
    for helm in Helm::ALL {
        for (values, expected) in [
            (&["--kube-version=1.30.4"][..], (None, true)),
            (&["--kube-version=v1.35.4+k3s1"], (None, true)),
            (&["--kube-version=1.36.0"], (version("v1"), false)),
            (&["--kube-version=v1.37.2-eks-1"], (version("v1"), false)),
            (
                &["--kube-version=1.36.0", "--set=injection.carrier=webhook"],
                (None, true),
            ),
            (
                &["--kube-version=1.36.0", "--set=injection.carrier=none"],
                (None, false),
            ),
            (&["--kube-version=1.35.0", beta], (version("v1beta1"), false)),
        ] {
            assert_eq!(carrier(helm, values), Ok(expected), "{helm:?} {values:?}");
        }
        for (values, fix) in [
            (
                &["--kube-version=1.31.0", "--set=injection.carrier=policy"][..],
                "Set it to webhook",
            ),
            (&["--kube-version=1.33.0", beta], "needs Kubernetes 1.34"),
            (&["--kube-version=1.29.0"], ">=1.30.0-0"),
        ] {
            let refusal = carrier(helm, values).unwrap_err();
            assert!(refusal.contains(fix), "{helm:?} {values:?}: {refusal}");
        }
    }
}
