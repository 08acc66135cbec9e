//! `config/` as the API server takes it: every field known, every right as small as it is said to be.

use std::time::Duration;

use irsa_testkit::controlplane::{ControlPlane, SigningKey};
use irsa_tests::world::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, WEBHOOK, World, objects::is_ready, repository};
use serde_json::{Value, json};

async fn world() -> World {
    World::start_signing_with(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap()
}

/// Whether a user may do something: `verb`, `group`, `resource` (with a subresource behind a slash, or a name behind a #),
/// `namespace`.
pub(crate) async fn may(
    cluster: &ControlPlane,
    user: &str,
    (verb, group, resource, namespace): (&str, &str, &str, &str),
) -> bool {
    let (resource, name) = resource.split_once('#').unwrap_or((resource, ""));
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {
            "user": user,
            "groups": ["system:serviceaccounts", format!("system:serviceaccounts:{OPERATOR_NAMESPACE}"),
                       "system:authenticated"],
            "resourceAttributes": {"verb": verb, "group": group, "resource": resource, "subresource": subresource,
                                   "name": name, "namespace": namespace},
        },
    });
    let client = cluster.client().unwrap();
    let reply = client
        .post("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review)
        .await
        .unwrap();
    assert!(reply.is_success(), "{}", reply.message());
    reply.body["status"]["allowed"] == true
}

#[tokio::test]
async fn the_operator_may_do_what_it_does_and_nothing_that_would_be_power() {
    let world = world().await;
    let operator = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}");
    let ours = "irsa-anywhere.dev";
    let may_do = [
        ("watch", ours, "oidcfederations", ""),
        ("patch", ours, "iamrolebindings/status", "team"),
        ("patch", "", "serviceaccounts", "team"),
        ("watch", "", "namespaces", ""),
        ("update", "", "configmaps", OPERATOR_NAMESPACE),
        ("get", "discovery.k8s.io", "endpointslices#kubernetes", "default"),
        (
            "list",
            "admissionregistration.k8s.io",
            "mutatingadmissionpolicybindings",
            "",
        ),
        ("create", "", "serviceaccounts/token#irsa-anywhere", OPERATOR_NAMESPACE),
        // RBAC cannot say of whom and for what; the policies of config/verify do (tests/tests/verify/fence.rs).
        ("create", "", "serviceaccounts/token", "team"),
        ("create", "events.k8s.io", "events", "team"),
        (
            "update",
            "coordination.k8s.io",
            "leases#irsa-anywhere",
            OPERATOR_NAMESPACE,
        ),
        ("create", "coordination.k8s.io", "leases", OPERATOR_NAMESPACE),
    ];
    let may_not = [
        ("impersonate", "", "serviceaccounts", "team"),
        ("get", "", "secrets", OPERATOR_NAMESPACE),
        ("list", "", "secrets", ""),
        ("get", "", "configmaps", "team"),
        ("update", "", "configmaps", "kube-system"),
        // Whoever can make a binding can give AWS rights.
        ("create", ours, "iamrolebindings", "team"),
        ("delete", ours, "oidcfederations", ""),
        ("update", ours, "iamrolebindings", "team"),
        ("create", "", "pods", OPERATOR_NAMESPACE),
        ("create", "rbac.authorization.k8s.io", "clusterrolebindings", ""),
        ("bind", "rbac.authorization.k8s.io", "clusterroles", ""),
        ("escalate", "rbac.authorization.k8s.io", "clusterroles", ""),
        ("patch", "admissionregistration.k8s.io", "mutatingadmissionpolicies", ""),
        ("patch", "", "namespaces", ""),
        ("patch", "events.k8s.io", "events", "team"),
        ("list", "discovery.k8s.io", "endpointslices", "team"),
        ("get", "discovery.k8s.io", "endpointslices#app", "default"),
        // Another component's lease is its life.
        ("update", "coordination.k8s.io", "leases#other", OPERATOR_NAMESPACE),
        (
            "update",
            "coordination.k8s.io",
            "leases#kube-controller-manager",
            "kube-system",
        ),
        (
            "delete",
            "coordination.k8s.io",
            "leases#irsa-anywhere",
            OPERATOR_NAMESPACE,
        ),
    ];
    for question in may_do {
        assert!(may(&world.cluster, &operator, question).await, "may not {question:?}");
    }
    for question in may_not {
        assert!(!may(&world.cluster, &operator, question).await, "may {question:?}");
    }
}

