//! What a pod has of an identity, read from its JSON.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    evidence::{ContainerFacts, Fact, LeftOut, PodFacts, TokenFile, Unseen, Variable},
    pod::{PROFILES, REGIONS, ROLE, SESSION, STATIC_KEY, TOKEN_FILE, spelled},
};
use crate::{
    injection::{InjectionSettings, USUAL_TOKEN_FILE},
    vocabulary::{
        EKS_ROLE_ARN, EKS_SKIP_CONTAINERS, EKS_SKIP_POD, INJECT_LABEL, INJECT_LABEL_OPT_OUT,
        SERVICE_ACCOUNT_FIELD_MANAGER,
    },
};

/// What surrounds a pod.
#[derive(Debug, Clone)]
pub struct PodSurroundings<'a> {
    /// Its ServiceAccount; `None`: there is none.
    pub account: Fact<Option<&'a Value>>,
    /// Its namespace.
    pub namespace: Fact<Option<&'a Value>>,
    /// What injects pods, in words, or why nothing does.
    pub carrier: Fact<Result<String, String>>,
}

impl PodFacts {
    /// A pod as the API server has it.
    pub fn of(pod: &Value, around: &PodSurroundings<'_>) -> Self {
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
        let has_label = pod
            .pointer("/metadata/labels")
            .is_some_and(|labels| labels.get(EKS_SKIP_POD).is_some());
        Self {
            created: pod.pointer("/metadata/creationTimestamp").and_then(time),
            left_out: if has_label {
                Ok(Some(LeftOut::PodLabel))
            } else {
                left_out(around)
            },
            containers: containers.collect(),
            ..Self::around(around)
        }
    }

    /// A pod of the ServiceAccount with one plain container, as it would come back from admission now.
    pub fn new_one(around: &PodSurroundings<'_>) -> Self {
        let facts = Self::around(around);
        let is_injected = matches!(facts.left_out, Ok(None)) && matches!(facts.carrier, Ok(Ok(_)));
        let settings = around.account.as_ref().ok().copied().flatten().and_then(settings);
        let mut container = ContainerFacts {
            name: "a new pod".to_owned(),
            ..ContainerFacts::default()
        };
        if let (true, Some(settings)) = (is_injected, settings) {
            let mut set = |name: &str, value: &str| {
                let value = Variable::Value(value.to_owned());
                container.variables.insert(name.to_owned(), value);
            };
            set(ROLE, settings.role_arn());
            set(TOKEN_FILE, USUAL_TOKEN_FILE);
            for name in REGIONS {
                set(name, settings.region().unwrap_or_default());
            }
            let token = TokenFile {
                audience: settings.audience().to_owned(),
                renewed: true,
            };
            container.token_files.insert(USUAL_TOKEN_FILE.to_owned(), token);
        }
        Self {
            containers: vec![container],
            ..facts
        }
    }

    fn around(around: &PodSurroundings<'_>) -> Self {
        let account = around.account.clone();
        Self {
            created: None,
            left_out: left_out(around),
            account_role: account.clone().map(|account| account.and_then(role_of)),
            account_changed: account.ok().flatten().and_then(changed),
            carrier: around.carrier.clone(),
            containers: Vec::new(),
        }
    }
}

