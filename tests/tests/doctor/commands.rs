//! The other commands: flags, whoami, iam-policy, completion.

use std::collections::BTreeSet;

use irsa_testkit::{aws::Access, controlplane::SigningKey};
use irsa_tests::world::{ACCOUNT, ISSUER, ISSUER_BUCKET, World, operator_policy};
use serde_json::{Value, json};

use crate::Scene;

#[tokio::test]
async fn whoami_takes_the_role_and_lends_it_to_a_command() {
    let scene = Scene::start().await;
    let world = &scene.world;
    // Credentials of AWS are not needed: the token is enough.
    let output = world.irsa(&["whoami", "-s", "app", "-o", "json"], None).await.unwrap();
    assert_eq!(output.code, 0, "{output:?}");
    let session: Value = serde_json::from_str(&output.out).unwrap();
    assert!(
        session["arn"].as_str().unwrap().ends_with("/irsa-anywhere-whoami"),
        "{session}"
    );
    assert_eq!(session["subject"], "system:serviceaccount:default:app");
    assert!(!output.out.to_lowercase().contains("secret"), "{}", output.out);

    // Nothing of the person's own is left in the command's environment.
    let inside = "test -n \"$AWS_SESSION_TOKEN\" || exit 1; echo \"$AWS_REGION $AWS_DEFAULT_REGION [$AWS_PROFILE$AWS_SECURITY_TOKEN$AWS_ACCOUNT_ID]\"; \
                  echo \"$AWS_ACCESS_KEY_ID\" | cut -c 1-4; exit 7";
    let persons = [
        ("AWS_PROFILE", "mine"),
        ("AWS_SECURITY_TOKEN", "mine"),
        ("AWS_ACCOUNT_ID", "210987654321"),
        ("AWS_REGION", "us-west-2"),
        ("AWS_DEFAULT_REGION", "us-west-2"),
    ];
    let arguments = ["whoami", "-b", "app", "--duration", "900", "--", "sh", "-c", inside];
    let lent = world.irsa_in(&arguments, Some(&scene.root), &persons).await.unwrap();
    assert_eq!(
        (lent.code, lent.out.trim()),
        (7, "eu-central-1 eu-central-1 []\nASIA"),
        "{lent:?}"
    );
    let killed = world
        .irsa(&["whoami", "-b", "app", "--", "sh", "-c", "kill -TERM $$"], None)
        .await;
    assert!(killed.unwrap_err().to_string().contains("by a signal"));

    let missing = world
        .irsa(&["whoami", "-b", "app", "--", "no-such-command"], None)
        .await
        .unwrap();
    assert!(
        missing.code == 1 && missing.err.contains("no-such-command: "),
        "{missing:?}"
    );
    let unbound = world.irsa(&["whoami", "-s", "default"], None).await.unwrap();
    assert!(
        unbound.code == 1 && unbound.err.contains("No IamRoleBinding of the namespace default names"),
        "{unbound:?}"
    );
    let long = world
        .irsa(&["whoami", "-s", "app", "--duration", "7200"], None)
        .await
        .unwrap();
    assert!(
        long.code == 1 && long.err.contains("kubectl irsa doctor sa app -n default"),
        "{long:?}"
    );
}

