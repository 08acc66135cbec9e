//! Every day after the first: nothing changes and nothing is written; somebody changes something and it is put back.

use std::time::Duration;

use irsa_testkit::{
    aws::{Fault, FaultRule},
    controlplane::SigningKey,
};
use irsa_tests::{
    admin,
    world::{ACCOUNT, ISSUER_BUCKET, REGION, World, objects::says, pods::variable, repository},
};
use serde_json::{Value, json};

const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");
const BINDING: (&str, &str, &str) = ("iamrolebinding", "default", "app");

/// What differs so soon after our own write is taken for a stale read of IAM.
const STALE_READS: Duration = Duration::from_secs(11);

#[tokio::test]
async fn an_unchanged_world_is_read_and_never_written() {
    let mut world = World::as_shipped(SigningKey::generate_rsa().unwrap()).await.unwrap();
    // The samples check every 10 minutes: passes are asked for, each of which writes the request's echo and no more.
    world.request_pass(&[FEDERATION, BINDING], "settled").await.unwrap();
    let mark = world.mark().await.unwrap();
    for value in ["one", "two", "three"] {
        world.request_pass(&[FEDERATION, BINDING], value).await.unwrap();
    }
    let counts = world.counts_since(&mark).await.unwrap();
    assert!(counts.aws_writes.is_empty(), "{counts:#?}");
    let echoes = [
        ("patch iamrolebindings/status".to_owned(), 3),
        ("patch oidcfederations/status".to_owned(), 3),
    ];
    assert_eq!(counts.kubernetes_writes, echoes.into(), "only the echoes");
    assert!(counts.aws() > 0, "the passes did look");

    world.stop_operator().await.unwrap();
    let mark = world.mark().await.unwrap();
    world.start_operator().await.unwrap();
    world
        .request_pass(&[FEDERATION, BINDING], "after a restart")
        .await
        .unwrap();
    let counts = world.counts_since(&mark).await.unwrap();
    assert!(counts.aws_writes.is_empty(), "{counts:#?}");
    let written: usize = counts.kubernetes_writes.values().sum();
    let told = world.operator().unwrap().log();
    assert!(
        written <= 2,
        "{counts:#?}
{told}"
    );
}

async fn role_name(world: &World) -> String {
    let binding = world.get(BINDING.0, BINDING.1, BINDING.2).await.unwrap().unwrap();
    binding["status"]["roleName"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_somebody_changes_on_the_role_is_put_back() {
    let world = World::with_samples(SigningKey::generate_rsa().unwrap()).await.unwrap();
    let config = admin::root(&world.aws, ACCOUNT, REGION).await.unwrap();
    let iam = aws_sdk_iam::Client::new(&config);
    let role = role_name(&world).await;
    let before = iam.get_role().role_name(&role).send().await.unwrap();
    tokio::time::sleep(STALE_READS).await;

    let open = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}, "Action": "sts:AssumeRole"}]});
    iam.update_assume_role_policy()
        .role_name(&role)
        .policy_document(open.to_string())
        .send()
        .await
        .unwrap();
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    let read_only = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    iam.attach_role_policy()
        .role_name(&role)
        .policy_arn(admin)
        .send()
        .await
        .unwrap();
    iam.detach_role_policy()
        .role_name(&role)
        .policy_arn(read_only)
        .send()
        .await
        .unwrap();
    iam.untag_role()
        .role_name(&role)
        .tag_keys("irsa-anywhere.dev/uid")
        .send()
        .await
        .unwrap();
    world.request_pass(&[FEDERATION, BINDING], "drift").await.unwrap();

    let after = iam.get_role().role_name(&role).send().await.unwrap();
    let trust = |answer: &aws_sdk_iam::operation::get_role::GetRoleOutput| {
        answer.role().unwrap().assume_role_policy_document().unwrap().to_owned()
    };
    assert_eq!(trust(&after), trust(&before));
    let attached = iam.list_attached_role_policies().role_name(&role).send().await.unwrap();
    let arns: Vec<_> = attached
        .attached_policies()
        .iter()
        .filter_map(|policy| policy.policy_arn())
        .collect();
    assert_eq!(arns, [read_only]);
    let events = world.kubectl(&["get", "events", "-A", "-o", "json"]).await.unwrap();
    assert!(
        events.contains("DriftRepaired"),
        "an event tells that drift was repaired"
    );
}

