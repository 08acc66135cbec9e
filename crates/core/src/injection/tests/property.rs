//! Random pods, and what must be true of each that was injected, said in another way than the decision says it.

use std::collections::BTreeSet;

use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

use super::{patch, settings};

const AUDIENCE: &str = "sts.amazonaws.com";
const ROLE: &str = "AWS_ROLE_ARN";
const FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

/// Volumes that are ours by name, by effect, by neither.
fn volume() -> impl Strategy<Value = Value> {
    let token = |audience: &str, path: &str| json!({"serviceAccountToken": {"audience": audience, "path": path}});
    let sources = select(vec![
        json!([token(AUDIENCE, "token")]),
        json!([token(AUDIENCE, "other")]),
        json!([token(AUDIENCE, "cost$")]),
        json!([token("vault", "token")]),
        json!([token(AUDIENCE, "token"), {"configMap": {"name": "x"}}]),
        json!(null),
    ]);
    let name = select(vec!["aws-iam-token", "irsa-anywhere-token", "own", "data"]);
    (name, proptest::option::of(sources)).prop_map(|(name, sources)| match sources {
        Some(sources) => json!({"name": name, "projected": {"sources": sources}}),
        None => json!({"name": name, "emptyDir": {}}),
    })
}

fn mount() -> impl Strategy<Value = Value> {
    let name = select(vec!["aws-iam-token", "irsa-anywhere-token", "own", "data"]);
    let path = select(vec![
        "/var/run/secrets/eks.amazonaws.com/serviceaccount",
        "/run/secrets//eks.amazonaws.com/serviceaccount/",
        "/var/run/secrets",
        "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
        "/irsa-anywhere.dev/serviceaccount",
        "/irsa-anywhere.dev",
        "/data",
        "/data/token",
        "/database",
        "relative",
        "/",
    ]);
    (name, path, any::<bool>()).prop_map(|(name, path, is_part)| {
        let mut mount = json!({"name": name, "mountPath": path});
        if is_part {
            mount["subPath"] = json!("part");
        }
        mount
    })
}

fn container(name: &'static str) -> impl Strategy<Value = Value> {
    let variable = select(vec![ROLE, FILE, "AWS_REGION", "AWS_ROLE_SESSION_NAME", "HOME"]);
    let env = proptest::collection::btree_set(variable, 0..3);
    let mounts = proptest::collection::vec(mount(), 0..4);
    let prefix = proptest::option::of(select(vec!["", "AWS_", "APP_"]));
    (
        proptest::option::weighted(0.7, env),
        proptest::option::weighted(0.7, mounts),
        prefix,
    )
        .prop_map(move |(env, mounts, prefix)| {
            let mut container = json!({"name": name});
            if let Some(env) = env {
                container["env"] = env
                    .into_iter()
                    .map(|name| json!({"name": name, "value": "own"}))
                    .collect();
            }
            if let Some(mounts) = mounts {
                container["volumeMounts"] = mounts.into();
            }
            if let Some(prefix) = prefix {
                container["envFrom"] = json!([{"prefix": prefix, "configMapRef": {"name": "x"}}]);
            }
            container
        })
}

/// Valid ones: a volume's name is there once, and only volumes that are there are mounted.
fn pod() -> impl Strategy<Value = Value> {
    let volumes = proptest::option::weighted(0.8, proptest::collection::vec(volume(), 0..4));
    let skipped = select(vec!["", "b", "a, b"]);
    let containers = (container("a"), container("b"), container("init"));
    (volumes, containers, skipped).prop_map(|(volumes, (a, b, init), skipped)| {
        let mut volumes = volumes;
        let mut names = BTreeSet::new();
        if let Some(volumes) = &mut volumes {
            volumes.retain(|volume| names.insert(volume["name"].to_string()));
        }
        let mounting_what_is_there = |mut container: Value| {
            if let Some(mounts) = container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
                mounts.retain(|mount| names.contains(&mount["name"].to_string()));
            }
            container
        };
        let [a, b, init] = [a, b, init].map(mounting_what_is_there);
        let mut pod = json!({
            "metadata": {"annotations": {"eks.amazonaws.com/skip-containers": skipped}},
            "spec": {"serviceAccountName": "app", "containers": [a, b], "initContainers": [init]},
        });
        if let Some(volumes) = volumes {
            pod["spec"]["volumes"] = volumes.into();
        }
        pod
    })
}

/// RFC 6902 `add`, all that is used of it.
fn apply(pod: &Value, patch: &[Value]) -> Value {
    let mut pod = pod.clone();
    for operation in patch {
        assert_eq!(operation["op"], "add");
        let (parent, key) = operation["path"].as_str().unwrap().rsplit_once('/').unwrap();
        let parent = pod.pointer_mut(parent).unwrap();
        let value = operation["value"].clone();
        match parent {
            Value::Array(list) if key == "-" => list.push(value),
            Value::Array(list) => list.insert(key.parse().unwrap(), value),
            Value::Object(object) => assert_eq!(object.insert(key.to_owned(), value), None, "{operation}"),
            other => panic!("nothing can be added to {other}"),
        }
    }
    pod
}

fn list<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object[key].as_array().map_or(&[], Vec::as_slice)
}

fn value_of<'a>(container: &'a Value, name: &str) -> Option<&'a Value> {
    let found = list(container, "env")
        .iter()
        .find(|variable| variable["name"] == name)?;
    Some(&found["value"])
}

