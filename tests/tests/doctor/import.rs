//! `import`: what is there becomes manifests, and applying them changes no more than they say.

mod adopting;

use irsa_testkit::aws::{Access, Credentials, Mark};
use irsa_tests::world::{ACCOUNT, World, objects::is_ready};
use serde_json::{Value, json};

use crate::{Scene, bootstrap::Early};

const HOST: &str = "acme-irsa.s3.eu-central-1.amazonaws.com/clusters/demo";

/// A role as Terraform makes it, with a policy and a tag.
async fn foreign_role(iam: &aws_sdk_iam::Client, name: &str, subject: &str) -> String {
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}")},
        "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringLike": {
            format!("{HOST}:aud"): "sts.amazonaws.com", format!("{HOST}:sub"): format!("system:serviceaccount:{subject}"),
        }},
    }]});
    let tag = aws_sdk_iam::types::Tag::builder()
        .key("team")
        .value("shop")
        .build()
        .unwrap();
    let made = iam
        .create_role()
        .role_name(name)
        .assume_role_policy_document(trust.to_string());
    let made = made.description("Of Terraform").tags(tag).send().await.unwrap();
    let attached = iam.attach_role_policy().role_name(name);
    let attached = attached
        .policy_arn("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
        .send()
        .await;
    attached.unwrap();
    made.role.unwrap().arn
}

/// A role with a statement that names somebody, and one that names nobody.
async fn half_open_role(iam: &aws_sdk_iam::Client, name: &str) {
    let statement = |conditions: Value| {
        json!({"Effect": "Allow", "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}")},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": conditions}})
    };
    let (audience, subject) = (format!("{HOST}:aud"), format!("{HOST}:sub"));
    let trust = json!({"Version": "2012-10-17", "Statement": [
        statement(json!({audience.as_str(): "sts.amazonaws.com", subject: "system:serviceaccount:default:nobody"})),
        statement(json!({audience.as_str(): "sts.amazonaws.com"})),
    ]});
    let made = iam
        .create_role()
        .role_name(name)
        .assume_role_policy_document(trust.to_string());
    made.send().await.unwrap();
}

async fn annotated(world: &World, name: &str, role: Option<&str>) {
    let annotations = role.map(|role| json!({"eks.amazonaws.com/role-arn": role}));
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": "default", "annotations": annotations},
    });
    world.cluster.apply_yaml(&account.to_string()).await.unwrap();
}

/// Whoever imports.
struct Importer<'a> {
    world: &'a World,
    root: &'a Credentials,
}

impl Importer<'_> {
    /// What is found, and what it ends with.
    async fn import(&self, more: &[&str]) -> (Value, i32) {
        let (out, code) = self.import_as(&[&["-o", "json"], more].concat()).await;
        (
            serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}")),
            code,
        )
    }

    /// Has the operator what it needs for what is applied by now, and no more.
    async fn grant(&self, more: &[&str]) {
        let output = self
            .world
            .irsa(&[&["iam-policy"], more].concat(), Some(self.root))
            .await
            .unwrap();
        assert_eq!(output.code, 0, "{output:?}");
        let account = self.world.aws.account(ACCOUNT);
        account.create_user("irsa-anywhere", &output.out).unwrap();
    }

    async fn import_as(&self, more: &[&str]) -> (String, i32) {
        let mark = self.world.aws.mark();
        let output = self
            .world
            .irsa(&[&["import"], more].concat(), Some(self.root))
            .await
            .unwrap();
        assert!(writes(self.world, mark).is_empty());
        assert!(output.err.is_empty(), "{output:?}");
        (output.out, output.code)
    }
}

fn binding<'a>(report: &'a Value, name: &str) -> &'a Value {
    let bindings = report["bindings"].as_array().unwrap();
    let found = bindings.iter().find(|one| one["manifest"]["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {report:#}"))
}

