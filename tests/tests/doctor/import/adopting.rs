//! `import --adopt`: roles that become the operator's.

use irsa_tests::world::objects::{condition, says};

use super::*;

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
