use std::time::Duration;

use irsa_core::vocabulary::{CONFIRMED_FOR, EKS_ROLE_ARN, INJECT_LABEL, INJECT_LABEL_MANUAL, INJECT_LABEL_VALUE};
use serde_json::{Value, json};

use crate::bench::{Bench, ROLE_ARN, container, env, mounts, pod, simple_pod, volume};

#[tokio::test(flavor = "multi_thread")]
async fn pods_of_unbound_service_accounts_are_untouched() {
    let bench = Bench::new("unbound").await;
    bench.bind("bound", &[]).await;
    bench
        .service_account("unlabelled", json!({}), json!({EKS_ROLE_ARN: ROLE_ARN}))
        .await;
    bench
        .service_account(
            "other-value",
            json!({INJECT_LABEL: "false"}),
            json!({EKS_ROLE_ARN: ROLE_ARN}),
        )
        .await;
    bench
        .service_account("without-role", json!({INJECT_LABEL: INJECT_LABEL_VALUE}), json!({}))
        .await;
    bench
        .service_account(
            "no-role",
            json!({INJECT_LABEL: INJECT_LABEL_VALUE}),
            json!({"other": "value"}),
        )
        .await;
    // Known to admission later than all of the above, so that the look at them is not too early.
    bench.bind("last", &[]).await;
    for account in ["unlabelled", "other-value", "without-role", "no-role", "default"] {
        let admitted = bench.admit(&simple_pod(account)).await;
        assert!(volume(&admitted).is_none(), "{account}: {admitted:#}");
        assert!(env(container(&admitted, "app")).is_empty(), "{account}");
        assert!(mounts(container(&admitted, "app")).is_empty(), "{account}");
    }
}

