//! `config/` through kustomize: what an overlay renames and moves still works, and what is built is what
//! the files say.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use irsa_testkit::controlplane::ControlPlane;
use irsa_tests::world::{Webhook, pods::variable, repository};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::config::may;

/// An overlay over a folder of `config/` with these lines. It lies in the repository, because kustomize follows relative paths only.
fn overlay(base: &str, lines: &str) -> TempDir {
    fs::create_dir_all(repository().join("target")).unwrap();
    let directory = TempDir::new_in(repository().join("target")).unwrap();
    let text = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../../config/{base}]\n{lines}"
    );
    fs::write(directory.path().join("kustomization.yaml"), text).unwrap();
    directory
}

/// Whether a pod of the ServiceAccount would come out with variables. A new policy takes a moment to be seen.
async fn is_injected(cluster: &ControlPlane) -> bool {
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "app", "namespace": "default", "labels": {"irsa-anywhere.dev/inject": "manual"},
                     "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/app"}},
    });
    cluster.apply_yaml(&account.to_string()).await.unwrap();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"},
        "spec": {"serviceAccountName": "app", "containers": [{"name": "app", "image": "app"}]},
    });
    let client = cluster.client().unwrap();
    for _ in 0..100 {
        let reply = client
            .post("/api/v1/namespaces/default/pods?dryRun=All", &pod)
            .await
            .unwrap();
        assert!(reply.is_success(), "{}", reply.message());
        if variable(&reply.body, "AWS_ROLE_ARN").is_some() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

/// The operator gets a token of the canary for AWS, and none that is good for the API server.
async fn assert_fenced(cluster: &ControlPlane, namespace: &str, account: &str) {
    let label = "irsa-anywhere.dev/verify=canary";
    let canary = ["get", "serviceaccounts", "-n", namespace, "-l", label, "-o", "name"];
    let canary = cluster.kubectl(&canary).await.unwrap().stdout;
    let canary = canary.trim().rsplit('/').next().unwrap().to_owned();
    let token = cluster.api_token(namespace, account).await.unwrap();
    let operator = cluster.client().unwrap().with_token(Some(&token));
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{canary}/token");
    let request = |audiences: Value| {
        let spec = json!({"audiences": audiences, "expirationSeconds": 600});
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
    };
    for _ in 0..100 {
        let for_itself = operator.post(&path, &request(Value::Null)).await.unwrap();
        let for_aws = operator
            .post(&path, &request(json!(["sts.amazonaws.com"])))
            .await
            .unwrap();
        if (for_itself.status, for_aws.status) == (422, 201) {
            assert!(
                for_itself.message().contains("irsa-anywhere-tokens"),
                "{}",
                for_itself.message()
            );
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{account} in {namespace} is held by no policy");
}

#[tokio::test]
async fn an_overlay_that_renames_or_moves_everything_still_injects_and_has_the_operators_rights() {
    for (lines, namespace, account) in [
        ("namePrefix: plat-\n", "irsa-anywhere-system", "plat-irsa-anywhere"),
        ("namespace: platform\n", "platform", "irsa-anywhere"),
        (
            "namePrefix: plat-\nnamespace: platform\n",
            "platform",
            "plat-irsa-anywhere",
        ),
        ("nameSuffix: -b\n", "irsa-anywhere-system", "irsa-anywhere-b"),
    ] {
        let cluster = ControlPlane::builder().start().await.unwrap();
        cluster.apply_file(&repository().join("crds"), true).await.unwrap();
        let overlay = overlay("with-policy", lines);
        cluster.apply_file(overlay.path(), true).await.unwrap();
        assert!(is_injected(&cluster).await, "{lines}: no pod is injected");
        let user = format!("system:serviceaccount:{namespace}:{account}");
        let own_token = format!("serviceaccounts/token#{account}");
        for question in [
            ("get", "discovery.k8s.io", "endpointslices#kubernetes", "default"),
            ("create", "", own_token.as_str(), namespace),
            ("list", "admissionregistration.k8s.io", "mutatingadmissionpolicies", ""),
            ("update", "", "configmaps", namespace),
            ("update", "coordination.k8s.io", "leases#irsa-anywhere", namespace),
            ("patch", "irsa-anywhere.dev", "oidcfederations/status", ""),
        ] {
            assert!(may(&cluster, &user, question).await, "{lines}: may not {question:?}");
        }
        assert_fenced(&cluster, namespace, account).await;
        let deployment = cluster
            .kubectl(&[
                "get",
                "deployments",
                "-n",
                namespace,
                "-o",
                "jsonpath={.items[0].spec.template.spec.serviceAccountName}",
            ])
            .await
            .unwrap();
        assert_eq!(deployment.stdout, account, "{lines}");
        for kind in ["validatingadmissionpolicy", "mutatingadmissionpolicy"] {
            let policies = listed(&cluster, kind, "{.items[*].metadata.name}").await;
            let bound = listed(&cluster, &format!("{kind}binding"), "{.items[*].spec.policyName}").await;
            assert!(!bound.is_empty(), "{lines}: no {kind} is bound");
            assert_eq!(
                bound, policies,
                "{lines}: a policy that nothing names holds nobody to anything"
            );
        }
    }
}

#[tokio::test]
async fn an_overlay_that_renames_or_moves_the_webhook_still_injects() {
    for lines in ["namePrefix: plat-\nnamespace: platform\n", "nameSuffix: -b\n"] {
        let cluster = ControlPlane::builder().start().await.unwrap();
        cluster.apply_file(&repository().join("crds"), true).await.unwrap();
        let overlay = overlay("with-webhook", lines);
        cluster.apply_file(overlay.path(), true).await.unwrap();
        // As its Deployment says: with the names that the overlay gives, and the rights under those.
        let directory = TempDir::new().unwrap();
        let webhook = Webhook::install(&cluster, directory.path()).await.unwrap();
        assert!(is_injected(&cluster).await, "{lines}: no pod is injected");
        // Its guard has found the new names, too.
        let token = webhook.token(&cluster).await.unwrap();
        let client = cluster.client().unwrap().with_token(Some(&token));
        let mut refused = false;
        // A new policy takes a moment to be seen.
        for value in ["Fail", "Ignore"].into_iter().cycle().take(50) {
            let change = json!([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": value}]);
            let reply = client.json_patch(&webhook.configuration(), &change).await.unwrap();
            refused = reply.status == 422;
            if refused {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert!(refused, "{lines}: whoever has its token may have it refuse pods");
    }
}

/// What a field of all objects of a kind says, in order.
async fn listed(cluster: &ControlPlane, kind: &str, field: &str) -> Vec<String> {
    let output = format!("jsonpath={field}");
    let list = cluster.kubectl(&["get", kind, "-o", &output]).await.unwrap();
    assert!(list.success, "{}", list.stderr);
    let mut found: Vec<String> = list.stdout.split_whitespace().map(str::to_owned).collect();
    found.sort();
    found
}

/// The objects of a text, by kind, namespace and name.
fn objects(text: &str) -> BTreeMap<String, Value> {
    let mut objects = BTreeMap::new();
    for document in text.split("\n---\n") {
        let Ok(object) = serde_saphyr::from_str::<Value>(document) else {
            panic!("no YAML:\n{document}");
        };
        let part = |path: &str| {
            object
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let key = [part("/kind"), part("/metadata/namespace"), part("/metadata/name")].join(" ");
        assert_eq!(objects.insert(key.clone(), object), None, "{key} is there twice");
    }
    objects
}

/// The files that a kustomization names.
fn files(directory: &Path) -> Vec<String> {
    let kustomization = fs::read_to_string(directory.join("kustomization.yaml")).unwrap();
    let kustomization: Value = serde_saphyr::from_str(&kustomization).unwrap();
    let listed = kustomization["resources"].as_array().unwrap().iter();
    listed.map(|file| file.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_kustomize_builds_of_a_directory_is_what_its_files_say() {
    let cluster = ControlPlane::builder().start().await.unwrap();
    let mut compared = 0;
    for entry in fs::read_dir(repository().join("config")).unwrap() {
        let directory = entry.unwrap().path();
        if !directory.join("kustomization.yaml").exists() {
            continue;
        }
        let built = cluster
            .kubectl(&["kustomize", directory.to_str().unwrap()])
            .await
            .unwrap();
        assert!(built.success, "{}", built.stderr);
        let files: Vec<_> = files(&directory).into_iter().map(|file| directory.join(file)).collect();
        // What is made of other directories is compared there.
        if files.iter().any(|file| file.is_dir()) {
            continue;
        }
        let texts: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        let mut plain = objects(&texts.join("\n---\n"));
        let mut built = objects(&built.stdout);
        // The one thing that a kustomization here changes.
        for object in plain.values_mut().chain(built.values_mut()) {
            if let Some(image) = object.pointer_mut("/spec/template/spec/containers/0/image") {
                *image = Value::Null;
            }
        }
        assert_eq!(built, plain, "{}", directory.display());
        compared += plain.len();
    }
    assert!(compared > 15, "{compared} objects were compared");
}