fn left_out(around: &PodSurroundings<'_>) -> Fact<Option<LeftOut>> {
    let namespace = around.namespace.clone()?;
    let namespace = namespace.ok_or_else(|| Unseen::because("the namespace is not there"))?;
    let label = namespace
        .pointer("/metadata/labels")
        .and_then(|labels| labels.get(INJECT_LABEL));
    let opted_out = label.is_some_and(|value| value == INJECT_LABEL_OPT_OUT);
    Ok(opted_out.then_some(LeftOut::NamespaceLabel))
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

fn settings(account: &Value) -> Option<InjectionSettings> {
    let annotations = strings(account, "/metadata/annotations");
    let labels = strings(account, "/metadata/labels");
    InjectionSettings::of_service_account(text(account, "/metadata/uid"), &labels, &annotations)
}

/// The role that pods of the ServiceAccount are given.
fn role_of(account: &Value) -> Option<String> {
    settings(account)?;
    strings(account, "/metadata/annotations").get(EKS_ROLE_ARN).cloned()
}

/// When the operator last wrote to it.
fn changed(account: &Value) -> Option<Timestamp> {
    let ours = |entry: &&Value| text(entry, "/manager").starts_with(SERVICE_ACCOUNT_FIELD_MANAGER);
    let times = items(account.pointer("/metadata/managedFields"))
        .filter(ours)
        .filter_map(|entry| entry.get("time").and_then(time));
    times.max()
}

/// What of a container's variable may be told.
fn told(pod: &Value, name: &str, variable: &Value) -> Option<Variable> {
    let open = [ROLE, TOKEN_FILE, SESSION].contains(&name) || REGIONS.contains(&name);
    let known = open || name == STATIC_KEY || PROFILES.contains(&name);
    let value = variable.get("value").and_then(Value::as_str);
    Some(match (value, variable.get("valueFrom")) {
        _ if !known => return None,
        // A reference to another variable, which the kubelet fills in.
        (Some(value), _) if value.contains("$(") => Variable::Elsewhere,
        (Some(value), _) if open || value.is_empty() => Variable::Value(value.to_owned()),
        (Some(_), _) => Variable::Hidden,
        (None, Some(source)) => field(pod, source).map_or(Variable::Elsewhere, Variable::Value),
        (None, None) => Variable::Value(String::new()),
    })
}

/// The value of a field of the pod itself, where the pod's JSON has it.
fn field(pod: &Value, source: &Value) -> Option<String> {
    let pointer = match text(source, "/fieldRef/fieldPath") {
        "metadata.name" => "/metadata/name",
        "metadata.namespace" => "/metadata/namespace",
        "metadata.uid" => "/metadata/uid",
        "spec.serviceAccountName" => "/spec/serviceAccountName",
        _ => return None,
    };
    pod.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

fn container_facts(pod: &Value, container: &Value) -> ContainerFacts {
    let variables = items(container.get("env")).filter_map(|variable| {
        let name = text(variable, "/name");
        Some((name.to_owned(), told(pod, name, variable)?))
    });
    ContainerFacts {
        name: text(container, "/name").to_owned(),
        skipped: false,
        variables: variables.collect(),
        env_from: items(container.get("envFrom"))
            .map(|source| text(source, "/prefix").to_owned())
            .collect(),
        token_files: items(container.get("volumeMounts"))
            .flat_map(|mount| token_files(pod, mount))
            .collect(),
    }
}

/// Files with tokens in a mount.
fn token_files(pod: &Value, mount: &Value) -> Vec<(String, TokenFile)> {
    let name = text(mount, "/name");
    let volume = items(pod.pointer("/spec/volumes")).find(|volume| text(volume, "/name") == name);
    let sources = items(volume.and_then(|volume| volume.pointer("/projected/sources")));
    let tokens = sources.filter_map(|source| source.get("serviceAccountToken"));
    let at = spelled(text(mount, "/mountPath"));
    let part = text(mount, "/subPath");
    tokens
        .filter_map(|token| {
            let path = text(token, "/path");
            let file = match part {
                "" => format!("{at}/{path}"),
                part if part == path => at.clone(),
                _ => return None,
            };
            let token = TokenFile {
                audience: text(token, "/audience").to_owned(),
                renewed: part.is_empty(),
            };
            Some((file, token))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::vocabulary::{CONFIRMED_FOR, INJECT_LABEL_VALUE};

    const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/app";

    fn account() -> Value {
        json!({"metadata": {
            "uid": "u1", "labels": {INJECT_LABEL: INJECT_LABEL_VALUE}, "annotations": {EKS_ROLE_ARN: ROLE_ARN, CONFIRMED_FOR: "u1"},
            "managedFields": [
                {"manager": "kubectl", "time": "2026-11-03T00:00:00Z"},
                {"manager": "irsa-anywhere-serviceaccount", "time": "2026-11-02T00:00:00Z"},
            ],
        }})
    }

    fn pod() -> Value {
        json!({
            "metadata": {
                "name": "app-1", "creationTimestamp": "2026-11-01T00:00:00Z",
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
                        {"name": "AWS_ROLE_ARN", "value": ROLE_ARN},
                        {"name": "AWS_ROLE_SESSION_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                        {"name": "AWS_REGION", "value": "$(REGION)"},
                        {"name": "AWS_ACCESS_KEY_ID", "value": "AKIAIOSFODNN7EXAMPLE"},
                        {"name": "AWS_PROFILE", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                        {"name": "AWS_DEFAULT_REGION"},
                        {"name": "PASSWORD", "value": "secret"},
                    ],
                    "envFrom": [{"configMapRef": {"name": "c"}, "prefix": "DB_"}],
                    "volumeMounts": [
                        {"name": "token", "mountPath": "/a/"},
                        {"name": "token", "mountPath": "C:\\b"},
                        {"name": "token", "mountPath": "/file", "subPath": "token"},
                        {"name": "token", "mountPath": "/other", "subPath": "x"},
                        {"name": "data", "mountPath": "/data"},
                    ],
                }],
            },
        })
    }

    fn around<'a>(account: &'a Value, namespace: &'a Value) -> PodSurroundings<'a> {
        PodSurroundings {
            account: Ok(Some(account)),
            namespace: Ok(Some(namespace)),
            carrier: Ok(Ok("a policy".to_owned())),
        }
    }

    #[test]
    fn a_pod_is_read_with_what_its_containers_set_and_mount() {
        let (account, namespace) = (account(), json!({}));
        let facts = PodFacts::of(&pod(), &around(&account, &namespace));
        assert_eq!(facts.created, "2026-11-01T00:00:00Z".parse().ok());
        assert_eq!(facts.account_role, Ok(Some(ROLE_ARN.to_owned())));
        assert_eq!(facts.account_changed, "2026-11-02T00:00:00Z".parse().ok());
        assert_eq!(facts.left_out, Ok(None));
        let [app, proxy] = facts.containers.as_slice() else {
            panic!("{facts:?}")
        };
        assert!(proxy.skipped && !app.skipped);
        assert_eq!(app.env_from, ["DB_"]);
        let value = |text: &str| Variable::Value(text.to_owned());
        let expected = [
            ("AWS_ACCESS_KEY_ID", Variable::Hidden),
            ("AWS_DEFAULT_REGION", value("")),
            ("AWS_PROFILE", Variable::Elsewhere),
            ("AWS_REGION", Variable::Elsewhere),
            ("AWS_ROLE_ARN", value(ROLE_ARN)),
            ("AWS_ROLE_SESSION_NAME", value("app-1")),
        ];
        let expected: BTreeMap<String, Variable> = expected
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        assert_eq!(app.variables, expected);
        let files: Vec<(&str, bool)> = app
            .token_files
            .iter()
            .map(|(path, file)| (path.as_str(), file.renewed))
            .collect();
        assert_eq!(files, [("/a/token", true), ("/b/token", true), ("/file", false)]);
        let said = format!("{facts:?}");
        assert!(!said.contains("AKIA") && !said.contains("secret"), "{said}");
    }

    #[test]
    fn a_pod_is_left_out_by_its_own_label_or_its_namespaces() {
        let account = account();
        let left_out = |pod: &Value, labels: Value| {
            let namespace = json!({"metadata": {"labels": labels}});
            PodFacts::of(pod, &around(&account, &namespace)).left_out
        };
        let mut skipped = pod();
        skipped["metadata"]["labels"] = json!({EKS_SKIP_POD: ""});
        assert_eq!(left_out(&skipped, json!({})), Ok(Some(LeftOut::PodLabel)));
        assert_eq!(
            left_out(&pod(), json!({INJECT_LABEL: "false"})),
            Ok(Some(LeftOut::NamespaceLabel))
        );
        assert_eq!(left_out(&pod(), json!({INJECT_LABEL: "true"})), Ok(None));
    }

    #[test]
    fn an_account_gives_its_pods_a_role_only_as_injection_would() {
        let namespace = json!({});
        let role = |account: &Value| PodFacts::of(&pod(), &around(account, &namespace)).account_role;
        let mut restored = account();
        restored["metadata"]["uid"] = json!("u2");
        assert_eq!(role(&restored), Ok(None));
        let mut bare = account();
        bare["metadata"]["labels"] = json!({});
        assert_eq!(role(&bare), Ok(None));
    }

    #[test]
    fn what_may_not_be_read_is_not_taken_for_missing() {
        let account = account();
        let why = || Unseen::because("forbidden");
        let unseen = PodSurroundings {
            account: Err(why()),
            namespace: Err(why()),
            carrier: Err(why()),
        };
        let facts = PodFacts::of(&pod(), &unseen);
        assert!(facts.account_role.is_err() && facts.left_out.is_err() && facts.carrier.is_err());
        let namespace = json!({});
        let new = PodFacts::new_one(&around(&account, &namespace));
        let variables = &new.containers.first().unwrap().variables;
        assert_eq!(variables.get(ROLE), Some(&Variable::Value(ROLE_ARN.to_owned())));
        let unknown = PodFacts::new_one(&unseen);
        assert!(unknown.containers.first().unwrap().variables.is_empty());
    }
}
