//! `import`: what is there becomes manifests, and applying them changes no more than they say.

use irsa_testkit::aws::{Access, Credentials, Mark};
use irsa_tests::world::{
    ACCOUNT, World,
    objects::{condition, is_ready, says},
};
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
async fn what_others_made_is_taken_over_with_all_that_it_has() {
    let mut early = Early::start().await;
    let (published, code, _) = early.bootstrap(&["--publish"]).await;
    assert_eq!(code, 0, "{published}");
    // From here on the issuer is somebody's who has nothing to do with us.
    let iam = early.iam().await;
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}");
    let tags = ["cluster", "federation"].map(|key| format!("irsa-anywhere.dev/{key}"));
    let untagged = iam
        .untag_open_id_connect_provider()
        .open_id_connect_provider_arn(&provider);
    untagged.set_tag_keys(Some(tags.to_vec())).send().await.unwrap();
    let role = foreign_role(&iam, "legacy", "default:legacy").await;
    annotated(&early.world, "legacy", Some(&role)).await;
    irsa_manager(&early.world, "legacy").await;

    let scene = Importer {
        world: &early.world,
        root: &early.root,
    };
    // Somebody names a role that was never his: that is no reason to let his namespace ask for what others have.
    let admin = foreign_role(&iam, "admin", "kube-system:admin").await;
    annotated(&early.world, "greedy", Some(&admin)).await;
    let elsewhere = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "elsewhere"}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "wisher", "namespace": "elsewhere", "annotations": {
            "eks.amazonaws.com/role-arn": format!("arn:aws:iam::{ACCOUNT}:role/none"), "eks.amazonaws.com/audience": "mine"}}},
    ]});
    early.world.cluster.apply_yaml(&elsewhere.to_string()).await.unwrap();
    let (report, code) = scene.import(&["--adopt"]).await;
    assert_eq!(code, 3, "{report:#}");
    let names: Vec<&Value> = report["bindings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["manifest"]["metadata"]["name"])
        .collect();
    assert_eq!(names, ["legacy"], "{report:#}");
    let passed_over = report["passedOver"].to_string();
    assert!(
        passed_over.contains("ServiceAccount greedy of namespace default: the trust policy of ")
            && passed_over.contains("ServiceAccount wisher of namespace elsewhere: "),
        "{passed_over}"
    );
    let spec = &report["federations"][0]["manifest"]["spec"];
    assert!(
        !spec.to_string().contains("elsewhere") && spec["audiences"] == json!(["sts.amazonaws.com"]),
        "{spec:#}"
    );
    // Where nothing is taken over, whoever keeps the role decides.
    let (report, _) = scene.import(&[]).await;
    let found = binding(&report, "greedy");
    let refused = found["plan"]["refused"][0].as_str().unwrap();
    assert!(refused.starts_with("RoleMismatch: "), "{refused}");
    for (name, namespace) in [("greedy", "default"), ("wisher", "elsewhere")] {
        let delete = ["delete", "serviceaccount", name, "-n", namespace];
        early.world.kubectl(&delete).await.unwrap();
    }

    // What was within a boundary is not allowed without one.
    let bounded = foreign_role(&iam, "bounded", "default:bounded").await;
    let boundary = iam.put_role_permissions_boundary().role_name("bounded");
    let boundary = boundary.permissions_boundary("arn:aws:iam::aws:policy/ReadOnlyAccess");
    boundary.send().await.unwrap();
    annotated(&early.world, "bounded", Some(&bounded)).await;
    let (report, _) = scene.import(&["--adopt"]).await;
    let kept = binding(&report, "legacy");
    assert!(
        kept["remarks"]
            .to_string()
            .contains("its permissions boundary is not that of the other roles"),
        "{kept:#}"
    );
    assert!(
        binding(&report, "bounded")["manifest"]["spec"]["existingRole"].is_null(),
        "{report:#}"
    );
    let rules = &report["federations"][0]["manifest"]["spec"]["bindings"];
    assert_eq!(rules["permissionsBoundary"], "arn:aws:iam::aws:policy/ReadOnlyAccess");
    let delete = ["delete", "serviceaccount", "bounded", "-n", "default"];
    early.world.kubectl(&delete).await.unwrap();

    let (report, code) = scene.import(&[]).await;
    assert_eq!(code, 0, "{report:#}");
    let spec = &report["federations"][0]["manifest"]["spec"];
    assert_eq!(spec["issuer"], irsa_tests::world::ISSUER);
    assert_eq!(spec["publish"], json!({"external": {}}));
    assert_eq!(spec["provider"]["management"], "Existing");
    assert_eq!(spec["aws"]["accountId"], ACCOUNT);
    let found = binding(&report, "legacy");
    assert_eq!(found["manifest"]["spec"]["existingRole"]["arn"], role.as_str());
    let remark = found["remarks"][0].as_str().unwrap();
    assert!(
        remark.contains("IRSA default/legacy") && remark.contains("set its spec.cleanup to false"),
        "{remark}"
    );

    let (report, code) = scene.import(&["--adopt"]).await;
    assert_eq!(code, 0, "{report:#}");
    let found = binding(&report, "legacy");
    let spec = &found["manifest"]["spec"];
    assert_eq!(spec["role"]["description"], "Of Terraform");
    assert_eq!(spec["role"]["tags"], json!({"team": "shop"}));
    assert_eq!(
        spec["policies"]["managed"],
        json!(["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"])
    );
    assert_eq!(report["federations"][0]["manifest"]["spec"]["pods"]["region"], "None");
    // The pattern operators go, and nothing else but tags.
    let foretold: Vec<String> = steps(found).into_iter().map(str::to_owned).collect();
    assert!(foretold.contains(&"set trust policy".to_owned()), "{foretold:?}");
    assert!(
        !foretold
            .iter()
            .any(|step| step.contains("policy arn:") || step.contains("description")),
        "{foretold:?}"
    );
    let (manifests, _) = scene.import_as(&["--adopt"]).await;

    // It is applied as it is printed, and nothing is written before the role is handed over.
    let offer = found["offer"].as_str().unwrap();
    assert!(
        manifests.contains(offer) && manifests.contains("#   set trust policy\n"),
        "{manifests}"
    );
    early.world.start_operator().await.unwrap();
    let mark = early.world.aws.mark();
    early.world.cluster.apply_yaml(&manifests).await.unwrap();
    Importer {
        world: &early.world,
        root: &early.root,
    }
    .grant(&["--adopt", &role])
    .await;
    let of = ("iamrolebinding", "default", "legacy");
    let foreign = |object: &Value| says(object, "RoleSynced", "ForeignRole");
    early
        .world
        .wait_for("the tag that is missing", of, foreign)
        .await
        .unwrap();
    assert!(writes(&early.world, mark).is_empty());
    let message = early.world.get(of.0, of.1, of.2).await.unwrap().unwrap();
    let message = condition(&message, "RoleSynced").unwrap()["message"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, value) = offer.split_once("Value=").unwrap();
    assert!(message.contains(value), "{message}");
    let tag = aws_sdk_iam::types::Tag::builder()
        .key("irsa-anywhere.dev/adopt")
        .value(value)
        .build()
        .unwrap();
    iam.tag_role().role_name("legacy").tags(tag).send().await.unwrap();

    let mark = early.world.aws.mark();
    early.world.request_pass(&[of], "handed-over").await.unwrap();
    early.world.wait_for("the take-over", of, is_ready).await.unwrap();
    let made: Vec<String> = writes(&early.world, mark);
    let in_aws = foretold.iter().filter(|step| !step.contains("ServiceAccount"));
    assert_eq!(made.len(), in_aws.count(), "{made:?} {foretold:?}");
    let attached = iam
        .list_attached_role_policies()
        .role_name("legacy")
        .send()
        .await
        .unwrap();
    assert_eq!(attached.attached_policies().len(), 1);
    let token = early
        .world
        .cluster
        .token("default", "legacy", "sts.amazonaws.com", 3600)
        .await
        .unwrap();
    early.world.assume(&role, &token).await.unwrap();

    let scene = Importer {
        world: &early.world,
        root: &early.root,
    };
    let (nothing, code) = scene.import_as(&[]).await;
    assert_eq!((nothing.as_str(), code), ("# Nothing is to be imported.\n", 0));
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

/// An object of irsa-manager, as its own CRD has it.
async fn irsa_manager(world: &World, name: &str) {
    let group = "irsa-manager.kkb0318.github.io";
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("irsas.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"kind": "IRSA", "listKind": "IRSAList", "plural": "irsas", "singular": "irsa"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            }}}],
        },
    });
    world.cluster.apply_yaml(&definition.to_string()).await.unwrap();
    let wait = [
        "wait",
        "--for",
        "condition=Established",
        "--timeout",
        "60s",
        "crd",
        &format!("irsas.{group}"),
    ];
    world.kubectl(&wait).await.unwrap();
    let object = json!({
        "apiVersion": format!("{group}/v1alpha1"), "kind": "IRSA", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "cleanup": true, "serviceAccount": {"name": name, "namespaces": ["default"]},
            "iamRole": {"name": name}, "iamPolicies": ["AmazonS3ReadOnlyAccess"],
        },
    });
    world.cluster.apply_yaml(&object.to_string()).await.unwrap();
}