#[tokio::test]
async fn what_somebody_changes_about_the_issuer_is_put_back() {
    let world = World::with_samples(SigningKey::generate_rsa().unwrap()).await.unwrap();
    let config = admin::root(&world.aws, ACCOUNT, REGION).await.unwrap();
    let (iam, s3) = (aws_sdk_iam::Client::new(&config), aws_sdk_s3::Client::new(&config));
    let provider = world.aws.account(ACCOUNT).provider_arns().remove(0);
    let key = "clusters/demo/openid/v1/jwks";
    let read = || async {
        let object = s3.get_object().bucket(ISSUER_BUCKET).key(key).send().await.unwrap();
        object.body.collect().await.unwrap().into_bytes()
    };
    let jwks = read().await;
    tokio::time::sleep(STALE_READS).await;

    s3.put_object()
        .bucket(ISSUER_BUCKET)
        .key(key)
        .body(b"{\"keys\":[]}".to_vec().into())
        .send()
        .await
        .unwrap();
    s3.delete_bucket_policy().bucket(ISSUER_BUCKET).send().await.unwrap();
    iam.add_client_id_to_open_id_connect_provider()
        .open_id_connect_provider_arn(&provider)
        .client_id("somebody-elses")
        .send()
        .await
        .unwrap();
    world.request_pass(&[FEDERATION, BINDING], "drift").await.unwrap();

    assert_eq!(read().await, jwks);
    let policy = s3.get_bucket_policy().bucket(ISSUER_BUCKET).send().await.unwrap();
    assert!(policy.policy().unwrap().contains("s3:GetObject"));
    let found = iam
        .get_open_id_connect_provider()
        .open_id_connect_provider_arn(&provider)
        .send()
        .await
        .unwrap();
    assert_eq!(found.client_id_list(), ["sts.amazonaws.com"]);
    let events = world.kubectl(&["get", "events", "-A", "-o", "json"]).await.unwrap();
    assert!(
        events.contains("DocumentsTampered"),
        "changed documents are an incident"
    );
}

#[tokio::test]
async fn a_removed_annotation_is_put_back_and_unbinding_removes_it() {
    let world = World::with_samples(SigningKey::generate_rsa().unwrap()).await.unwrap();
    let annotated = |account: &Value| account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].is_string();
    let account = ("serviceaccount", "default", "app");
    world.wait_for("the annotation", account, annotated).await.unwrap();
    let remove = [
        "annotate",
        "serviceaccount",
        "app",
        "-n",
        "default",
        "eks.amazonaws.com/role-arn-",
    ];
    world.kubectl(&remove).await.unwrap();
    world
        .wait_for("the annotation to come back", account, annotated)
        .await
        .unwrap();

    world
        .kubectl(&["delete", "iamrolebinding", "app", "-n", "default"])
        .await
        .unwrap();
    world
        .wait_for("the annotation to go", account, |account| !annotated(account))
        .await
        .unwrap();
    assert!(world.aws.account(ACCOUNT).role_names().is_empty());
}

