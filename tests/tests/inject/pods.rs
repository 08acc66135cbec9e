use serde_json::{Value, json};

use crate::bench::{Bench, ROLE_ARN, VOLUME, container, env, mounts, pod, settings, simple_pod, volume};

#[tokio::test(flavor = "multi_thread")]
async fn containers_init_containers_and_native_sidecars_are_all_injected_in_their_order() {
    let bench = Bench::new("containers").await;
    bench.bind("app", &[]).await;
    let spec = json!({
        "initContainers": [
            {"name": "migrate", "image": "app"},
            {"name": "sidecar", "image": "app", "restartPolicy": "Always"},
        ],
        "containers": [{"name": "zebra", "image": "app"}, {"name": "app", "image": "app"}],
    });
    let admitted = bench.admit(&pod("app", spec)).await;
    for name in ["migrate", "sidecar", "zebra", "app"] {
        assert_eq!(env(container(&admitted, name))[0], ("AWS_ROLE_ARN", ROLE_ARN), "{name}");
        assert_eq!(mounts(container(&admitted, name)).len(), 1, "{name}");
    }
    let names = |list: &str| -> Vec<Value> {
        admitted["spec"][list]
            .as_array()
            .unwrap()
            .iter()
            .map(|container| container["name"].clone())
            .collect()
    };
    assert_eq!(names("initContainers"), ["migrate", "sidecar"]);
    assert_eq!(names("containers"), ["zebra", "app"]);
    assert_eq!(container(&admitted, "sidecar")["restartPolicy"], "Always");
}

/// The same pod once with a bound and once with an unbound ServiceAccount: the difference is what we add, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn everything_else_in_the_pod_stays_as_it_was() {
    let bench = Bench::new("untouched").await;
    bench.bind("bound", &[]).await;
    bench.service_account("unbound", json!({}), json!({})).await;
    let spec = json!({
        "containers": [{
            "name": "app", "image": "app", "command": ["run"], "args": ["--fast"],
            "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "envFrom": [{"configMapRef": {"name": "settings"}}],
            "ports": [{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}],
            "livenessProbe": {"httpGet": {"path": "/livez", "port": 8080}},
            "resources": {"limits": {"cpu": "100m"}, "requests": {"cpu": "50m"}},
            "securityContext": {"runAsNonRoot": true, "readOnlyRootFilesystem": true},
            "volumeMounts": [{"name": "data", "mountPath": "/data", "subPath": "app"}],
        }],
        "volumes": [{"name": "data", "emptyDir": {}}],
        "securityContext": {"fsGroup": 1000},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "app"}},
        }],
        "schedulingGates": [{"name": "example.com/wait"}],
    });
    let mut bound = bench.admit(&pod("bound", spec.clone())).await;
    let unbound = bench.admit(&pod("unbound", spec)).await;

    bound["spec"]["volumes"]
        .as_array_mut()
        .unwrap()
        .retain(|volume| volume["name"] != VOLUME);
    let app = &mut bound["spec"]["containers"][0];
    app["volumeMounts"]
        .as_array_mut()
        .unwrap()
        .retain(|mount| mount["name"] != VOLUME);
    app["env"].as_array_mut().unwrap().truncate(1);
    assert_eq!(normalised(bound), normalised(unbound));
}

