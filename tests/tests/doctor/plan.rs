//! `plan`: the operator's own steps, and nothing written.

use std::io::Write as _;

use irsa_testkit::aws::Access;
use irsa_tests::world::objects::is_ready;
use serde_json::{Value, json};

use crate::Scene;

fn file(objects: &[Value]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    let texts: Vec<String> = objects.iter().map(Value::to_string).collect();
    file.write_all(texts.join("\n---\n").as_bytes()).unwrap();
    file
}

fn binding(name: &str, policies: &[&str]) -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding", "metadata": {"name": name, "namespace": "default"},
        "spec": {"serviceAccounts": [{"name": name}], "policies": {"managed": policies}},
    })
}

impl Scene {
    async fn plan(&self, arguments: &[&str]) -> (Vec<Value>, i32) {
        let arguments = [&["plan", "-o", "json"], arguments].concat();
        let mark = self.world.aws.mark();
        let output = self.world.irsa(&arguments, Some(&self.root)).await.unwrap();
        let written = self
            .world
            .aws
            .since(mark)
            .into_iter()
            .filter(|entry| entry.access == Access::Write)
            .count();
        assert_eq!(written, 0);
        let reports: Vec<Value> =
            serde_json::from_str(&output.out).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (reports, output.code)
    }
}

fn steps(report: &Value) -> Vec<&str> {
    report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["what"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn what_is_planned_is_what_the_operator_does_and_nothing_is_written() {
    let mut scene = Scene::start().await;
    let (reports, code) = scene.plan(&["app"]).await;
    assert_eq!((steps(&reports[0]).len(), code), (0, 0), "{reports:#?}");

    // A new one, and one that the guard-rails refuse.
    scene
        .world
        .cluster
        .ensure_service_account("default", "new")
        .await
        .unwrap();
    let wanted = binding("new", &["AmazonS3ReadOnlyAccess"]);
    let manifests = file(&[wanted.clone(), binding("greedy", &["AdministratorAccess"])]);
    let (reports, code) = scene.plan(&["-f", manifests.path().to_str().unwrap()]).await;
    assert_eq!(code, 3);
    assert_eq!(
        steps(&reports[0]),
        [
            "create role",
            "attach managed policy arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
            "annotate ServiceAccount new"
        ]
    );
    assert_eq!(
        reports[0]["steps"][0]["after"]["Statement"][0]["Action"],
        "sts:AssumeRoleWithWebIdentity"
    );
    let refused = reports[1]["refused"][0].as_str().unwrap();
    assert!(
        refused.starts_with("PolicyNotAllowed: ") && steps(&reports[1]).is_empty(),
        "{refused}"
    );

    // The operator does it, and then there is nothing left to do.
    scene.world.cluster.apply_yaml(&wanted.to_string()).await.unwrap();
    scene
        .world
        .wait_for("Ready", ("iamrolebinding", "default", "new"), is_ready)
        .await
        .unwrap();
    let (reports, code) = scene.plan(&["new"]).await;
    assert_eq!((steps(&reports[0]).len(), code), (0, 0), "{reports:#?}");

    // Drift, with nobody there to mend it.
    scene.world.stop_operator().await.unwrap();
    let iam = scene.iam().await;
    let (role, trust) = scene.trust("new").await;
    let edited = trust.replace("serviceaccount:default:new", "serviceaccount:default:*");
    iam.update_assume_role_policy()
        .role_name(&role)
        .policy_document(&edited)
        .send()
        .await
        .unwrap();
    let (reports, code) = scene.plan(&["new"]).await;
    assert_eq!((steps(&reports[0]), code), (vec!["set trust policy"], 2));
    let output = scene
        .world
        .irsa(&["plan", "new", "--diff"], Some(&scene.root))
        .await
        .unwrap();
    let line = |mark: &str, subject: &str| {
        let mut lines = output.out.lines().map(str::trim_start);
        lines.any(|line| line.starts_with(mark) && line.contains(&format!("system:serviceaccount:default:{subject}\"")))
    };
    assert!(output.code == 2 && line("-", "*") && line("+", "new"), "{}", output.out);

    let (none, file) = (
        scene.world.irsa(&["plan", "gone"], None).await.unwrap(),
        file(&[json!({"kind": "Pod"})]),
    );
    assert!(
        none.code == 1 && none.err.contains("there is no IamRoleBinding default/gone"),
        "{none:?}"
    );
    let other = scene
        .world
        .irsa(&["plan", "-f", file.path().to_str().unwrap()], None)
        .await
        .unwrap();
    assert!(
        other.code == 1 && other.err.contains("has no IamRoleBinding in it"),
        "{other:?}"
    );
}