/// Parts of a path as a file system of an image has them.
fn parts(path: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.first() == Some(&"run") {
        parts.insert(0, "var");
    }
    parts
}

/// Whether who opens the file finds a token for the audience, that is renewed.
fn is_token(pod: &Value, container: &Value, file: &str) -> bool {
    let wanted = parts(file);
    let above: Vec<&Value> = list(container, "volumeMounts")
        .iter()
        .filter(|mount| wanted.starts_with(&parts(mount["mountPath"].as_str().unwrap())))
        .collect();
    // The deepest is what is seen. Two at one place are refused by the API server.
    let Some(mount) = above
        .iter()
        .max_by_key(|mount| parts(mount["mountPath"].as_str().unwrap()).len())
    else {
        return false;
    };
    let volumes = &pod["spec"]["volumes"];
    let volume = list(&pod["spec"], "volumes")
        .iter()
        .find(|volume| volume["name"] == mount["name"]);
    let sources = volume.map_or(&[][..], |volume| list(&volume["projected"], "sources"));
    let inside = wanted
        .get(parts(mount["mountPath"].as_str().unwrap()).len()..)
        .unwrap()
        .join("/");
    mount.get("subPath").is_none()
        && sources.len() == 1
        && sources[0]["serviceAccountToken"]["audience"] == AUDIENCE
        && sources[0]["serviceAccountToken"]["path"] == inside.as_str()
        && volumes.is_array()
}

/// Whether a mount that was added lies beside everything else: a runtime makes no directory in another volume that may be read-only.
fn lies_beside(before: &Value, after: &Value) -> bool {
    let (own, all) = (list(before, "volumeMounts"), list(after, "volumeMounts"));
    let place = |mount: &Value| mount["mountPath"].as_str().unwrap().to_owned();
    all.iter().skip(own.len()).all(|added| {
        own.iter().all(|other| {
            let (added, other) = (place(added), place(other));
            let (added, other) = (parts(&added), parts(&other));
            !added.starts_with(&other) && !other.starts_with(&added)
        })
    })
}

/// What was there is there, in its order, and everything else is new.
fn holds(before: &Value, after: &Value) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (key, value) in before {
                holds(value, &after[key]);
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            // Ours is the first volume; everything else is added at the end.
            let offset =
                usize::from(after.get(1..).is_some_and(|rest| rest == before.as_slice()) && !before.is_empty());
            for (index, value) in before.iter().enumerate() {
                holds(value, &after[index + offset]);
            }
        }
        (before, after) => assert_eq!(before, after),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_pod_keeps_what_it_has_and_gets_an_identity_that_works_or_none_and_nothing_twice(
        pod in pod(),
        regional in any::<bool>(),
    ) {
        let mut annotations = vec![("irsa-anywhere.dev/region", "eu-central-1"), ("irsa-anywhere.dev/session-name", "PodName")];
        if regional {
            annotations.push(("irsa-anywhere.dev/sts-regional-endpoints", "true"));
        }
        let settings = settings(&annotations);
        let injected = apply(&pod, &patch(&pod, &settings));
        holds(&pod, &injected);
        prop_assert_eq!(patch(&injected, &settings), Vec::<Value>::new(), "a second time it adds: {}", injected);
        let skipped = pod["metadata"]["annotations"]["eks.amazonaws.com/skip-containers"].as_str().unwrap();
        for (kind, index) in [("containers", 0), ("containers", 1), ("initContainers", 0)] {
            let (before, after) = (&pod["spec"][kind][index], &injected["spec"][kind][index]);
            if skipped.contains(before["name"].as_str().unwrap()) && before["name"] != "init" {
                prop_assert_eq!(before, after);
                continue;
            }
            prop_assert!(lies_beside(before, after), "{before} {after}");
            let own = value_of(before, ROLE).is_some() || value_of(before, FILE).is_some();
            let given = (value_of(after, ROLE), value_of(after, FILE));
            match given {
                (Some(_), _) | (_, Some(_)) if own => {
                    prop_assert_eq!(given, (value_of(before, ROLE), value_of(before, FILE)));
                }
                (Some(role), Some(file)) => {
                    prop_assert_eq!(role, "arn:aws:iam::123456789012:role/app");
                    prop_assert!(is_token(&injected, after, file.as_str().unwrap()), "{file}: {injected}");
                }
                given => prop_assert_eq!(given, (None, None)),
            }
            let mut names: Vec<&str> = list(after, "env").iter().map(|variable| variable["name"].as_str().unwrap()).collect();
            names.sort_unstable();
            let all = names.len();
            names.dedup();
            prop_assert_eq!(names.len(), all, "a variable twice: {}", after);
        }
    }

    /// Nothing is in the way of the first place: all get it there.
    #[test]
    fn a_container_with_nothing_in_the_way_always_gets_one(
        mut pod in pod(),
    ) {
        pod["spec"]["containers"][0] = json!({"name": "free", "volumeMounts": [{"name": "own", "mountPath": "/srv"}]});
        pod["spec"]["volumes"] = json!([{"name": "own", "emptyDir": {}}]);
        let injected = apply(&pod, &patch(&pod, &settings(&[])));
        let container = &injected["spec"]["containers"][0];
        let file = value_of(container, FILE).and_then(Value::as_str);
        prop_assert_eq!(file, Some("/var/run/secrets/eks.amazonaws.com/serviceaccount/token"));
        prop_assert!(is_token(&injected, container, file.unwrap()));
    }
}
