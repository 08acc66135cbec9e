//! `audit`: who in the cluster can become which role, whoever made the role and however its trust policy is written.

use std::process::Command;

use irsa_testkit::aws::Access;
use irsa_tests::{
    made::made_by,
    world::{ACCOUNT, objects::is_ready},
};
use serde_json::{Value, json};

use crate::Scene;

const HOST: &str = "acme-irsa.s3.eu-central-1.amazonaws.com/clusters/demo";

impl Scene {
    /// A role as Terraform would make it, with these conditions on this cluster's tokens.
    async fn role_by_hand(&self, name: &str, conditions: Value) {
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}")},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": conditions,
        }]});
        let iam = self.iam().await;
        let made = iam
            .create_role()
            .role_name(name)
            .assume_role_policy_document(trust.to_string());
        made.send().await.unwrap();
    }

    async fn audit(&self) -> (Value, i32) {
        let output = self
            .world
            .irsa(&["audit", "-o", "json"], Some(&self.root))
            .await
            .unwrap();
        let report = serde_json::from_str(&output.out).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (report, output.code)
    }
}

/// The findings, but for what they advise.
fn findings(report: &Value) -> Vec<(String, String, String)> {
    let text = |finding: &Value, member: &str| finding[member].as_str().unwrap().to_owned();
    let found = report["findings"].as_array().unwrap().iter();
    found
        .map(|finding| (text(finding, "severity"), text(finding, "kind"), text(finding, "about")))
        .collect()
}

fn role<'a>(report: &'a Value, name: &str) -> &'a Value {
    let roles = report["roles"].as_array().unwrap();
    let found = roles
        .iter()
        .find(|role| role["arn"].as_str().unwrap().ends_with(&format!("/{name}")));
    found.unwrap_or_else(|| panic!("no role {name}: {report:#}"))
}

#[tokio::test]
async fn who_gets_into_which_role_is_found_whoever_made_it_and_what_is_too_wide_comes_first() {
    let mut scene = Scene::start().await;
    let before = scene.audit().await;
    let own = role(&before.0, "irsa-fe5f1263-default.app").clone();
    assert_eq!(
        (&own["reach"], &own["bindings"]),
        (&json!("Named"), &json!(["default/app"]))
    );
    let account = &own["serviceAccounts"][0];
    assert_eq!(
        (&account["name"], &account["bound"], &account["exists"]),
        (&json!("app"), &json!(true), &json!(true))
    );
    assert_eq!(account["pods"], json!(1), "{own:#}");
    assert!(!own["policies"].as_array().unwrap().is_empty());
    let wide = |report: &Value| {
        findings(report)
            .into_iter()
            .filter(|finding| finding.0 != "Low")
            .count()
    };
    assert_eq!(
        (wide(&before.0), before.1, &before.0["unseen"]),
        (0, 0, &json!([])),
        "{:#}",
        before.0
    );

    // By hand: one for everybody, one by a pattern, one of another cluster, an administrator, and one of ours that was edited.
    let aud = json!({format!("{HOST}:aud"): "sts.amazonaws.com"});
    scene.role_by_hand("by-terraform", json!({"StringEquals": aud})).await;
    let like = json!({format!("{HOST}:sub"): "system:serviceaccount:kube-*:*"});
    scene
        .role_by_hand("by-pattern", json!({"StringEquals": aud, "StringLike": like}))
        .await;
    let attach = scene.iam().await.attach_role_policy().role_name("by-pattern");
    attach
        .policy_arn("arn:aws:iam::aws:policy/AdministratorAccess")
        .send()
        .await
        .unwrap();
    scene.world.stop_operator().await.unwrap();
    let (name, trust) = scene.trust("app").await;
    let edited = trust.replace("serviceaccount:default:app\"", "serviceaccount:kube-system:default\"");
    let update = scene.iam().await.update_assume_role_policy().role_name(&name);
    update.policy_document(&edited).send().await.unwrap();

    let mark = scene.world.aws.mark();
    let (report, code) = scene.audit().await;
    let calls = scene.world.aws.since(mark);
    let own = own["arn"].as_str().unwrap();
    let arn = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    let found = findings(&report);
    let at = |severity: &str, kind: &str, about: String| {
        let wanted = (severity.to_owned(), kind.to_owned(), about);
        found
            .iter()
            .position(|finding| *finding == wanted)
            .unwrap_or_else(|| panic!("no {wanted:?}: {found:#?}"))
    };
    let high = [
        at("High", "every-service-account", arn("by-terraform")),
        at("High", "pattern", arn("by-pattern")),
        at("High", "administrator", arn("by-pattern")),
    ];
    let medium = at("Medium", "not-bound", own.to_owned());
    assert!(high.iter().all(|place| *place < medium) && code == 3, "{found:#?}");
    assert_eq!(role(&report, "by-terraform")["reach"], "Everybody");
    let fits = role(&report, "by-pattern")["serviceAccounts"].as_array().unwrap();
    assert!(
        !fits.is_empty()
            && fits
                .iter()
                .all(|account| account["namespace"].as_str().unwrap().starts_with("kube-"))
    );
    // Two listings, a provider, and who one is; nothing for each role.
    assert!(
        calls.len() <= 4 && calls.iter().all(|call| call.access != Access::Write),
        "{calls:#?}"
    );

    let table = scene.world.irsa(&["audit"], Some(&scene.root)).await.unwrap();
    let first = table.out.lines().next().unwrap();
    assert!(first.starts_with("High ") && table.code == 3, "{}", table.out);
    let row = table.out.lines().find(|line| line.starts_with("by-terraform")).unwrap();
    assert!(row.contains("every ServiceAccount"), "{}", table.out);
}

