//! What the doctor says where not everything can be seen, and to whom.

use irsa_testkit::aws::{Access, Entry};
use irsa_tests::world::objects::is_ready;
use serde_json::{Value, json};

use crate::{Scene, name};

#[tokio::test]
async fn without_rights_it_says_what_it_could_not_see_and_goes_on() {
    let scene = Scene::start().await;
    let world = &scene.world;

    // No credentials of AWS: provider and role are not known, and STS still has the last word.
    let output = world.irsa(&["doctor", "pod", &scene.pod, "-v"], None).await.unwrap();
    assert_eq!(output.code, 0, "{output:?}");
    assert!(
        output.out.contains("The pod gets credentials of its role.") && output.out.contains("? IAM has the role"),
        "{}",
        output.out
    );

    assert!(
        output.out.contains("there are no AWS credentials here") && !output.out.contains("The operator"),
        "{}",
        output.out
    );

    // Somebody who may look at pods and bindings, and at nothing else.
    let rights = r#"{"apiVersion":"v1","kind":"List","items":[
        {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"looks"},"rules":[
            {"apiGroups":[""],"resources":["pods"],"verbs":["get"]},
            {"apiGroups":["irsa-anywhere.dev"],"resources":["iamrolebindings","oidcfederations"],"verbs":["get","list"]}]},
        {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"looks"},
            "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"looks"},
            "subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"alice"}]}]}"#;
    world.cluster.apply_yaml(rights).await.unwrap();
    let alice = ["doctor", "pod", &scene.pod, "--as", "alice"];
    let output = world.irsa(&alice, Some(&scene.root)).await.unwrap();
    assert_eq!(output.code, 4, "{output:?}");
    assert!(
        output
            .out
            .contains("Nothing wrong was seen, and not everything could be."),
        "{}",
        output.out
    );
    let why = "User \"alice\" cannot create resource \"serviceaccounts/token\"";
    assert!(output.out.replace("\n  ", " ").contains(why), "{}", output.out);

    // A bare pod: alice may not read its ServiceAccount, so it is not said that it has no role.
    let bare = bare_pod(&scene).await;
    let output = world
        .irsa(
            &["doctor", "pod", &bare, "--as", "alice", "-o", "json"],
            Some(&scene.root),
        )
        .await
        .unwrap();
    let diagnosis: Value = serde_json::from_str(&output.out).unwrap();
    assert_eq!(
        (&diagnosis["verdict"], output.code),
        (&Value::from("NotProven"), 4),
        "{diagnosis:#}"
    );

    // Nobody at all.
    let nobody = ["doctor", "pod", &scene.pod, "--as", "bob"];
    let output = world.irsa(&nobody, Some(&scene.root)).await.unwrap();
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output.err.contains("User \"bob\" cannot get resource \"pods\""),
        "{}",
        output.err
    );
    let gone = world.irsa(&["doctor", "pod", "gone"], None).await.unwrap();
    assert!(
        gone.code == 1 && gone.err.contains("there is no pod default/gone"),
        "{gone:?}"
    );

    // Without a token: STS is not asked, and everything else is looked at.
    let mark = world.aws.mark();
    let output = world
        .irsa(&["doctor", "pod", &scene.pod, "--no-token"], Some(&scene.root))
        .await
        .unwrap();
    assert!(output.code == 4 && output.out.contains("(--no-token)"), "{output:?}");
    let web_identity = |entry: &Entry| entry.operation == "sts:AssumeRoleWithWebIdentity";
    assert!(!world.aws.since(mark).iter().any(web_identity));

    // What it says, and does not say: no token and no secret is in any form of its output.
    let yaml = world
        .irsa(&["doctor", "sa", "app", "-o", "yaml"], Some(&scene.root))
        .await
        .unwrap();
    assert!(yaml.code == 0 && yaml.out.contains("verdict: Good"), "{yaml:?}");
    let binding = world
        .irsa(&["doctor", "irb", "app", "-v"], Some(&scene.root))
        .await
        .unwrap();
    assert!(
        binding.code == 0 && binding.out.contains("Binding         app (Ready=True, Succeeded: "),
        "{binding:?}"
    );
    for output in [yaml, binding] {
        assert!(!output.out.contains("eyJ") && !output.out.contains(&scene.root.secret_access_key));
    }

    // It has written nothing: neither in AWS nor in the cluster.
    let (aws, cluster) = (world.aws.mark(), world.cluster.mark().await.unwrap());
    world
        .irsa(&["doctor", "pod", &scene.pod], Some(&scene.root))
        .await
        .unwrap();
    let written = |entry: &Entry| entry.access == Access::Write;
    let calls = world.aws.since(aws);
    let of_the_doctor: Vec<&Entry> = calls
        .iter()
        .filter(|entry| entry.user_agent.starts_with("irsa-anywhere/"))
        .collect();
    assert!(!calls.iter().any(written));
    assert!(
        (8..=12).contains(&of_the_doctor.len()),
        "{:?}",
        of_the_doctor.iter().map(|entry| &entry.operation).collect::<Vec<_>>()
    );
    let audit = world.cluster.audit_since(&cluster).await.unwrap();
    let writes: Vec<_> = audit
        .entries()
        .iter()
        .filter(|entry| entry.is_write() && !entry.user.starts_with("system:"))
        .collect();
    assert!(writes.is_empty(), "{writes:#?}");
}

/// A pod that was there before its ServiceAccount was bound.
async fn bare_pod(scene: &Scene) -> String {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"},
        "spec": {"serviceAccountName": "unbound", "containers": [{"name": "app", "image": "app"}]},
    });
    let world = &scene.world;
    world
        .cluster
        .ensure_service_account("default", "unbound")
        .await
        .unwrap();
    let reply = world
        .cluster
        .client()
        .unwrap()
        .post("/api/v1/namespaces/default/pods", &pod)
        .await
        .unwrap();
    assert!(reply.is_success(), "{}", reply.message());
    let binding = json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding", "metadata": {"name": "unbound", "namespace": "default"},
        "spec": {"serviceAccounts": [{"name": "unbound"}]},
    });
    world.cluster.apply_yaml(&binding.to_string()).await.unwrap();
    world
        .wait_for("Ready", ("iamrolebinding", "default", "unbound"), is_ready)
        .await
        .unwrap();
    name(&reply.body)
}