#[tokio::test]
async fn the_webhook_sees_service_accounts_and_writes_its_certificate_and_nothing_else() {
    let cluster = ControlPlane::builder().start().await.unwrap();
    cluster.create_namespace(OPERATOR_NAMESPACE).await.unwrap();
    cluster
        .apply_file(&repository().join("config/webhook"), true)
        .await
        .unwrap();
    let webhook = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{WEBHOOK}");
    let admission = "admissionregistration.k8s.io";
    let certificate = "secrets#irsa-anywhere-webhook-certificate";
    for question in [
        ("list", "", "serviceaccounts", ""),
        ("watch", "", "serviceaccounts", ""),
        ("watch", "", certificate, OPERATOR_NAMESPACE),
        ("patch", "", certificate, OPERATOR_NAMESPACE),
        (
            "patch",
            admission,
            "mutatingwebhookconfigurations#irsa-anywhere-webhook",
            "",
        ),
    ] {
        assert!(may(&cluster, &webhook, question).await, "may not {question:?}");
    }
    for question in [
        ("patch", "", "serviceaccounts", "team"),
        ("create", "", "serviceaccounts/token", OPERATOR_NAMESPACE),
        ("list", "", "secrets", OPERATOR_NAMESPACE),
        ("get", "", "secrets#irsa-anywhere-aws", OPERATOR_NAMESPACE),
        ("patch", "", "secrets#irsa-anywhere-aws", OPERATOR_NAMESPACE),
        ("create", "", "secrets", OPERATOR_NAMESPACE),
        ("delete", "", certificate, OPERATOR_NAMESPACE),
        ("patch", "", "secrets#irsa-anywhere-webhook-certificate", "team"),
        ("list", admission, "mutatingwebhookconfigurations", ""),
        ("patch", admission, "mutatingwebhookconfigurations#other", ""),
        ("create", admission, "mutatingwebhookconfigurations", ""),
        (
            "delete",
            admission,
            "mutatingwebhookconfigurations#irsa-anywhere-webhook",
            "",
        ),
        ("list", "", "pods", "team"),
        ("list", "irsa-anywhere.dev", "iamrolebindings", ""),
        ("create", "events.k8s.io", "events", "team"),
    ] {
        assert!(!may(&cluster, &webhook, question).await, "may {question:?}");
    }
}

#[tokio::test]
async fn what_is_rendered_has_no_unknown_field_and_runs_under_the_restricted_standard() {
    let world = world().await;
    for directory in ["config/with-policy", "config/with-webhook", "config/samples"] {
        let path = repository().join(directory).display().to_string();
        let arguments = [
            "apply",
            "-k",
            &path,
            "--server-side",
            "--force-conflicts",
            "--dry-run=server",
            "--validate=strict",
        ];
        let output = world.cluster.kubectl(&arguments).await.unwrap();
        assert!(output.success, "{directory}: {}", output.stderr);
        assert!(
            !output.stderr.to_lowercase().contains("warning"),
            "{directory}: {}",
            output.stderr
        );
    }
    // Of kinds that this API server does not have: rendered only; tests/tests/docs looks into it.
    let path = repository().join("config/prometheus").display().to_string();
    let rendered = world.kubectl(&["kustomize", &path]).await.unwrap();
    assert!(
        rendered.contains("kind: PrometheusRule") && rendered.contains("kind: PodMonitor"),
        "{rendered}"
    );
    let webhook = repository().join("config/webhook");
    world.cluster.apply_file(&webhook, true).await.unwrap();
    for name in ["irsa-anywhere", WEBHOOK] {
        runs_under_the_restricted_standard(&world, name).await;
    }
}

/// The namespace enforces it, so a pod of the Deployment's template proves that it fits; and one that may escalate proves that it is
/// enforced.
async fn runs_under_the_restricted_standard(world: &World, name: &str) {
    let deployment = world
        .get("deployment", OPERATOR_NAMESPACE, name)
        .await
        .unwrap()
        .unwrap();
    let template = &deployment["spec"]["template"];
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "as-deployed-", "labels": template["metadata"]["labels"]},
        "spec": template["spec"],
    });
    let client = world.cluster.client().unwrap();
    let path = format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods?dryRun=All");
    let reply = client.post(&path, &pod).await.unwrap();
    assert!(reply.is_success(), "{}", reply.message());
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = true.into();
    let reply = client.post(&path, &pod).await.unwrap();
    assert!(reply.message().contains("restricted"), "{}", reply.message());
}

