//! What a pod has of an identity, read from its JSON.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::evidence::{ContainerFacts, PodFacts, Variable};
use crate::{
    injection::InjectionSettings,
    vocabulary::{
        EKS_ROLE_ARN, EKS_SKIP_CONTAINERS, EKS_SKIP_POD, INJECT_LABEL, INJECT_LABEL_OPT_OUT,
        SERVICE_ACCOUNT_FIELD_MANAGER,
    },
};

impl PodFacts {
    /// A pod as the API server has it, with its ServiceAccount and the labels of its namespace, where they are known. What injects pods is
    /// not in any of them: [`Self::carrier`] is left open.
    pub fn of(pod: &Value, account: Option<&Value>, namespace_labels: Option<&Value>) -> Self {
        let opted_out = namespace_labels
            .and_then(|labels| labels.get(INJECT_LABEL))
            .is_some_and(|value| value == INJECT_LABEL_OPT_OUT);
        let skipped = pod
            .pointer("/metadata/labels")
            .and_then(|labels| labels.get(EKS_SKIP_POD));
        let skipped_by = match (skipped, opted_out) {
            (Some(_), _) => Some(EKS_SKIP_POD.to_owned()),
            (None, true) => Some(format!("{INJECT_LABEL}: {INJECT_LABEL_OPT_OUT:?} of its namespace")),
            (None, false) => None,
        };
        let names = skipped_names(pod);
        let containers = ["containers", "initContainers"]
            .into_iter()
            .flat_map(|list| items(pod.pointer(&format!("/spec/{list}"))))
            .map(|container| {
                let facts = container_facts(pod, container);
                ContainerFacts {
                    skipped: names.contains(&facts.name),
                    ..facts
                }
            });
        Self {
            created: pod.pointer("/metadata/creationTimestamp").and_then(time),
            skipped_by,
            account_role: account.and_then(role_of),
            account_since: account.and_then(role_since),
            carrier: None,
            containers: containers.collect(),
        }
    }
}

fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn strings(object: &Value, pointer: &str) -> BTreeMap<String, String> {
    let members = object.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    members
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Names that the pod's annotation keeps injection away from.
fn skipped_names(pod: &Value) -> Vec<String> {
    let annotations = strings(pod, "/metadata/annotations");
    let list = annotations
        .get(EKS_SKIP_CONTAINERS)
        .map(String::as_str)
        .unwrap_or_default();
    list.replace('"', "")
        .split(',')
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// The role that pods of the ServiceAccount are given.
fn role_of(account: &Value) -> Option<String> {
    let annotations = strings(account, "/metadata/annotations");
    let labels = strings(account, "/metadata/labels");
    InjectionSettings::of_service_account(text(account, "/metadata/uid"), &labels, &annotations)?;
    annotations.get(EKS_ROLE_ARN).cloned()
}

/// When the operator last wrote to it: before that it had no role, or another.
fn role_since(account: &Value) -> Option<Timestamp> {
    let ours = |entry: &&Value| text(entry, "/manager").starts_with(SERVICE_ACCOUNT_FIELD_MANAGER);
    let times = items(account.pointer("/metadata/managedFields"))
        .filter(ours)
        .filter_map(|entry| entry.get("time").and_then(time));
    times.max()
}

fn container_facts(pod: &Value, container: &Value) -> ContainerFacts {
    let variables = items(container.get("env")).map(|variable| {
        let value = match (variable.get("value").and_then(Value::as_str), variable.get("valueFrom")) {
            (Some(value), _) => Variable::Value(value.to_owned()),
            (None, Some(_)) => Variable::Elsewhere,
            (None, None) => Variable::Value(String::new()),
        };
        (text(variable, "/name").to_owned(), value)
    });
    ContainerFacts {
        name: text(container, "/name").to_owned(),
        skipped: false,
        variables: variables.collect(),
        env_from: items(container.get("envFrom")).next().is_some(),
        token_files: items(container.get("volumeMounts"))
            .flat_map(|mount| token_files(pod, mount))
            .collect(),
    }
}

/// Files with tokens in a mount: path to audience.
fn token_files(pod: &Value, mount: &Value) -> Vec<(String, String)> {
    let name = text(mount, "/name");
    let volume = items(pod.pointer("/spec/volumes")).find(|volume| text(volume, "/name") == name);
    let sources = items(volume.and_then(|volume| volume.pointer("/projected/sources")));
    let tokens = sources.filter_map(|source| source.get("serviceAccountToken"));
    let at = text(mount, "/mountPath").trim_end_matches('/');
    let part = text(mount, "/subPath");
    tokens
        .filter_map(|token| {
            let path = text(token, "/path");
            let file = match part {
                "" => format!("{at}/{path}"),
                part if part == path => at.to_owned(),
                _ => return None,
            };
            Some((file, text(token, "/audience").to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::vocabulary::{CONFIRMED_FOR, INJECT_LABEL_VALUE};

    const ROLE: &str = "arn:aws:iam::123456789012:role/app";

    fn account() -> Value {
        json!({"metadata": {
            "uid": "u1", "labels": {INJECT_LABEL: INJECT_LABEL_VALUE}, "annotations": {EKS_ROLE_ARN: ROLE, CONFIRMED_FOR: "u1"},
            "managedFields": [
                {"manager": "kubectl", "time": "2026-11-03T00:00:00Z"},
                {"manager": "irsa-anywhere-serviceaccount", "time": "2026-11-02T00:00:00Z"},
            ],
        }})
    }

    fn pod() -> Value {
        json!({
            "metadata": {
                "creationTimestamp": "2026-11-01T00:00:00Z",
                "annotations": {EKS_SKIP_CONTAINERS: "\"proxy, logs\""},
            },
            "spec": {
                "volumes": [
                    {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "token"}}]}},
                    {"name": "data", "emptyDir": {}},
                ],
                "initContainers": [{"name": "proxy"}],
                "containers": [{
                    "name": "app",
                    "env": [
                        {"name": "AWS_ROLE_ARN", "value": ROLE},
                        {"name": "AWS_ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                        {"name": "EMPTY"},
                    ],
                    "envFrom": [{"configMapRef": {"name": "c"}}],
                    "volumeMounts": [
                        {"name": "token", "mountPath": "/a/"},
                        {"name": "token", "mountPath": "/file", "subPath": "token"},
                        {"name": "token", "mountPath": "/other", "subPath": "x"},
                        {"name": "data", "mountPath": "/data"},
                    ],
                }],
            },
        })
    }

    #[test]
    fn a_pod_is_read_with_what_its_containers_set_and_mount() {
        let facts = PodFacts::of(&pod(), Some(&account()), None);
        assert_eq!(facts.created, "2026-11-01T00:00:00Z".parse().ok());
        assert_eq!(facts.account_role.as_deref(), Some(ROLE));
        assert_eq!(facts.account_since, "2026-11-02T00:00:00Z".parse().ok());
        assert_eq!(facts.skipped_by, None);
        let [app, proxy] = facts.containers.as_slice() else {
            panic!("{facts:?}")
        };
        assert!(proxy.skipped && !app.skipped && app.env_from && !proxy.env_from);
        let value = |text: &str| Some(Variable::Value(text.to_owned()));
        assert_eq!(app.variables.get("AWS_ROLE_ARN").cloned(), value(ROLE));
        assert_eq!(app.variables.get("EMPTY").cloned(), value(""));
        assert_eq!(app.variables.get("AWS_ACCESS_KEY_ID"), Some(&Variable::Elsewhere));
        let files: Vec<&str> = app.token_files.keys().map(String::as_str).collect();
        assert_eq!(files, ["/a/token", "/file"]);
        assert!(app.token_files.values().all(|audience| audience == "sts.amazonaws.com"));
    }

    #[test]
    fn a_pod_is_left_out_by_its_own_label_or_its_namespaces() {
        let mut skipped = pod();
        skipped["metadata"]["labels"] = json!({EKS_SKIP_POD: ""});
        assert_eq!(
            PodFacts::of(&skipped, None, None).skipped_by.as_deref(),
            Some(EKS_SKIP_POD)
        );
        let labels = json!({INJECT_LABEL: "false"});
        let by_namespace = PodFacts::of(&pod(), None, Some(&labels)).skipped_by;
        assert!(by_namespace.is_some_and(|why| why.contains("of its namespace")));
        let others = json!({INJECT_LABEL: "true"});
        assert_eq!(PodFacts::of(&pod(), None, Some(&others)).skipped_by, None);
    }

    #[test]
    fn an_account_gives_its_pods_a_role_only_as_injection_would() {
        let mut restored = account();
        restored["metadata"]["uid"] = json!("u2");
        assert_eq!(PodFacts::of(&pod(), Some(&restored), None).account_role, None);
        let mut bare = account();
        bare["metadata"]["labels"] = json!({});
        assert_eq!(PodFacts::of(&pod(), Some(&bare), None).account_role, None);
    }
}