#[tokio::test]
async fn what_cannot_be_seen_is_said_and_the_rest_is_shown() {
    let scene = Scene::start().await;
    let world = &scene.world;
    // No credentials of AWS: the roles are those of the bindings.
    let output = world.irsa(&["audit", "-o", "json"], None).await.unwrap();
    let report: Value = serde_json::from_str(&output.out).unwrap_or_else(|_| panic!("{output:?}"));
    let unseen = report["unseen"][0].as_str().unwrap_or_else(|| panic!("{report:#}"));
    assert!(
        unseen.contains(ACCOUNT) && unseen.contains("there are no AWS credentials here"),
        "{unseen}"
    );
    assert_eq!(
        (&role(&report, "irsa-fe5f1263-default.app")["reach"], output.code),
        (&json!("Unseen"), 4)
    );

    // Who may look at our kinds alone.
    let rights = r#"{"apiVersion":"v1","kind":"List","items":[
        {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"audits"},"rules":[
            {"apiGroups":["irsa-anywhere.dev"],"resources":["iamrolebindings","oidcfederations"],"verbs":["list"]}]},
        {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"audits"},
            "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"audits"},
            "subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"alice"}]}]}"#;
    world.cluster.apply_yaml(rights).await.unwrap();
    let output = world
        .irsa(&["audit", "--as", "alice"], Some(&scene.root))
        .await
        .unwrap();
    let text = output.out.replace("\n  ", " ");
    assert!(
        output.code == 4
            && text.contains("? Pods cannot be listed: ")
            && text.contains("? ServiceAccounts cannot be listed: "),
        "{}",
        output.out
    );
    assert!(text.contains("irsa-fe5f1263-default.app  default/app"), "{text}");
    let nobody = world.irsa(&["audit", "--as", "bob"], Some(&scene.root)).await.unwrap();
    assert!(
        nobody.code == 1 && nobody.err.contains("the OidcFederations cannot be listed: "),
        "{nobody:?}"
    );
}

#[tokio::test]
async fn the_page_is_one_file_that_a_browser_draws_and_searches() {
    let scene = Scene::start().await;
    let aud = json!({format!("{HOST}:aud"): "sts.amazonaws.com"});
    scene.role_by_hand("by-terraform", json!({"StringEquals": aud})).await;
    let second = json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding", "metadata": {"name": "second", "namespace": "default"},
        "spec": {"serviceAccounts": [{"name": "second"}], "policies": {"managed": []}},
    });
    scene
        .world
        .cluster
        .ensure_service_account("default", "second")
        .await
        .unwrap();
    scene.world.cluster.apply_yaml(&second.to_string()).await.unwrap();
    let second = ("iamrolebinding", "default", "second");
    let made = |object: &Value| object["status"]["roleArn"].is_string() || is_ready(object);
    scene.world.wait_for("a role", second, made).await.unwrap();
    let output = scene.world.irsa(&["audit", "--html"], Some(&scene.root)).await.unwrap();
    assert_eq!(output.code, 3, "{}", output.err);
    let file = tempfile::NamedTempFile::with_suffix(".html").unwrap();
    std::fs::write(file.path(), &output.out).unwrap();

    let whole = opened(&format!("file://{}", file.path().display()));
    assert!(
        whole.contains("data-ready=\"true\"") && whole.contains("class=\"high\""),
        "{whole}"
    );
    assert_eq!(
        whole.matches("class=\"on").count() + whole.matches(" on\"").count(),
        0,
        "nothing is chosen yet"
    );
    // What is connected with one ServiceAccount: its namespace, itself, its role; and nothing of the others.
    let found = opened(&format!(
        "file://{}#ServiceAccount%20default/second",
        file.path().display()
    ));
    let shown = |name: &str| {
        let title = format!("<title>{name}</title>");
        let node = found.split("<g ").find(|node| node.contains(&title));
        let node = node.unwrap_or_else(|| panic!("no {name}: {found}"));
        let classes = node.split_once("class=\"").unwrap().1.split_once('"').unwrap().0;
        classes.split(' ').any(|class| class == "on")
    };
    let role = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/irsa/fe5f1263/irsa-fe5f1263-default.{name}");
    assert!(shown("ServiceAccount default/second") && shown("Namespace default") && shown(&role("second")));
    assert!(!shown("ServiceAccount default/app") && !shown(&role("app")));
    assert!(!shown(&format!("arn:aws:iam::{ACCOUNT}:role/by-terraform")));

    let both = scene
        .world
        .irsa(&["audit", "--html", "-o", "json"], None)
        .await
        .unwrap();
    assert!(both.code == 1 && both.err.contains("leave --output out"), "{both:?}");
}

/// The page as Chromium has it after its script ran; it complains of nothing.
fn opened(url: &str) -> String {
    let chromium = made_by("chromium/install.sh", &[]).unwrap();
    let opened = Command::new(chromium)
        .args(["--virtual-time-budget=2000", url])
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&opened.stderr).into_owned();
    assert!(opened.status.success() && complaints.is_empty(), "{complaints}");
    String::from_utf8(opened.stdout).unwrap()
}