#[tokio::test]
async fn two_appliers_merge_their_lists_and_neither_takes_what_is_the_others() {
    let world = world().await;
    let binding = |accounts: &[&str], policies: &[&str]| {
        let accounts: Vec<Value> = accounts.iter().map(|name| json!({"name": name})).collect();
        json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": "shared", "namespace": "default"},
            "spec": {"serviceAccounts": accounts, "policies": {"managed": policies}},
        })
    };
    let path = "/apis/irsa-anywhere.dev/v1alpha1/namespaces/default/iamrolebindings/shared";
    let client = world.cluster.client().unwrap();
    let apply = async |manager: &str, object: &Value| {
        let query = format!("{path}?fieldManager={manager}");
        let reply = client
            .request(
                http::Method::PATCH,
                &query,
                Some(object),
                Some("application/apply-patch+yaml"),
            )
            .await
            .unwrap();
        assert!(reply.is_success(), "{manager}: {}", reply.message());
        reply.body
    };
    apply("flux", &binding(&["app"], &["AmazonS3ReadOnlyAccess"])).await;
    let both = apply("team", &binding(&["job"], &["AmazonSQSReadOnlyAccess"])).await;
    assert_eq!(
        both["spec"]["serviceAccounts"],
        json!([{"name": "app"}, {"name": "job"}])
    );
    assert_eq!(both["spec"]["policies"]["managed"].as_array().unwrap().len(), 2);
    let left = apply("team", &binding(&["job"], &[])).await;
    assert_eq!(left["spec"]["policies"]["managed"], json!(["AmazonS3ReadOnlyAccess"]));
    assert_eq!(left["spec"]["serviceAccounts"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn who_may_view_a_namespace_sees_its_bindings_and_who_may_edit_it_makes_none() {
    // The controller manager adds our rules to the roles that everybody has.
    let cluster = ControlPlane::builder().controller_manager(true).start().await.unwrap();
    for directory in ["crds", "config/rbac"] {
        cluster.apply_file(&repository().join(directory), true).await.unwrap();
    }
    let bound = |user: &str, role: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": user, "namespace": "default"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        })
    };
    let users = ["view", "edit", "admin"].map(|role| bound(role, role));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": users});
    cluster.apply_yaml(&list.to_string()).await.unwrap();

    let bindings = |verb| (verb, "irsa-anywhere.dev", "iamrolebindings", "default");
    for user in ["view", "edit", "admin"] {
        let mut seen = false;
        for _ in 0..300 {
            seen = may(&cluster, user, bindings("list")).await;
            if seen {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(seen, "{user} does not see bindings");
        for verb in ["create", "update", "patch", "delete"] {
            assert!(!may(&cluster, user, bindings(verb)).await, "{user} may {verb} bindings");
        }
        let federations = ("list", "irsa-anywhere.dev", "oidcfederations", "");
        assert!(!may(&cluster, user, federations).await, "{user} sees federations");
    }

    let arguments = [
        "create",
        "clusterrolebinding",
        "federation-view",
        "--clusterrole=irsa-anywhere-federation-view",
        "--user=viewer",
    ];
    assert!(cluster.kubectl(&arguments).await.unwrap().success);
    let federations = |verb| (verb, "irsa-anywhere.dev", "oidcfederations", "");
    let mut seen = false;
    for _ in 0..300 {
        seen = may(&cluster, "viewer", federations("list")).await;
        if seen {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(seen, "irsa-anywhere-federation-view does not show federations");
    for verb in ["get", "watch"] {
        assert!(
            may(&cluster, "viewer", federations(verb)).await,
            "may not {verb} federations"
        );
    }
    for verb in ["create", "update", "patch", "delete"] {
        assert!(
            !may(&cluster, "viewer", federations(verb)).await,
            "may {verb} federations"
        );
    }
    assert!(!may(&cluster, "viewer", bindings("list")).await, "sees bindings");
}

#[tokio::test]
async fn kubectl_names_the_service_accounts_and_the_reason_and_has_the_sentence_only_with_wide() {
    let world = World::as_shipped(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    let patch =
        json!({"spec": {"serviceAccountMode": "Create", "serviceAccounts": [{"name": "app"}, {"name": "job"}]}});
    world
        .kubectl(&[
            "patch",
            "irb",
            "app",
            "-n",
            "default",
            "--type=merge",
            "-p",
            &patch.to_string(),
        ])
        .await
        .unwrap();
    let two =
        |binding: &Value| is_ready(binding) && binding["status"]["subjects"].as_array().is_some_and(|s| s.len() == 2);
    world
        .wait_for("both", ("iamrolebinding", "default", "app"), two)
        .await
        .unwrap();
    let row = async |kind: &str, output: &str| {
        let printed = world
            .kubectl(&["get", kind, "-n", "default", "-o", output])
            .await
            .unwrap();
        printed.lines().nth(1).unwrap().to_owned()
    };
    let binding = row("irb", "custom-columns=NAMES:.status.serviceAccountNames").await;
    assert_eq!(binding, "app,job");
    let printed = world.kubectl(&["get", "irb", "-n", "default"]).await.unwrap();
    assert!(
        printed.contains("app,job") && printed.contains("Succeeded"),
        "{printed}"
    );
    assert!(!printed.contains('[') && !printed.contains("may assume"), "{printed}");
    assert!(row("irb", "wide").await.contains("may assume the role"));
    let printed = world.kubectl(&["get", "oidcfed"]).await.unwrap();
    assert!(printed.lines().all(|line| line.len() <= 120), "{printed}");
    assert!(row("oidcfed", "wide").await.contains("is published and registered"));
}