fn steps(binding: &Value) -> Vec<&str> {
    let steps = binding["plan"]["steps"].as_array().unwrap();
    steps.iter().map(|step| step["what"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_is_there_becomes_bindings_that_leave_it_as_it_is() {
    let whole = Scene::start().await;
    let scene = Importer {
        world: &whole.world,
        root: &whole.root,
    };
    let iam = whole.iam().await;
    // The samples are bindings already.
    let (nothing, code) = scene.import_as(&[]).await;
    assert_eq!((nothing.as_str(), code), ("# Nothing is to be imported.\n", 0));

    let role = foreign_role(&iam, "annotated", "default:annotated").await;
    let by_hand = foreign_role(&iam, "by-hand", "default:by-hand").await;
    foreign_role(&iam, "wide", "default:*").await;
    foreign_role(&iam, "of-another", "other:*").await;
    half_open_role(&iam, "half-open").await;
    annotated(scene.world, "annotated", Some(&role)).await;
    annotated(scene.world, "by-hand", None).await;
    annotated(scene.world, "template", Some("arn:aws:iam::${ACCOUNT}:role/app")).await;

    let (report, code) = scene.import(&[]).await;
    assert_eq!(code, 3, "{report:#}");
    let passed_over: Vec<&str> = report["passedOver"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect();
    assert_eq!(passed_over.len(), 4, "{report:#}");
    assert!(
        passed_over
            .iter()
            .any(|one| one.contains("role/half-open: its trust policy lets in whoever has a token of the issuer, "))
    );
    assert!(
        passed_over
            .iter()
            .any(|one| one.starts_with("ServiceAccount default/template: "))
    );
    assert!(
        passed_over
            .iter()
            .any(|one| one.contains("role/wide: ") && one.contains("system:serviceaccount:default:*"))
    );
    assert_eq!(report["bindings"].as_array().unwrap().len(), 2, "{report:#}");
    let found = binding(&report, "annotated");
    assert_eq!(found["manifest"]["spec"]["existingRole"]["arn"], role.as_str());
    assert_eq!(steps(found), ["annotate ServiceAccount annotated"]);
    let found = binding(&report, "by-hand");
    assert_eq!(found["manifest"]["spec"]["existingRole"]["arn"], by_hand.as_str());
    assert_eq!(found["manifest"]["spec"]["serviceAccountMode"], "None");
    assert!(steps(found).is_empty());

    let (of_one, _) = scene.import_as(&["-n", "default"]).await;
    assert!(
        of_one.contains("role/wide: ") && !of_one.contains("role/of-another"),
        "{of_one}"
    );

    // Somebody who may look at the ServiceAccounts of one namespace: bindings are written, and it is said what is not known.
    let rights = r#"{"apiVersion":"v1","kind":"List","items":[
        {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"looks","namespace":"default"},"rules":[
            {"apiGroups":[""],"resources":["serviceaccounts"],"verbs":["list"]}]},
        {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"looks","namespace":"default"},
            "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"looks"},
            "subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"alice"}]}]}"#;
    scene.world.cluster.apply_yaml(rights).await.unwrap();
    let alice = ["import", "--as", "alice", "-n", "default"];
    let refused = scene.world.irsa(&alice, Some(scene.root)).await.unwrap();
    assert!(
        refused.code == 1 && refused.err.contains("with --federation"),
        "{refused:?}"
    );
    let (seen, _) = scene
        .import_as(&["--as", "alice", "-n", "default", "--federation", "default"])
        .await;
    assert!(
        seen.contains("existingRole:") && seen.contains(&role) && !seen.contains("the operator will:"),
        "{seen}"
    );
    assert!(
        seen.contains("what applying this changes is not known: the namespace"),
        "{seen}"
    );

    // The manifests are applied as they are printed. The roles stay as they are.
    let (manifests, code) = scene.import_as(&[]).await;
    assert!(code == 3 && manifests.contains("# Not imported:"), "{manifests}");
    let mark = scene.world.aws.mark();
    scene.world.cluster.apply_yaml(&manifests).await.unwrap();
    scene.grant(&[]).await;
    for name in ["annotated", "by-hand"] {
        let of = ("iamrolebinding", "default", name);
        scene.world.wait_for("the import", of, is_ready).await.unwrap();
    }
    assert!(writes(scene.world, mark).is_empty());
    let (report, code) = scene.import(&[]).await;
    assert_eq!(
        (report["bindings"].as_array().unwrap().len(), code),
        (0, 3),
        "{report:#}"
    );
}

#[tokio::test]
async fn more_namespaces_than_a_selector_may_name_are_selected_by_a_label() {
    let early = Early::start().await;
    let world = &early.world;
    let role = foreign_role(&early.iam().await, "shared", "team-0:app").await;
    let objects = (0..33).flat_map(|number| {
        let namespace = format!("team-{number}");
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "app", "namespace": namespace, "annotations": {"eks.amazonaws.com/role-arn": role}},
        });
        [
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
            account,
        ]
    });
    let objects: Vec<Value> = objects.collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    world.cluster.apply_yaml(&list.to_string()).await.unwrap();
    let scene = Importer {
        world,
        root: &early.root,
    };
    let (report, code) = scene.import(&[]).await;
    assert_eq!(report["bindings"].as_array().unwrap().len(), 33);
    let federation = &report["federations"][0];
    let selector = &federation["manifest"]["spec"]["bindings"]["allowedNamespaces"]["selector"];
    assert_eq!(
        selector,
        &json!({"matchLabels": {"irsa-anywhere.dev/federation": "default"}})
    );
    let remarks = federation["remarks"].to_string();
    assert!(
        remarks.contains("kubectl label namespace team-0 team-1 team-10 "),
        "{remarks}"
    );
    // Nobody has the label yet.
    assert_eq!(code, 3, "{report:#}");

    // The API server takes what is printed.
    let (manifests, _) = scene.import_as(&[]).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, manifests.as_bytes()).unwrap();
    let apply = ["apply", "--dry-run=server", "-f", file.path().to_str().unwrap()];
    let applied = world.kubectl(&apply).await.unwrap();
    assert_eq!(applied.matches("created (server dry run)").count(), 34, "{applied}");
}

/// Operations that wrote to AWS since then.
fn writes(world: &World, mark: Mark) -> Vec<String> {
    let calls = world.aws.since(mark).into_iter();
    calls
        .filter(|call| call.access == Access::Write)
        .map(|call| call.operation)
        .collect()
}