/// Without what differs between any two pods: names, times and the random name of the API token's volume.
fn normalised(mut pod: Value) -> Value {
    let spec = &mut pod["spec"];
    for key in ["serviceAccount", "serviceAccountName"] {
        spec[key] = Value::Null;
    }
    for item in spec["volumes"].as_array_mut().unwrap() {
        if item["name"].as_str().unwrap().starts_with("kube-api-access-") {
            item["name"] = json!("kube-api-access");
        }
    }
    for item in spec["containers"][0]["volumeMounts"].as_array_mut().unwrap() {
        if item["name"].as_str().unwrap().starts_with("kube-api-access-") {
            item["name"] = json!("kube-api-access");
        }
    }
    spec.take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_without_any_volume_or_mount_gets_them() {
    let bench = Bench::new("no-volumes").await;
    bench.bind("app", &[]).await;
    let spec = json!({"automountServiceAccountToken": false, "containers": [{"name": "app", "image": "app"}]});
    let admitted = bench.admit(&pod("app", spec)).await;
    assert_eq!(admitted["spec"]["volumes"].as_array().unwrap().len(), 1);
    assert_eq!(mounts(container(&admitted, "app")).len(), 1);
    assert_eq!(env(container(&admitted, "app")).len(), 2);
}

/// What a reinvocation after another webhook sees.
#[tokio::test(flavor = "multi_thread")]
async fn an_injected_pod_that_is_admitted_again_does_not_change() {
    let bench = Bench::new("again").await;
    bench.bind("app", &settings()).await;
    let spec = json!({
        "initContainers": [{"name": "migrate", "image": "app"}],
        "containers": [{"name": "app", "image": "app", "env": [{"name": "A", "value": "b"}]}],
    });
    let once = bench.admit(&pod("app", spec)).await;
    let again = bench.admit(&pod("app", once["spec"].clone())).await;
    assert_eq!(again["spec"], once["spec"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicate_variables_and_equal_port_numbers_do_not_keep_a_pod_from_being_injected() {
    let bench = Bench::new("duplicates").await;
    bench.bind("app", &[]).await;
    let spec = json!({"containers": [{
        "name": "app", "image": "app",
        "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
        "ports": [{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}],
    }]});
    let admitted = bench.admit(&pod("app", spec)).await;
    let app = container(&admitted, "app");
    assert_eq!(env(app)[..3], [("A", "1"), ("A", "2"), ("AWS_ROLE_ARN", ROLE_ARN)]);
    assert_eq!(app["ports"].as_array().unwrap().len(), 2);
}

/// The policy's expressions have a cost budget; beyond it a pod would silently go without.
#[tokio::test(flavor = "multi_thread")]
async fn a_very_large_pod_is_injected_too() {
    let bench = Bench::new("large").await;
    bench.bind("app", &settings()).await;
    let variables: Vec<_> = (0..100)
        .map(|index| json!({"name": format!("V{index}"), "value": "x"}))
        .collect();
    let volumes: Vec<_> = (0..40)
        .map(|index| json!({"name": format!("v{index}"), "emptyDir": {}}))
        .collect();
    let own_mounts: Vec<_> = (0..40)
        .map(|index| json!({"name": format!("v{index}"), "mountPath": format!("/srv/app/some/place/for/data/{index}")}))
        .collect();
    let containers: Vec<_> = (0..40)
        .map(|index| json!({"name": format!("c{index}"), "image": "app", "env": variables, "volumeMounts": own_mounts}))
        .collect();
    let spec = json!({"containers": containers, "volumes": volumes});
    let admitted = bench.admit(&pod("app", spec)).await;
    for index in 0..40 {
        let container = container(&admitted, &format!("c{index}"));
        assert_eq!((env(container).len(), mounts(container).len()), (107, 1), "c{index}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_as_kubectl_and_deployments_make_them_are_injected() {
    let bench = Bench::new("kubectl").await;
    bench.bind("app", &[]).await;
    let run = bench
        .plane()
        .kubectl(&[
            "run",
            "app",
            "--image=app",
            &format!("--namespace={}", bench.namespace),
            "--dry-run=server",
            "--output=json",
            r#"--overrides={"spec":{"serviceAccountName":"app"}}"#,
        ])
        .await
        .unwrap();
    assert!(run.success, "{run:?}");
    assert!(
        volume(&serde_json::from_str(&run.stdout).unwrap()).is_some(),
        "{}",
        run.stdout
    );

    let deployment = bench
        .plane()
        .kubectl(&[
            "create",
            "deployment",
            "web",
            "--image=app",
            "--dry-run=client",
            "--output=json",
        ])
        .await
        .unwrap();
    let deployment: Value = serde_json::from_str(&deployment.stdout).unwrap();
    // What the ReplicaSet controller makes of the template.
    let mut pod = simple_pod("app");
    pod["metadata"] = deployment["spec"]["template"]["metadata"].clone();
    pod["metadata"]["generateName"] = json!("web-5d4f8c-");
    pod["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d4f8c", "controller": true,
        "uid": "0b0e4d4e-6d4c-4a55-8d4e-0c1f5a1f2a3b",
    }]);
    pod["spec"]["containers"] = deployment["spec"]["template"]["spec"]["containers"].clone();
    let admitted = bench.admit(&pod).await;
    assert!(volume(&admitted).is_some());
    assert_eq!(env(&admitted["spec"]["containers"][0]).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ephemeral_container_gets_nothing_and_changes_nothing() {
    let bench = Bench::new("ephemeral").await;
    bench.bind("app", &settings()).await;
    let client = bench.plane().client().unwrap();
    let pods = format!("/api/v1/namespaces/{}/pods", bench.namespace);
    let made = client.post(&pods, &simple_pod("app")).await.unwrap();
    assert!(made.is_success(), "{}", made.message());
    let name = made.body["metadata"]["name"].as_str().unwrap();
    let debug = json!({"spec": {"ephemeralContainers": [{"name": "debug", "image": "shell"}]}});
    let path = format!("{pods}/{name}/ephemeralcontainers");
    let reply = client.merge_patch(&path, &debug).await.unwrap();
    assert!(reply.is_success(), "{}", reply.message());
    assert!(env(&reply.body["spec"]["ephemeralContainers"][0]).is_empty());
    assert_eq!(reply.body["spec"]["containers"], made.body["spec"]["containers"]);
    assert_eq!(reply.body["spec"]["volumes"], made.body["spec"]["volumes"]);
}