#[tokio::test]
async fn an_account_that_moves_to_another_binding_is_written_once_however_late_the_first_lets_go() {
    let world = World::with_samples(SigningKey::generate_rsa().unwrap()).await.unwrap();
    let accounts = ["job", "other"].map(|name| {
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}})
    });
    let binding = |name: &str, accounts: &[&str]| {
        let accounts: Vec<Value> = accounts.iter().map(|name| json!({"name": name})).collect();
        json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"serviceAccounts": accounts, "policies": {"managed": ["AmazonS3ReadOnlyAccess"]}},
        })
    };
    let apply = async |items: Vec<Value>| {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        world.cluster.apply_yaml(&list.to_string()).await.unwrap();
    };
    apply(accounts.into()).await;
    apply(vec![binding("app", &["app", "job"]), binding("second", &["other"])]).await;
    let role_of = async |name: &str| {
        let ready = world.binding_ready("default", name).await.unwrap();
        ready["status"]["roleArn"].as_str().unwrap().to_owned()
    };
    let (first, second) = (role_of("app").await, role_of("second").await);
    let carries =
        |role: String| move |account: &Value| account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == role;
    let job = ("serviceaccount", "default", "job");
    world.wait_for("the first role", job, carries(first)).await.unwrap();

    // The first has looked at its ServiceAccounts when the second gets one of them.
    let late = Fault::Delay(Duration::from_secs(3));
    world
        .aws
        .add_fault(FaultRule::new("iam:UpdateAssumeRolePolicy", 1, late).on("default.app"));
    let mark = world.mark().await.unwrap();
    apply(vec![binding("app", &["app"]), binding("second", &["other", "job"])]).await;
    let subjects = |count: usize| {
        move |binding: &Value| {
            binding["status"]["subjects"]
                .as_array()
                .is_some_and(|all| all.len() == count)
        }
    };
    world
        .wait_for(
            "the second to have it",
            ("iamrolebinding", "default", "second"),
            subjects(2),
        )
        .await
        .unwrap();
    world
        .wait_for("the first to let go", BINDING, subjects(1))
        .await
        .unwrap();
    role_of("app").await;
    world.wait_for("the second role", job, carries(second)).await.unwrap();
    let counts = world.counts_since(&mark).await.unwrap();
    assert_eq!(
        counts.kubernetes_writes.get("patch serviceaccounts"),
        Some(&1),
        "{counts:#?}"
    );
}

#[tokio::test]
async fn any_order_converges_also_when_aws_is_down_at_first() {
    let mut world = World::start().await.unwrap();
    world
        .aws
        .add_fault(FaultRule::new("iam:CreateOpenIDConnectProvider", 2, Fault::CutBefore));
    world.start_operator().await.unwrap();
    let samples = repository().join("config/samples");
    for file in ["iamrolebinding.yaml", "serviceaccount.yaml"] {
        world.cluster.apply_file(&samples.join(file), false).await.unwrap();
    }
    world
        .wait_for("to wait for its federation", BINDING, |binding| {
            says(binding, "Ready", "FederationNotFound")
        })
        .await
        .unwrap();
    world
        .cluster
        .apply_file(&samples.join("oidcfederation.yaml"), false)
        .await
        .unwrap();
    world.federation_ready("default").await.unwrap();
    world.binding_ready("default", "app").await.unwrap();
}

#[tokio::test]
async fn what_a_federation_says_of_pods_reaches_the_next_pod_and_costs_one_write() {
    let world = World::as_shipped(SigningKey::generate_rsa().unwrap()).await.unwrap();
    world.request_pass(&[FEDERATION, BINDING], "settled").await.unwrap();
    let mark = world.mark().await.unwrap();
    let pods = json!({"spec": {"pods": {"region": "us-east-1", "sessionName": "None"}}});
    world
        .kubectl(&[
            "patch",
            "oidcfederation",
            "default",
            "--type=merge",
            "-p",
            &pods.to_string(),
        ])
        .await
        .unwrap();
    let annotations = |account: &Value| account["metadata"]["annotations"].clone();
    world
        .wait_for(
            "the region on the account",
            ("serviceaccount", "default", "app"),
            |account| {
                annotations(account)["irsa-anywhere.dev/region"] == "us-east-1"
                    && annotations(account).get("irsa-anywhere.dev/session-name").is_none()
            },
        )
        .await
        .unwrap();
    // Admission learns of it by a watch of its own.
    let mut pod = world.create_pod("default", "app").await.unwrap();
    for _ in 0..100 {
        if variable(&pod, "AWS_REGION") == Some("us-east-1") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        pod = world.create_pod("default", "app").await.unwrap();
    }
    assert_eq!(variable(&pod, "AWS_REGION"), Some("us-east-1"));
    assert_eq!(variable(&pod, "AWS_DEFAULT_REGION"), Some("us-east-1"));
    assert_eq!(variable(&pod, "AWS_ROLE_SESSION_NAME"), None);
    world.request_pass(&[FEDERATION, BINDING], "after").await.unwrap();
    let counts = world.counts_since(&mark).await.unwrap();
    assert!(counts.aws_writes.is_empty(), "{counts:#?}");
    assert_eq!(counts.kubernetes_writes["patch serviceaccounts"], 1, "{counts:#?}");
}
