//! What is there already is recognised by what it does, never by its name.

use serde_json::{Value, json};

use crate::bench::{
    Bench, DIRECTORY, ROLE_ARN, SECOND_DIRECTORY, SECOND_VOLUME, VOLUME, container, env, pod, settings, variable,
    volume,
};

const FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

fn token_volume(name: &str, audience: &str, path: &str) -> Value {
    let source = json!({"serviceAccountToken": {"audience": audience, "expirationSeconds": 3600, "path": path}});
    json!({"name": name, "projected": {"sources": [source]}})
}

fn one(mount: &Value, volumes: &[Value]) -> Value {
    let app = json!({"name": "app", "image": "app", "volumeMounts": [mount]});
    json!({"automountServiceAccountToken": false, "containers": [app], "volumes": volumes})
}

fn added_mounts(admitted: &Value, own: usize) -> Vec<(String, String)> {
    let text = |mount: &Value, key: &str| mount[key].as_str().unwrap().to_owned();
    container(admitted, "app")["volumeMounts"].as_array().unwrap()[own..]
        .iter()
        .map(|mount| (text(mount, "name"), text(mount, "mountPath")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_pods_own_is_used_where_it_is_and_nothing_is_mounted_beside_it() {
    let bench = Bench::new("effect-own").await;
    bench.bind("app", &settings()).await;
    let slash = format!("{DIRECTORY}/");
    let doubled = DIRECTORY.replace("/secrets", "//secrets");
    let table = [
        (DIRECTORY, "token", format!("{DIRECTORY}/token")),
        (slash.as_str(), "token", format!("{DIRECTORY}/token")),
        (doubled.as_str(), "token", format!("{doubled}/token")),
        ("/own", "token", "/own/token".to_owned()),
        ("/own/", "deeper/jwt", "/own/deeper/jwt".to_owned()),
    ];
    for name in ["own-token", VOLUME, SECOND_VOLUME] {
        for (path, file, expected) in &table {
            let spec = one(
                &json!({"name": name, "mountPath": path, "readOnly": true}),
                &[token_volume(name, "sts.amazonaws.com", file)],
            );
            let admitted = bench.admit(&pod("app", spec)).await;
            let app = container(&admitted, "app");
            assert_eq!(
                variable(app, "AWS_ROLE_ARN").as_deref(),
                Some(ROLE_ARN),
                "{name} {path}"
            );
            assert_eq!(variable(app, FILE).as_deref(), Some(expected.as_str()), "{name} {path}");
            assert_eq!(added_mounts(&admitted, 1), [], "{name} {path}");
            assert_eq!(
                admitted["spec"]["volumes"].as_array().unwrap().len(),
                1,
                "{name} {path}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_of_our_name_that_is_something_else_is_left_alone_and_ours_has_another_name() {
    let bench = Bench::new("effect-name").await;
    bench.bind("app", &[]).await;
    let two_sources = json!({"name": VOLUME, "projected": {"sources": [
        {"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "token"}},
        {"secret": {"name": "may-have-a-key-token"}},
    ]}});
    for other in [
        json!({"name": VOLUME, "emptyDir": {}}),
        json!({"name": VOLUME, "secret": {"secretName": "x"}}),
        token_volume(VOLUME, "vault", "token"),
        token_volume(VOLUME, "sts.amazonaws.com", "jwt"),
        json!({"name": VOLUME, "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}),
        two_sources,
    ] {
        let spec = json!({
            "automountServiceAccountToken": false, "volumes": [other],
            "containers": [{"name": "app", "image": "app", "volumeMounts": []}],
        });
        let admitted = bench.admit(&pod("app", spec)).await;
        assert_eq!(volume(&admitted).unwrap()["name"], VOLUME, "{other}");
        let mount = (SECOND_VOLUME.to_owned(), DIRECTORY.to_owned());
        assert_eq!(added_mounts(&admitted, 0), [mount], "{other}");
        assert_eq!(
            env(container(&admitted, "app"))[1],
            (FILE, format!("{DIRECTORY}/token").as_str()),
            "{other}"
        );
        let names: Vec<_> = admitted["spec"]["volumes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| &v["name"])
            .collect();
        assert_eq!(names, [SECOND_VOLUME, VOLUME], "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_both_names_taken_a_pod_gets_nothing_at_all() {
    let bench = Bench::new("effect-names").await;
    bench.bind("app", &settings()).await;
    let spec = json!({
        "automountServiceAccountToken": false,
        "volumes": [{"name": VOLUME, "emptyDir": {}}, {"name": SECOND_VOLUME, "emptyDir": {}}],
        "containers": [{"name": "app", "image": "app"}],
    });
    let admitted = bench.admit(&pod("app", spec.clone())).await;
    assert!(env(container(&admitted, "app")).is_empty());
    assert_eq!(admitted["spec"]["volumes"].as_array().unwrap().len(), 2);
}

/// Something else at, above or below the usual place, however it is spelled.
#[tokio::test(flavor = "multi_thread")]
async fn where_the_usual_place_is_taken_the_token_is_mounted_beside() {
    let bench = Bench::new("effect-place").await;
    bench.bind("app", &settings()).await;
    let taken = [
        DIRECTORY.to_owned(),
        format!("{DIRECTORY}/"),
        format!("{DIRECTORY}/."),
        format!("{DIRECTORY}/token"),
        DIRECTORY.replace("/secrets", "//secrets"),
        DIRECTORY.replace("/var/run", "/run"),
        DIRECTORY.trim_start_matches('/').to_owned(),
        "/var/run/secrets/eks.amazonaws.com".to_owned(),
        "/var/run/secrets".to_owned(),
        "/var/run".to_owned(),
        "/run".to_owned(),
        "/var/".to_owned(),
    ];
    for path in &taken {
        for own in [
            json!({"name": "own", "emptyDir": {}}),
            json!({"name": "own", "secret": {"secretName": "x"}}),
            token_volume("own", "vault", "token"),
        ] {
            let spec = one(&json!({"name": "own", "mountPath": path}), std::slice::from_ref(&own));
            let admitted = bench.admit(&pod("app", spec)).await;
            let file = variable(container(&admitted, "app"), FILE);
            assert_eq!(file, Some(format!("{SECOND_DIRECTORY}/token")), "{path} {own}");
            let mount = (VOLUME.to_owned(), SECOND_DIRECTORY.to_owned());
            assert_eq!(added_mounts(&admitted, 1), [mount], "{path} {own}");
        }
    }
    for path in [
        format!("{DIRECTORY}2"),
        "/var/run2".to_owned(),
        "/data/var/run".to_owned(),
    ] {
        let spec = one(
            &json!({"name": "own", "mountPath": path}),
            &[json!({"name": "own", "emptyDir": {}})],
        );
        let admitted = bench.admit(&pod("app", spec)).await;
        let file = variable(container(&admitted, "app"), FILE);
        assert_eq!(file, Some(format!("{DIRECTORY}/token")), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_in_the_way_of_everything_keeps_a_container_without_anything() {
    let bench = Bench::new("effect-nothing").await;
    bench.bind("app", &settings()).await;
    for path in ["/", "/data/../var", "/./"] {
        let spec = one(
            &json!({"name": "own", "mountPath": path}),
            &[json!({"name": "own", "emptyDir": {}})],
        );
        let admitted = bench.admit(&pod("app", spec)).await;
        assert!(env(container(&admitted, "app")).is_empty(), "{path}");
        assert_eq!(added_mounts(&admitted, 1), [], "{path}");
        assert!(volume(&admitted).is_none(), "{path}");
    }
}

/// A file that is covered, never renewed, or has a name that the kubelet would expand.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_whole_does_not_count() {
    let bench = Bench::new("effect-covered").await;
    bench.bind("app", &[]).await;
    let own = token_volume("own", "sts.amazonaws.com", "token");
    let empty = json!({"name": "empty", "emptyDir": {}});
    let table = [
        json!([{"name": "own", "mountPath": "/own/token", "subPath": "token"}]),
        json!([{"name": "own", "mountPath": "/own"}, {"name": "empty", "mountPath": "/own/token"}]),
        json!([{"name": "own", "mountPath": "/own"}, {"name": "empty", "mountPath": "/own/"}]),
        json!([{"name": "own", "mountPath": "/$(HOME)"}]),
        json!([{"name": "own", "mountPath": "relative"}]),
    ];
    for mounts in table {
        let app = json!({"name": "app", "image": "app", "volumeMounts": mounts});
        let spec = json!({"automountServiceAccountToken": false, "containers": [app], "volumes": [own, empty]});
        let admitted = bench.admit(&pod("app", spec)).await;
        let file = variable(container(&admitted, "app"), FILE);
        assert_eq!(file, Some(format!("{DIRECTORY}/token")), "{mounts}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_device_at_our_path_does_not_make_the_pod_invalid() {
    let bench = Bench::new("effect-device").await;
    bench.bind("app", &[]).await;
    let app = json!({
        "name": "app", "image": "app", "volumeDevices": [{"name": "disk", "devicePath": DIRECTORY}], "volumeMounts": [],
    });
    let disk = json!({"name": "disk", "persistentVolumeClaim": {"claimName": "disk"}});
    let spec = json!({"automountServiceAccountToken": false, "containers": [app], "volumes": [disk]});
    let admitted = bench.admit(&pod("app", spec)).await;
    assert_eq!(
        added_mounts(&admitted, 0),
        [(VOLUME.to_owned(), SECOND_DIRECTORY.to_owned())]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_windows_pod_keeps_its_own_token_in_any_spelling() {
    let bench = Bench::new("effect-windows").await;
    bench.bind("app", &[]).await;
    let usual = r"C:\var\run\secrets\eks.amazonaws.com\serviceaccount";
    let table = [
        (DIRECTORY.to_owned(), format!(r"{usual}\token"), 0),
        (usual.to_owned(), format!(r"{usual}\token"), 0),
        (r"C:\Tokens".to_owned(), r"C:\Tokens\token".to_owned(), 0),
        ("/tokens/".to_owned(), r"C:\tokens\token".to_owned(), 0),
    ];
    for (path, expected, added) in table {
        let mut spec = one(
            &json!({"name": "own", "mountPath": path}),
            &[token_volume("own", "sts.amazonaws.com", "token")],
        );
        spec["os"] = json!({"name": "windows"});
        let admitted = bench.admit(&pod("app", spec)).await;
        assert_eq!(variable(container(&admitted, "app"), FILE), Some(expected), "{path}");
        assert_eq!(added_mounts(&admitted, 1).len(), added, "{path}");
    }
    let taken = r"c:\Var\Run\secrets\eks.amazonaws.com\serviceaccount\";
    let mut spec = one(
        &json!({"name": "own", "mountPath": taken}),
        &[json!({"name": "own", "emptyDir": {}})],
    );
    spec["nodeSelector"] = json!({"kubernetes.io/os": "windows"});
    let admitted = bench.admit(&pod("app", spec)).await;
    let file = variable(container(&admitted, "app"), FILE);
    assert_eq!(file.as_deref(), Some(r"C:\irsa-anywhere.dev\serviceaccount\token"));
}

/// Who has his own idea needs nothing of ours; the mount is the AWS webhook's habit.
#[tokio::test(flavor = "multi_thread")]
async fn an_identity_of_the_containers_own_is_left_alone_also_by_value_from() {
    let bench = Bench::new("effect-identity").await;
    bench.bind("app", &settings()).await;
    let own = token_volume("own", "vault", "token");
    for name in ["AWS_ROLE_ARN", FILE] {
        let source = json!({"secretKeyRef": {"name": "own", "key": "k"}});
        let app = json!({
            "name": "app", "image": "app", "env": [{"name": name, "valueFrom": source}],
            "volumeMounts": [{"name": "own", "mountPath": DIRECTORY}],
        });
        let spec = json!({"automountServiceAccountToken": false, "containers": [app], "volumes": [own]});
        let admitted = bench.admit(&pod("app", spec)).await;
        let names: Vec<&str> = env(container(&admitted, "app")).iter().map(|(name, _)| *name).collect();
        assert!(
            !names[1..]
                .iter()
                .any(|name| name.starts_with("AWS_ROLE") || *name == FILE),
            "{names:?}"
        );
        assert!(names.contains(&"AWS_REGION"), "{names:?}");
        assert_eq!(added_mounts(&admitted, 1), [], "{name}");
    }
}
