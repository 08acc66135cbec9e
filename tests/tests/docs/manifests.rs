//! Settings of the manifests that protect something, each by name: an API server takes the files without them just as well.

use serde_json::{Value, json};

use super::pages::read;
use irsa_core::vocabulary::WEBHOOK_NAME;

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn has(path: &str, settings: &[(&str, Value)]) {
    let object = yaml(path);
    for (pointer, wanted) in settings {
        assert_eq!(object.pointer(pointer), Some(wanted), "{path}: {pointer}");
    }
}

#[test]
fn the_deployment_keeps_every_setting_that_confines_the_operator() {
    let container = "/spec/template/spec/containers/0";
    let confines = [
        ("/spec/template/spec/securityContext/runAsNonRoot", json!(true)),
        ("/spec/template/spec/securityContext/runAsUser", json!(65532)),
        ("/spec/template/spec/securityContext/runAsGroup", json!(65532)),
        ("/spec/template/spec/securityContext/fsGroup", json!(65532)),
        (
            "/spec/template/spec/securityContext/seccompProfile/type",
            json!("RuntimeDefault"),
        ),
        ("/spec/template/spec/serviceAccountName", json!("irsa-anywhere")),
        // The ServiceAccount says no, as a cluster's rules may demand: the pod must say yes.
        ("/spec/template/spec/automountServiceAccountToken", json!(true)),
    ];
    has("config/manager/deployment.yaml", &confines);
    has(
        "config/rbac/serviceaccount.yaml",
        &[("/automountServiceAccountToken", json!(false))],
    );
    let deployment = yaml("config/manager/deployment.yaml");
    let of_container = [
        ("/securityContext/allowPrivilegeEscalation", json!(false)),
        ("/securityContext/readOnlyRootFilesystem", json!(true)),
        ("/securityContext/capabilities", json!({"drop": ["ALL"]})),
        ("/resources/limits/memory", json!("256Mi")),
    ];
    for (pointer, wanted) in of_container {
        assert_eq!(
            deployment.pointer(&format!("{container}{pointer}")),
            Some(&wanted),
            "{pointer}"
        );
    }
    let pod = &deployment["spec"]["template"]["spec"];
    for absent in [
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "hostUsers",
        "volumes",
        "initContainers",
    ] {
        assert_eq!(pod.get(absent), None, "{absent}");
    }
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
}

#[test]
fn the_webhook_is_confined_as_the_operator_is_and_never_keeps_a_pod_from_being_made() {
    let (operator, webhook) = (
        yaml("config/manager/deployment.yaml"),
        yaml("config/webhook/deployment.yaml"),
    );
    for same in [
        "/spec/replicas",
        "/spec/strategy",
        "/spec/template/spec/automountServiceAccountToken",
        "/spec/template/spec/priorityClassName",
        "/spec/template/spec/securityContext",
        "/spec/template/spec/containers/0/image",
        "/spec/template/spec/containers/0/securityContext",
        "/spec/template/spec/containers/0/livenessProbe",
    ] {
        assert!(operator.pointer(same).is_some(), "{same}");
        assert_eq!(webhook.pointer(same), operator.pointer(same), "{same}");
    }
    has(
        "config/webhook/deployment.yaml",
        &[
            // Its own pods do not wait for it.
            (
                "/spec/template/metadata/labels/eks.amazonaws.com~1skip-pod-identity-webhook",
                json!(""),
            ),
            ("/spec/template/spec/terminationGracePeriodSeconds", json!(30)),
            (
                "/spec/template/spec/containers/0/readinessProbe/httpGet/path",
                json!("/readyz"),
            ),
            (
                "/spec/template/spec/containers/0/resources/limits/memory",
                json!("256Mi"),
            ),
        ],
    );
    has(
        "config/webhook/configuration.yaml",
        &[
            ("/webhooks/0/name", json!(WEBHOOK_NAME)),
            ("/webhooks/0/failurePolicy", json!("Ignore")),
            ("/webhooks/0/reinvocationPolicy", json!("IfNeeded")),
            ("/webhooks/0/timeoutSeconds", json!(5)),
            ("/webhooks/0/rules/0/operations", json!(["CREATE"])),
            ("/webhooks/0/rules/0/resources", json!(["pods"])),
        ],
    );
    // One truth: both carriers look at the same pods.
    let (policy, configuration) = (
        yaml("config/inject/policy.yaml"),
        yaml("config/webhook/configuration.yaml"),
    );
    for selector in ["namespaceSelector", "objectSelector"] {
        let of_policy = &policy["spec"]["matchConstraints"][selector];
        assert!(of_policy["matchExpressions"].is_array(), "{selector}");
        assert_eq!(&configuration["webhooks"][0][selector], of_policy, "{selector}");
    }
}

#[test]
fn the_deployment_keeps_every_setting_that_keeps_the_operator_alive() {
    has(
        "config/manager/deployment.yaml",
        &[
            ("/spec/replicas", json!(2)),
            (
                "/spec/strategy/rollingUpdate",
                json!({"maxSurge": 1, "maxUnavailable": 0}),
            ),
            (
                "/spec/template/spec/priorityClassName",
                json!("system-cluster-critical"),
            ),
            ("/spec/template/spec/terminationGracePeriodSeconds", json!(60)),
        ],
    );
    let deployment = yaml("config/manager/deployment.yaml");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let probe = |path: &str| json!({"httpGet": {"path": path, "port": "metrics"}});
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    // Flags have their defaults: the lease is on.
    let namespace = field("POD_NAMESPACE", "metadata.namespace");
    // Not every cluster has its AWS credentials in a Secret.
    let credentials = json!({"secretRef": {"name": "irsa-anywhere-aws", "optional": true}});
    for (setting, wanted) in [
        ("livenessProbe", probe("/livez")),
        ("readinessProbe", probe("/readyz")),
        ("ports", json!([{"name": "metrics", "containerPort": 8080}])),
        ("env", json!([namespace, field("POD_NAME", "metadata.name")])),
        ("envFrom", json!([credentials])),
    ] {
        assert_eq!(container[setting], wanted, "{setting}");
    }
    assert_eq!(container.get("args"), None, "a flag that switches a guard off");
    let spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        .as_array()
        .unwrap();
    let keys: Vec<&str> = spread.iter().filter_map(|one| one["topologyKey"].as_str()).collect();
    assert_eq!(keys, ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]);
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    for one in spread {
        assert_eq!(&one["labelSelector"]["matchLabels"], labels);
        // A cluster of one node gets two replicas all the same.
        assert_eq!(
            (&one["maxSkew"], &one["whenUnsatisfiable"]),
            (&json!(1), &json!("ScheduleAnyway"))
        );
    }
    has(
        "config/manager/disruption.yaml",
        &[
            ("/spec/maxUnavailable", json!(1)),
            ("/spec/unhealthyPodEvictionPolicy", json!("AlwaysAllow")),
            ("/spec/selector/matchLabels", labels.clone()),
        ],
    );
}

#[test]
fn the_namespace_of_the_operator_enforces_the_restricted_standard() {
    has(
        "config/rbac/namespace.yaml",
        &[(
            "/metadata/labels/pod-security.kubernetes.io~1enforce",
            json!("restricted"),
        )],
    );
}
