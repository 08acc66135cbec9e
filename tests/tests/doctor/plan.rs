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

    let arguments = ["plan", "-f", "-", "-o", "json"];
    let piped = scene
        .world
        .irsa_reading(&arguments, Some(&scene.root), manifests.path())
        .await
        .unwrap();
    let piped_reports: Value = serde_json::from_str(&piped.out).unwrap_or_else(|_| panic!("{piped:?}"));
    assert_eq!((piped_reports, piped.code), (Value::from(reports), 3));

    // One of a file has what another of it, or of the cluster, has already: the older one keeps it.
    let taken = |name: &str, account: &str| {
        let mut taken = binding(name, &[]);
        taken["spec"]["serviceAccounts"][0]["name"] = account.into();
        taken
    };
    let both = file(&[
        taken("of-another", "app"),
        taken("first", "new"),
        taken("second", "new"),
    ]);
    let (reports, code) = scene.plan(&["-f", both.path().to_str().unwrap()]).await;
    let refused = |report: &Value| report["refused"][0].as_str().unwrap_or_default().to_owned();
    assert!(
        refused(&reports[0]).starts_with("ServiceAccountTaken: "),
        "{reports:#?}"
    );
    assert_eq!(steps(&reports[1]).len(), 2, "{reports:#?}");
    assert!(
        code == 3 && refused(&reports[2]).starts_with("ServiceAccountTaken: "),
        "{reports:#?}"
    );
    let output = scene.world.irsa(&["plan", "app"], None).await.unwrap();
    assert!(
        output.code == 4 && output.out.contains("not known with your own"),
        "{output:?}"
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
        other.code == 1 && other.err.contains("has no OidcFederation and no IamRoleBinding in it"),
        "{other:?}"
    );
}

#[tokio::test]
async fn a_federation_is_planned_for_by_the_operators_own_steps() {
    let mut scene = Scene::start().await;
    let federation = ["--federation", "default"];
    let (reports, code) = scene.plan(&federation).await;
    assert_eq!((steps(&reports[0]).len(), code), (0, 0), "{reports:#?}");
    assert_eq!(
        (&reports[0]["kind"], &reports[0]["name"]),
        (&json!("OidcFederation"), &json!("default"))
    );

    // What a change would do, and then does.
    let mut wanted = scene.world.get("oidcfederation", "", "default").await.unwrap().unwrap();
    wanted["spec"]["audiences"] = json!(["sts.amazonaws.com", "vault"]);
    wanted["spec"]["publish"]["s3"]["cacheControl"] = json!("public, max-age=60");
    for member in ["status", "metadata"] {
        wanted.as_object_mut().unwrap().remove(member);
    }
    wanted["metadata"] = json!({"name": "default"});
    // A binding of it in the same file is judged by the federation as it would be.
    let mut bound = binding("app", &["AmazonS3ReadOnlyAccess"]);
    bound["spec"]["audiences"] = json!(["vault"]);
    let manifests = file(&[wanted.clone(), bound]);
    let path = manifests.path().to_str().unwrap().to_owned();
    let (reports, code) = scene.plan(&["-f", &path]).await;
    assert_eq!(
        (steps(&reports[0]), code),
        (
            vec!["put key set", "put discovery document", "add provider audience vault"],
            2
        ),
        "{reports:#?}"
    );
    assert!(steps(&reports[1]).contains(&"set trust policy"), "{reports:#?}");
    let output = scene
        .world
        .irsa(&["plan", "--diff", "-f", &path], Some(&scene.root))
        .await
        .unwrap();
    assert!(
        output.out.starts_with("OidcFederation default\n  put key set\n"),
        "{}",
        output.out
    );
    // The record of keys, in which there is a secret, is never shown.
    assert!(!output.out.to_lowercase().contains("secret"), "{}", output.out);

    // Drift, with nobody there to mend it.
    scene.world.stop_operator().await.unwrap();
    let arn = format!(
        "arn:aws:iam::{}:oidc-provider/acme-irsa.s3.eu-central-1.amazonaws.com/clusters/demo",
        irsa_tests::world::ACCOUNT
    );
    let delete = scene.iam().await.delete_open_id_connect_provider();
    delete.open_id_connect_provider_arn(&arn).send().await.unwrap();
    let bucket = irsa_tests::world::ISSUER_BUCKET;
    let removed = scene
        .world
        .aws
        .s3(|s3| s3.remove_object_directly(bucket, "clusters/demo/openid/v1/jwks"));
    removed.unwrap();
    let (reports, code) = scene.plan(&federation).await;
    assert_eq!(
        (steps(&reports[0]), code),
        (vec!["put key set", "create OIDC provider"], 2)
    );
    assert_eq!(
        reports[0]["steps"][1]["after"]["clientIds"],
        json!(["sts.amazonaws.com"])
    );

    // What only a person can mend is said.
    let old = "https://kubernetes.default.svc.cluster.local";
    let ours = irsa_tests::world::ISSUER;
    scene.world.cluster.restart_with_issuers(0, &[old, ours]).await.unwrap();
    let (reports, code) = scene.plan(&federation).await;
    let refused = reports[0]["refused"][0].as_str().unwrap();
    assert!(refused.starts_with("IssuerMismatch: ") && code == 3, "{reports:#?}");

    let elsewhere = [&federation[..], &["--operator-namespace", "default"]].concat();
    let (reports, code) = scene.plan(&elsewhere).await;
    let refused = reports[0]["refused"][0].as_str().unwrap();
    assert!(refused.contains("--operator-namespace") && code == 3, "{refused}");
    let none = scene.world.irsa(&["plan", "--federation", "gone"], None).await.unwrap();
    assert!(
        none.code == 1 && none.err.contains("there is no OidcFederation gone"),
        "{none:?}"
    );
}
