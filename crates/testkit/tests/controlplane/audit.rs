use irsa_testkit::controlplane::ControlPlane;
use serde_json::json;

const USER: &str = "system:serviceaccount:default:counted";

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_user_and_verb_since_a_mark() {
    let plane = ControlPlane::builder().start().await.unwrap();
    plane.ensure_service_account("default", "counted").await.unwrap();
    let may_write = json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"namespace": "default", "name": "counted"},
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"namespace": "default", "name": "counted"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "counted"},
            "subjects": [{"kind": "ServiceAccount", "namespace": "default", "name": "counted"}],
        },
    ]});
    plane.apply_yaml(&may_write.to_string()).await.unwrap();
    let token = plane.token("default", "counted", plane.issuer(), 600).await.unwrap();
    let client = plane.client().unwrap().with_token(Some(&token));
    let config_maps = "/api/v1/namespaces/default/configmaps";
    let object = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    assert!(client.post(config_maps, &object("before")).await.unwrap().is_success());

    let mark = plane.mark().await.unwrap();
    for name in ["one", "two"] {
        assert!(client.post(config_maps, &object(name)).await.unwrap().is_success());
    }
    let dry_run = format!("{config_maps}?dryRun=All");
    assert!(client.post(&dry_run, &object("dry")).await.unwrap().is_success());
    assert_eq!(client.get("/api/v1/nodes").await.unwrap().status, 403);

    let log = plane.audit_since(&mark).await.unwrap().by_user(USER);
    assert_eq!(log.count(USER, "create"), 3);
    assert_eq!(log.writes().len(), 2);
    let written: Vec<_> = log.writes().entries().iter().map(|entry| entry.name.clone()).collect();
    assert_eq!(written, ["one", "two"]);
    let refused = log.filter(|entry| !entry.succeeded());
    assert_eq!((refused.len(), refused.entries()[0].code), (1, 403));
    assert_eq!(log.entries()[0].user_agent, "irsa-testkit");
    assert_eq!(log.entries()[0].namespace, "default");
    assert_eq!(plane.audit().await.unwrap().by_user(USER).writes().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_request_is_no_write_and_names_its_subresource() {
    let plane = ControlPlane::builder().start().await.unwrap();
    let mark = plane.mark().await.unwrap();
    plane
        .token("default", "default", "sts.amazonaws.com", 600)
        .await
        .unwrap();
    // The API server makes the Service of itself when it comes to it, at times not before this.
    let log = plane.audit_since(&mark).await.unwrap();
    let log = log.filter(|entry| entry.user != "system:apiserver");
    assert_eq!(
        log.summary().get("create serviceaccounts/token"),
        Some(&1),
        "{:?}",
        log.summary()
    );
    assert!(log.writes().is_empty(), "{:?}", log.summary());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_kubeconfig_is_that_account_and_nothing_more() {
    let plane = ControlPlane::builder().start().await.unwrap();
    let kubeconfig = plane
        .kubeconfig_for_service_account("default", "default")
        .await
        .unwrap();
    let output = plane.kubectl_as(&kubeconfig, &["auth", "whoami"], None).await.unwrap();
    assert!(
        output.stdout.contains("system:serviceaccount:default:default"),
        "{output:?}"
    );
    let output = plane
        .kubectl_as(&kubeconfig, &["get", "namespaces"], None)
        .await
        .unwrap();
    assert!(
        !output.success && output.stderr.contains("cannot list resource"),
        "{output:?}"
    );
    let output = plane.kubectl(&["get", "namespaces", "-o", "name"]).await.unwrap();
    assert!(output.stdout.contains("namespace/kube-system"), "{output:?}");
}