#[tokio::test]
async fn flags_says_what_is_to_be_done_and_when_nothing_is() {
    let mut scene = Scene::start().await;
    let output = scene.world.irsa(&["flags"], None).await.unwrap();
    assert!(
        output.code == 0 && output.out.contains("There is nothing to do."),
        "{output:?}"
    );

    let old = "https://kubernetes.default.svc.cluster.local";
    scene
        .world
        .cluster
        .restart_with_issuers(0, &[old, ISSUER])
        .await
        .unwrap();
    let output = scene
        .world
        .irsa(&["flags", "--distribution", "rke2"], None)
        .await
        .unwrap();
    assert_eq!(output.code, 3, "{output:?}");
    let both = format!("   |   - service-account-issuer={old}\n   |   - service-account-issuer={ISSUER}\n");
    let first = output.out.find(&both).unwrap_or_else(|| panic!("{}", output.out));
    let swapped = format!("   |   - service-account-issuer={ISSUER}\n   |   - service-account-issuer={old}\n");
    assert!(output.out.find(&swapped).unwrap() > first, "{}", output.out);
    let all = scene.world.irsa(&["flags", "-o", "json"], None).await.unwrap();
    let report: Value = serde_json::from_str(&all.out).unwrap();
    assert_eq!(
        (&report["signsAs"], &report["wanted"]),
        (&Value::from(old), &Value::from(ISSUER))
    );
    let gone = scene.world.irsa(&["flags", "other"], None).await.unwrap();
    assert!(
        gone.code == 1 && gone.err.contains("there is no OidcFederation other"),
        "{gone:?}"
    );

    let script = scene.world.irsa(&["completion", "bash"], None).await.unwrap();
    assert_eq!(completed(&script.out, &["doctor", "p"]), ["pod", "po", "pods"]);
    assert_eq!(completed(&script.out, &["fl"]), ["flags"]);
}

#[tokio::test]
async fn what_the_operator_lacks_of_its_policy_and_has_beyond_it_is_named() {
    let scene = Scene::start().await;
    let world = &scene.world;
    let operator = format!("arn:aws:iam::{ACCOUNT}:user/irsa-anywhere");
    let compare = async |principal: &str| {
        let mark = world.aws.mark();
        let arguments = ["iam-policy", "--diff", principal, "-o", "json"];
        let output = world.irsa(&arguments, Some(&scene.root)).await.unwrap();
        let calls = world.aws.since(mark);
        assert!(calls.iter().all(|call| call.access == Access::Read), "{calls:#?}");
        (serde_json::from_str::<Value>(&output.out).unwrap_or_default(), output)
    };
    // What it works under is what it needs.
    let (same, output) = compare(&operator).await;
    assert_eq!(
        (&same["lacks"], &same["beyond"]),
        (&json!([]), &json!([])),
        "{output:?}"
    );
    assert_eq!(output.code, 0);

    let mut policy: Value = serde_json::from_str(&operator_policy().unwrap()).unwrap();
    let statements = policy["Statement"].as_array_mut().unwrap();
    statements.push(json!({"Effect": "Deny", "Action": "iam:TagRole", "Resource": "*"}));
    statements.push(json!({"Effect": "Allow", "Action": "iam:Create*", "Resource": "*"}));
    let account = world.aws.account(ACCOUNT);
    account.create_user("irsa-anywhere", &policy.to_string()).unwrap();
    let (other, output) = compare(&operator).await;
    assert_eq!(output.code, 3);
    let actions = |list: &Value| -> BTreeSet<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|one| one["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        actions(&other["lacks"]),
        BTreeSet::from(["iam:TagRole".to_owned()]),
        "{other:#}"
    );
    let beyond = actions(&other["beyond"]);
    for action in [
        "iam:CreateUser",
        "iam:CreateAccessKey",
        "iam:CreatePolicyVersion",
        "iam:CreateRole",
    ] {
        assert!(beyond.contains(action), "{action}: {other:#}");
    }
    assert!(
        beyond.iter().all(|action| action.starts_with("iam:Create")),
        "{other:#}"
    );

    let (_, nobody) = compare("arn:aws:sts::123456789012:assumed-role/x/y").await;
    assert!(
        nobody.code == 1 && nobody.err.contains("of a session, name its role"),
        "{nobody:?}"
    );
    let refused = world.irsa(&["iam-policy", "-o", "json"], None).await.unwrap();
    assert!(refused.code == 1 && refused.err.contains("--form"), "{refused:?}");
}