/// The case `restored-serviceaccount.yaml` of the shared cases, and the same with a confirmation of the object that it was
/// copied from.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_restored_is_injected_only_once_it_is_confirmed_for_this_object() {
    let bench = Bench::new("restored").await;
    let labels = || json!({INJECT_LABEL: INJECT_LABEL_VALUE});
    bench
        .service_account("unmarked", labels(), json!({EKS_ROLE_ARN: ROLE_ARN}))
        .await;
    let elsewhere = json!({EKS_ROLE_ARN: ROLE_ARN, CONFIRMED_FOR: "0e8a3c0a-8f0e-4d6e-9f3b-3c7f0b1e2d4c"});
    bench.service_account("copied", labels(), elsewhere).await;
    bench.bind("witness", &[]).await;
    for account in ["unmarked", "copied"] {
        let admitted = bench.admit(&simple_pod(account)).await;
        assert!(volume(&admitted).is_none(), "{account}: {admitted:#}");
        assert!(env(container(&admitted, "app")).is_empty(), "{account}");
        bench.confirm(account).await;
        bench.until(account, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sets_the_role_by_hand_says_so_by_the_label_and_confirms_nothing() {
    let bench = Bench::new("manual").await;
    let labels = json!({INJECT_LABEL: INJECT_LABEL_MANUAL});
    bench
        .service_account("app", labels, json!({EKS_ROLE_ARN: ROLE_ARN}))
        .await;
    bench.until("app", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_of_the_same_name_in_another_namespace_is_untouched() {
    let bench = Bench::new("same-name-here").await;
    bench.bind("app", &[]).await;
    let other = Bench::new("same-name-there").await;
    other.service_account("app", json!({}), json!({})).await;
    other.bind("witness", &[]).await;
    assert!(volume(&other.admit(&simple_pod("app")).await).is_none());
    assert!(volume(&bench.admit(&simple_pod("app")).await).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_opts_out_by_its_label_is_untouched_until_it_opts_in_again() {
    let bench = Bench::new("opted-out").await;
    bench.bind("app", &[]).await;
    // "true" and anything else is no opt-out.
    for (value, injected) in [
        (json!("false"), false),
        (json!("true"), true),
        (json!("false"), false),
        (Value::Null, true),
    ] {
        bench.label_namespaces(INJECT_LABEL, &value).await;
        bench.until("app", injected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_bound_accounts_a_pod_gets_its_own_role() {
    let bench = Bench::new("many").await;
    for index in 0..5 {
        let arn = format!("arn:aws:iam::123456789012:role/role-{index}");
        bench.bind(&format!("app-{index}"), &[(EKS_ROLE_ARN, &arn)]).await;
    }
    for index in 0..5 {
        let admitted = bench.admit(&simple_pod(&format!("app-{index}"))).await;
        let arn = format!("arn:aws:iam::123456789012:role/role-{index}");
        assert_eq!(env(container(&admitted, "app"))[0], ("AWS_ROLE_ARN", arn.as_str()));
        assert_eq!(env(container(&admitted, "app")).len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_names_no_service_account_gets_what_default_is_bound_to() {
    let bench = Bench::new("default-account").await;
    let bound = json!({"metadata": {
        "labels": {INJECT_LABEL: INJECT_LABEL_VALUE}, "annotations": {EKS_ROLE_ARN: ROLE_ARN},
    }});
    bench.patch_service_account("default", &bound).await;
    bench.confirm("default").await;
    bench.until("default", true).await;
    let mut nameless = simple_pod("default");
    nameless["spec"].as_object_mut().unwrap().remove("serviceAccountName");
    assert!(volume(&bench.admit(&nameless).await).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn unbinding_stops_injection_by_the_label_or_by_the_role() {
    let bench = Bench::new("unbinding").await;
    let patches = [
        ("label", json!({"metadata": {"labels": {INJECT_LABEL: null}}})),
        ("role", json!({"metadata": {"annotations": {EKS_ROLE_ARN: null}}})),
    ];
    for (account, patch) in patches {
        bench.bind(account, &[]).await;
        bench.patch_service_account(account, &patch).await;
        bench.until(account, false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_pod_is_refused_in_the_api_servers_own_words() {
    let bench = Bench::new("invalid").await;
    bench.bind("app", &[]).await;
    let reply = bench.try_admit(&pod("app", json!({"containers": []}))).await;
    assert_eq!(reply.status, 422);
    assert!(
        reply.message().contains("spec.containers: Required value"),
        "{}",
        reply.message()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rendered_configuration_names_what_the_operator_writes() {
    let bench = Bench::new("rendered").await;
    let Some(version) = bench.policies() else {
        return;
    };
    let path =
        format!("/apis/admissionregistration.k8s.io/{version}/mutatingadmissionpolicybindings/irsa-anywhere-inject");
    let binding = bench.plane().client().unwrap().get(&path).await.unwrap().body;
    let param = &binding["spec"]["paramRef"];
    assert_eq!(
        param["selector"]["matchExpressions"],
        json!([{"key": INJECT_LABEL, "operator": "In", "values": [INJECT_LABEL_VALUE, INJECT_LABEL_MANUAL]}])
    );
    assert_eq!(param["parameterNotFoundAction"], "Allow");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_runs_already_is_never_changed() {
    let bench = Bench::new("running").await;
    bench.service_account("app", json!({}), json!({})).await;
    let client = bench.plane().client().unwrap();
    let pods = format!("/api/v1/namespaces/{}/pods", bench.namespace);
    let reply = client.post(&pods, &simple_pod("app")).await.unwrap();
    assert!(reply.is_success(), "{}", reply.message());
    let before = reply.body;
    let bound = json!({"metadata": {
        "labels": {INJECT_LABEL: INJECT_LABEL_VALUE}, "annotations": {EKS_ROLE_ARN: ROLE_ARN},
    }});
    bench.patch_service_account("app", &bound).await;
    bench.confirm("app").await;
    bench.until("app", true).await;

    let path = format!("{pods}/{}", before["metadata"]["name"].as_str().unwrap());
    let patch = json!({"metadata": {"labels": {"a": "b"}}});
    let reply = client.merge_patch(&path, &patch).await.unwrap();
    assert!(reply.is_success(), "{}", reply.message());
    assert_eq!(reply.body["metadata"]["labels"], json!({"a": "b"}));
    assert_eq!(reply.body["spec"], before["spec"]);
    assert!(volume(&before).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_that_is_added_later_gets_its_turn_and_no_pod_is_refused_because_of_us() {
    let bench = Bench::new("sidecar").await;
    let Some(api) = bench.policies() else {
        return;
    };
    let path = format!("/apis/admissionregistration.k8s.io/{api}/mutatingadmissionpolicies/irsa-anywhere-inject");
    let policy = bench.plane().client().unwrap().get(&path).await.unwrap().body;
    assert_eq!(policy["spec"]["failurePolicy"], "Ignore");

    bench.bind("app", &[]).await;
    // By its name it comes after ours.
    let metadata = json!({"name": "zz-sidecar"});
    let sidecar = "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'sidecar', image: 'sidecar'}]}}";
    let version = format!("admissionregistration.k8s.io/{api}");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": version, "kind": "MutatingAdmissionPolicy", "metadata": metadata,
            "spec": {
                "failurePolicy": "Fail", "reinvocationPolicy": "Never",
                "matchConstraints": {
                    "namespaceSelector": {"matchExpressions": [
                        {"key": "kubernetes.io/metadata.name", "operator": "In", "values": bench.namespaces()},
                    ]},
                    "resourceRules": [
                        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
                    ],
                },
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": sidecar}}],
            },
        },
        {
            "apiVersion": version, "kind": "MutatingAdmissionPolicyBinding", "metadata": metadata,
            "spec": {"policyName": "zz-sidecar"},
        },
    ]});
    bench.plane().apply_yaml(&list.to_string()).await.unwrap();
    let has_sidecar = |pod: &Value| pod["spec"]["containers"].as_array().is_some_and(|all| all.len() == 2);
    for _ in 0..300 {
        if bench
            .ask(&simple_pod("app"))
            .await
            .iter()
            .all(|reply| has_sidecar(&reply.body))
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // In which order the API server's own admission adds its mount to a container that came late is not fixed.
    for reply in bench.ask(&simple_pod("app")).await {
        let admitted = reply.body;
        for name in ["app", "sidecar"] {
            let container = container(&admitted, name);
            assert!(
                env(container).contains(&("AWS_ROLE_ARN", ROLE_ARN)),
                "{name}: {admitted:#}"
            );
            assert_eq!(mounts(container).len(), 1, "{name}: {admitted:#}");
        }
    }
}
