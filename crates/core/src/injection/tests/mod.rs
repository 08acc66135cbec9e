mod property;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{InjectionSettings, PodView, inject};

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = entries
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    owned.collect()
}

fn settings(annotations: &[(&str, &str)]) -> InjectionSettings {
    let mut all = map(&[("eks.amazonaws.com/role-arn", "arn:aws:iam::123456789012:role/app")]);
    all.extend(map(annotations));
    InjectionSettings::of_service_account("u", &map(&[("irsa-anywhere.dev/inject", "manual")]), &all).unwrap()
}

fn patch(pod: &Value, settings: &InjectionSettings) -> Vec<Value> {
    patch_of_text(&pod.to_string(), settings)
}

fn patch_of_text(pod: &str, settings: &InjectionSettings) -> Vec<Value> {
    let view: PodView<'_> = serde_json::from_str(pod).unwrap();
    let patch = inject(&view, settings);
    patch
        .iter()
        .map(|operation| serde_json::to_value(operation).unwrap())
        .collect()
}

#[test]
fn a_pod_that_is_written_with_escapes_gets_the_same() {
    let plain = r#"{"metadata": {"annotations": {"eks.amazonaws.com/skip-containers": "proxy"}}, "spec": {
        "nodeSelector": {"kubernetes.io/os": "windows"},
        "volumes": [{"name": "token", "projected": {"sources": [{"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "of-its-own"}}]}}],
        "containers": [
            {"name": "app", "env": [{"name": "AWS_REGION"}], "volumeMounts": [{"name": "token", "mountPath": "/somewhere"}]},
            {"name": "proxy"}]}}"#;
    let written = [
        ("skip-containers", r"skip\u002dcontainers"),
        ("proxy", r"pro\u0078y"),
        ("windows", r"\u0077indows"),
        ("\"token\"", r#""tok\u0065n""#),
        ("sts.amazonaws", r"sts\u002eamazonaws"),
        ("of-its-own", r"of\u002dits-own"),
        ("AWS_REGION", r"\u0041WS_REGION"),
        ("/somewhere", r"\/somewhere"),
    ]
    .into_iter()
    .fold(plain.to_owned(), |text, (part, with_escape)| {
        assert!(text.contains(part), "{part}");
        text.replace(part, with_escape)
    });
    let settings = settings(&[("irsa-anywhere.dev/region", "eu-central-1")]);
    let patch = patch_of_text(plain, &settings);
    assert!(
        patch.iter().any(|added| added.to_string().contains("somewhere")),
        "{patch:?}"
    );
    assert_eq!(patch_of_text(&written, &settings), patch);
}

#[test]
fn a_container_without_a_name_is_one_that_nobody_named() {
    // As the policy has it. No API server stores such a pod, unless another webhook names the container after us.
    for annotation in [None, Some(""), Some("other,,")] {
        let annotations = annotation.map(|list| json!({"eks.amazonaws.com/skip-containers": list}));
        let pod = json!({"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": ""}]}});
        assert_eq!(patch(&pod, &settings(&[])), Vec::<Value>::new(), "{annotation:?}");
    }
}

#[test]
fn only_a_labelled_and_confirmed_service_account_with_a_role_is_bound() {
    let role = ("eks.amazonaws.com/role-arn", "arn");
    let is_bound = |label: &str, annotations: &[(&str, &str)]| {
        let labels = map(&[("irsa-anywhere.dev/inject", label)]);
        InjectionSettings::of_service_account("u", &labels, &map(annotations)).is_some()
    };
    assert!(is_bound("true", &[role, ("irsa-anywhere.dev/confirmed-for", "u")]));
    assert!(is_bound("manual", &[role]));
    assert!(!is_bound("true", &[role]), "not confirmed");
    assert!(!is_bound(
        "true",
        &[role, ("irsa-anywhere.dev/confirmed-for", "another")]
    ));
    assert!(!is_bound("false", &[role]) && !is_bound("manual", &[]));
    let restored = map(&[role, ("irsa-anywhere.dev/confirmed-for", "")]);
    let labels = map(&[("irsa-anywhere.dev/inject", "true")]);
    assert_eq!(InjectionSettings::of_service_account("", &labels, &restored), None);
}

#[test]
fn a_lifetime_is_the_pods_then_the_accounts_within_bounds_and_never_the_magic_one() {
    let of_account = settings(&[("eks.amazonaws.com/token-expiration", "7200")]);
    for (of_pod, seconds) in [
        ("", 7200),
        ("900", 900),
        ("+900", 900),
        ("-900", 600),
        ("599", 600),
        ("86401", 86_400),
        ("3607", 3608),
        ("1e3", 7200),
        ("9999999999999999999", 7200),
    ] {
        assert_eq!(of_account.expiration(of_pod), seconds, "{of_pod}");
    }
    assert_eq!(settings(&[]).expiration("no number"), 86_400);
}

#[test]
fn what_is_no_region_is_not_believed() {
    let region = |text: &str| settings(&[("irsa-anywhere.dev/region", text)]).region;
    for good in ["eu-central-1", "us-gov-west-1", "us-iso-east-1", "ap-southeast-12"] {
        assert_eq!(region(good).as_deref(), Some(good));
    }
    for bad in [
        "",
        "EU-central-1",
        "eu--central-1",
        "eu-1",
        "eu-a-b-c-d-1",
        "eu-central-123",
        "e-central-1",
    ] {
        assert_eq!(region(bad), None, "{bad}");
    }
}

#[test]
fn a_plain_pod_gets_volume_mount_and_variables_and_nothing_a_second_time() {
    let pod = json!({"spec": {"serviceAccountName": "app", "containers": [{"name": "a"}]}});
    let settings = settings(&[("irsa-anywhere.dev/session-name", "PodName")]);
    let paths: Vec<String> = patch(&pod, &settings)
        .iter()
        .map(|operation| operation["path"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        paths,
        [
            "/spec/volumes",
            "/spec/containers/0/volumeMounts",
            "/spec/containers/0/env"
        ]
    );
    let mut injected = pod;
    for operation in patch(&injected.clone(), &settings) {
        let path = operation["path"].as_str().unwrap();
        let (parent, key) = path.rsplit_once('/').unwrap();
        injected.pointer_mut(parent).unwrap()[key] = operation["value"].clone();
    }
    assert_eq!(patch(&injected, &settings), Vec::<Value>::new());
}

#[test]
fn what_is_in_the_way_or_asks_for_nothing_is_left_alone() {
    let with = |container: Value, volumes: Value| {
        patch(
            &json!({"spec": {"containers": [container], "volumes": volumes}}),
            &settings(&[]),
        )
    };
    let mounted = |path: &str| json!({"name": "a", "volumeMounts": [{"name": "own", "mountPath": path}]});
    for path in ["/", "/..", "/data/../x", "C:\\"] {
        assert_eq!(with(mounted(path), json!([])), Vec::<Value>::new(), "{path}");
    }
    let beside = with(mounted("/run/secrets"), json!([]));
    assert_eq!(beside[1]["value"]["mountPath"], "/irsa-anywhere.dev/serviceaccount");
    // No sources at all are null.
    assert!(
        !with(
            json!({"name": "a"}),
            json!([{"name": "x", "projected": {"sources": null}}])
        )
        .is_empty()
    );
    let skipped = json!({"metadata": {"labels": {"eks.amazonaws.com/skip-pod-identity-webhook": ""}},
                         "spec": {"containers": [{"name": "a"}]}});
    assert_eq!(patch(&skipped, &settings(&[])), Vec::<Value>::new());
}

#[test]
fn a_pod_as_large_as_any_that_can_be_stored_is_decided_like_a_small_one() {
    // Nobody has validated what a review holds. Each with each would be more than a thousand million comparisons.
    let many = 40_000;
    let names: Vec<String> = (0..many).map(|index| format!("v{index}")).collect();
    let token = json!([{"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "token"}}]);
    let volumes: Vec<Value> = names
        .iter()
        .map(|name| json!({"name": name, "projected": {"sources": token}}))
        .collect();
    let mounts: Vec<Value> = names
        .iter()
        .map(|name| json!({"name": name, "mountPath": "/x"}))
        .collect();
    let containers: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    let mut pod = json!({
        "metadata": {"annotations": {"eks.amazonaws.com/skip-containers": names.join(",")}},
        "spec": {"volumes": volumes, "containers": containers, "initContainers": [{"name": "a", "volumeMounts": mounts}]},
    });
    let patch = patch(&pod, &settings(&[]));
    let paths: Vec<&Value> = patch.iter().map(|operation| &operation["path"]).collect();
    assert_eq!(
        paths,
        [
            "/spec/volumes/0",
            "/spec/initContainers/0/volumeMounts/-",
            "/spec/initContainers/0/env"
        ]
    );
    // One of them alone at its place is a token that counts.
    pod["spec"]["initContainers"][0]["volumeMounts"][0]["mountPath"] = json!("/y");
    let patch = self::patch(&pod, &settings(&[]));
    assert_eq!(patch.len(), 1);
    assert_eq!(
        patch[0]["value"][1],
        json!({"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/y/token"})
    );
}

#[test]
fn what_is_longer_than_anything_that_aws_or_linux_has_is_not_kept_and_not_repeated() {
    let of = |annotations: &[(&str, &str)]| {
        let labels = map(&[("irsa-anywhere.dev/inject", "manual")]);
        InjectionSettings::of_service_account("u", &labels, &map(annotations))
    };
    let role = |length: usize| ("eks.amazonaws.com/role-arn", "a".repeat(length));
    let audience = |length: usize| ("eks.amazonaws.com/audience", "a".repeat(length));
    for (arn, client, is_bound) in [(2048, 255, true), (2049, 255, false), (2048, 256, false)] {
        let (arn, client) = (role(arn), audience(client));
        let settings = of(&[(arn.0, arn.1.as_str()), (client.0, client.1.as_str())]);
        assert_eq!(settings.is_some(), is_bound);
    }
    let with = |length: usize| {
        let token = json!([{"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "t".repeat(length)}}]);
        json!({"spec": {
            "volumes": [{"name": "own", "projected": {"sources": token}}],
            "containers": [{"name": "a", "volumeMounts": [{"name": "own", "mountPath": "/own"}]}],
        }})
    };
    assert_eq!(patch(&with(4096), &settings(&[])).len(), 1, "its own token counts");
    let patch = patch(&with(4097), &settings(&[]));
    assert_eq!(patch[0]["path"], "/spec/volumes/0", "and this is none");
}