#[tokio::test]
async fn the_policy_is_the_one_that_the_operator_works_under_and_the_issuer_is_judged_by_itself() {
    let scene = Scene::start().await;
    let world = &scene.world;
    let output = world.irsa(&["iam-policy"], None).await.unwrap();
    let printed: Value = serde_json::from_str(&output.out).unwrap_or_else(|_| panic!("{output:?}"));
    let works: Value = serde_json::from_str(&operator_policy().unwrap()).unwrap();
    assert_eq!(printed, works);
    let terraform = world
        .irsa(&["iam-policy", "default", "--form", "terraform"], None)
        .await
        .unwrap();
    assert!(
        terraform.out.starts_with("resource \"aws_iam_policy\""),
        "{terraform:?}"
    );

    let (diagnosis, code) = scene.doctor(&["federation"]).await;
    let failing: Vec<&Value> = diagnosis["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["result"] != "Pass")
        .collect();
    assert!(
        code == 0 && failing.is_empty() && diagnosis["checks"].as_array().unwrap().len() > 12,
        "{failing:#?}"
    );
    let table = world.irsa(&["doctor", "oidcfed"], Some(&scene.root)).await.unwrap();
    assert!(
        table.out.contains("AWS can take the tokens of this issuer."),
        "{table:?}"
    );
    world
        .aws
        .s3(|s3| s3.remove_object_directly(ISSUER_BUCKET, "clusters/demo/openid/v1/jwks"))
        .unwrap();
    let (diagnosis, code) = scene.doctor(&["federation", "default"]).await;
    // The operator puts it back within a minute.
    assert_eq!(
        (&diagnosis["cause"]["check"], code),
        (&Value::from("keys-readable"), 3),
        "{diagnosis:#}"
    );
    // Another cluster's key, which is sound by itself.
    let other = irsa_testkit::controlplane::SigningKey::generate_ec_p256()
        .unwrap()
        .jwk()
        .unwrap();
    assert!(world.aws.put_object(
        ISSUER_BUCKET,
        "clusters/demo/openid/v1/jwks",
        serde_json::json!({"keys": [other]}).to_string()
    ));
    let (diagnosis, code) = scene.doctor(&["federation"]).await;
    assert_eq!(
        (&diagnosis["cause"]["check"], code),
        (&Value::from("served-keys-published"), 3),
        "{diagnosis:#}"
    );
    let gone = world.irsa(&["doctor", "federation", "other"], None).await.unwrap();
    assert!(
        gone.code == 1 && gone.err.contains("there is no OidcFederation other"),
        "{gone:?}"
    );
}

#[tokio::test]
async fn a_cluster_without_our_kinds_and_a_command_line_that_is_none_are_told_apart_from_findings() {
    let world = World::start_empty(SigningKey::generate_rsa().unwrap()).await.unwrap();
    let root = world.aws.account(ACCOUNT).root_credentials();
    for (arguments, code, says) in [
        (&["audit"][..], 1, "are the CRDs of irsa-anywhere installed?"),
        (&["doctor", "federation"], 1, "are the CRDs of irsa-anywhere installed?"),
        (
            &["doctor", "binding", "app"],
            1,
            "are the CRDs of irsa-anywhere installed?",
        ),
        (&["plan", "app"], 1, "there is no IamRoleBinding default/app"),
        (&["import"], 0, "# Nothing is to be imported."),
        // With 2 a plan ends that has something to do.
        (&["plan"], 1, "required arguments were not provided"),
        (&["plan", "--wrong"], 1, "unexpected argument '--wrong'"),
        (&["plan", "--help"], 0, "Usage: kubectl irsa plan"),
    ] {
        let output = world.irsa(arguments, Some(&root)).await.unwrap();
        let told = if code == 0 { &output.out } else { &output.err };
        assert!(output.code == code && told.contains(says), "{arguments:?}: {output:?}");
    }
}

/// What bash offers for these words behind the plugin's name, the last of which is not yet whole.
fn completed(script: &str, words: &[&str]) -> Vec<String> {
    let last = words.last().unwrap();
    let before = words.iter().rev().nth(1).unwrap_or(&"kubectl-irsa");
    let ask = format!(
        "{script}\nCOMP_WORDS=(kubectl-irsa {}) COMP_CWORD={}\n_kubectl_irsa kubectl-irsa {last} {before}\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words.len(),
    );
    let output = std::process::Command::new("bash").arg("-c").arg(&ask).output().unwrap();
    let offered = String::from_utf8(output.stdout).unwrap();
    offered.lines().map(str::to_owned).collect()
}
