//! The inventory of roles on a real API server and over the wire: drift is found by it, what it lacks is said, and roles
//! without a binding are named. What it costs is `make bench`'s to count. Slow, because intervals must pass: `make budget`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

use std::time::Duration;

use aws_sdk_iam::Client;
use irsa_testkit::controlplane::SigningKey;
use irsa_tests::{
    admin,
    world::{ACCOUNT, REGION, World, http_get, objects::condition, operator_policy},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");
const BINDING: (&str, &str, &str) = ("iamrolebinding", "default", "app");
const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

/// A world whose samples are ready and are looked at every ten seconds, by an operator that has just started: it has
/// written nothing, so listings count at once.
async fn settled() -> (World, Client) {
    let mut world = World::with_samples(SigningKey::generate_rsa().unwrap()).await.unwrap();
    let interval = json!({"spec": {"interval": "10s", "bindings": {"allowRetain": true}}}).to_string();
    let patch = ["patch", "oidcfederation", "default", "--type=merge", "-p", &interval];
    world.kubectl(&patch).await.unwrap();
    world.request_pass(&[FEDERATION, BINDING], "settled").await.unwrap();
    restart(&mut world).await;
    let iam = Client::new(&admin::root(&world.aws, ACCOUNT, REGION).await.unwrap());
    (world, iam)
}

async fn restart(world: &mut World) {
    world.stop_operator().await.unwrap();
    world.start_operator().await.unwrap();
}

async fn role_name(world: &World) -> String {
    let binding = world.get(BINDING.0, BINDING.1, BINDING.2).await.unwrap().unwrap();
    binding["status"]["roleName"].as_str().unwrap().to_owned()
}

/// What the federation says of its inventory: status, reason and message.
fn inventory(federation: &Value) -> [&str; 3] {
    let says = condition(federation, "RolesInventoried").unwrap();
    ["status", "reason", "message"].map(|field| says[field].as_str().unwrap())
}

async fn wait_for_inventory(world: &World, status: &str, reason: &str, part: &str) {
    let so = |federation: &Value| {
        let [is, because, message] = inventory(federation);
        is == status && because == reason && message.contains(part)
    };
    world.wait_for(part, FEDERATION, so).await.unwrap();
    let federation = world
        .get(FEDERATION.0, FEDERATION.1, FEDERATION.2)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        condition(&federation, "Ready").unwrap()["status"],
        "True",
        "{federation:#}"
    );
}

async fn wait_until(what: &str, so: impl AsyncFnMut() -> bool) {
    wait_for_minutes(1, what, so).await;
}

async fn wait_for_minutes(minutes: u64, what: &str, mut so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(minutes);
    while !so().await {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(300)).await;
    }
}

async fn attached(iam: &Client, role: &str) -> Vec<String> {
    let listed = iam.list_attached_role_policies().role_name(role).send().await.unwrap();
    let policies = listed.attached_policies.unwrap_or_default();
    policies.into_iter().filter_map(|policy| policy.policy_arn).collect()
}

#[tokio::test]
async fn drift_is_put_back_within_an_interval_and_nobody_has_to_ask() {
    let (world, iam) = settled().await;
    wait_for_inventory(&world, "True", "Succeeded", "compared in full").await;
    let role = role_name(&world).await;
    let detach = iam.detach_role_policy().role_name(&role).policy_arn(READ_ONLY);
    detach.send().await.unwrap();
    wait_until("the policy to come back", async || {
        attached(&iam, &role).await == [READ_ONLY]
    })
    .await;

    // A deleted role shows by its absence.
    iam.detach_role_policy()
        .role_name(&role)
        .policy_arn(READ_ONLY)
        .send()
        .await
        .unwrap();
    iam.delete_role().role_name(&role).send().await.unwrap();
    wait_until("the role to come back", async || {
        iam.get_role().role_name(&role).send().await.is_ok() && attached(&iam, &role).await == [READ_ONLY]
    })
    .await;
}

/// The operator's policy without these actions.
fn without(actions: &[&str]) -> String {
    let mut policy: Value = serde_json::from_str(&operator_policy().unwrap()).unwrap();
    for statement in policy["Statement"].as_array_mut().unwrap() {
        if let Some(allowed) = statement["Action"].as_array_mut() {
            allowed.retain(|action| !actions.contains(&action.as_str().unwrap()));
        }
    }
    let empty = |statement: &Value| statement["Action"].as_array().is_some_and(Vec::is_empty);
    policy["Statement"]
        .as_array_mut()
        .unwrap()
        .retain(|statement| !empty(statement));
    policy.to_string()
}

#[tokio::test]
async fn what_may_not_be_listed_is_said_and_drift_is_still_put_back() {
    let (mut world, iam) = settled().await;
    let role = role_name(&world).await;
    for (actions, said) in [
        (
            &["iam:GetAccountAuthorizationDetails"][..],
            "iam:GetAccountAuthorizationDetails is not permitted",
        ),
        (
            &["iam:ListRoles", "iam:GetAccountAuthorizationDetails"],
            "iam:ListRoles is not permitted",
        ),
    ] {
        let user = world.aws.account(ACCOUNT);
        user.create_user("irsa-anywhere", &without(actions)).unwrap();
        restart(&mut world).await;
        wait_for_inventory(&world, "False", "AccessDenied", said).await;
        let detach = iam.detach_role_policy().role_name(&role).policy_arn(READ_ONLY);
        detach.send().await.unwrap();
        wait_until("the policy to come back", async || {
            attached(&iam, &role).await == [READ_ONLY]
        })
        .await;
    }
}

#[tokio::test]
async fn a_large_account_is_not_listed_whole_for_one_role() {
    let (mut world, iam) = settled().await;
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    world.aws.account(ACCOUNT).set_quotas(|quotas| quotas.roles = 5_000);
    for number in 0..1_000 {
        let role = iam.create_role().role_name(format!("theirs-{number}"));
        role.assume_role_policy_document(trust.to_string())
            .send()
            .await
            .unwrap();
    }
    restart(&mut world).await;
    wait_for_inventory(&world, "False", "LargeAccount", "far more roles than ours").await;
    let mark = world.mark().await.unwrap();
    sleep(Duration::from_secs(25)).await;
    let counts = world.counts_since(&mark).await.unwrap();
    assert_eq!(
        counts.aws_reads.get("iam:GetAccountAuthorizationDetails"),
        None,
        "{counts:#?}"
    );
    assert!(counts.aws_reads["iam:ListRoles"] >= 2, "{counts:#?}");
    assert!(counts.no_writes(), "{counts:#?}");
}

fn orphans(world: &World) -> Option<String> {
    let (_, metrics) = http_get(world.operator().unwrap().probes(), "/metrics")?;
    let value = metrics
        .lines()
        .find_map(|line| line.strip_prefix("irsa_anywhere_orphaned_roles "));
    value.map(str::to_owned)
}

#[tokio::test]
async fn a_role_that_was_kept_is_named_until_its_binding_comes_back() {
    let (mut world, iam) = settled().await;
    wait_for_inventory(&world, "True", "Succeeded", "compared in full").await;
    let role = role_name(&world).await;
    let before = iam.get_role().role_name(&role).send().await.unwrap();
    let retain = json!({"spec": {"deletionPolicy": "Retain"}}).to_string();
    let patch = [
        "patch",
        "iamrolebinding",
        "app",
        "-n",
        "default",
        "--type=merge",
        "-p",
        &retain,
    ];
    world.kubectl(&patch).await.unwrap();
    world
        .kubectl(&["delete", "iamrolebinding", "app", "-n", "default"])
        .await
        .unwrap();
    wait_for_inventory(&world, "True", "Succeeded", &format!("{role} of default/app")).await;
    // The metric is set by the round of the inventories, which may be the next one.
    wait_until("the metric to rise", async || orphans(&world).as_deref() == Some("1")).await;

    // It takes a place: a namespace may not collect more roles than it may have.
    let limit = json!({"spec": {"bindings": {"maxRolesPerNamespace": 1}}}).to_string();
    let patch = ["patch", "oidcfederation", "default", "--type=merge", "-p", &limit];
    world.kubectl(&patch).await.unwrap();
    let another = json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": "another", "namespace": "default"},
        "spec": {"serviceAccounts": [{"name": "another"}], "serviceAccountMode": "None"},
    });
    world.cluster.apply_yaml(&another.to_string()).await.unwrap();
    let refused = |binding: &Value| condition(binding, "Ready").is_some_and(|ready| ready["reason"] == "QuotaExceeded");
    let kind = ("iamrolebinding", "default", "another");
    world.wait_for("the refusal", kind, refused).await.unwrap();
    world
        .kubectl(&["delete", "iamrolebinding", "another", "-n", "default"])
        .await
        .unwrap();

    world.apply_samples().await.unwrap();
    let after = iam.get_role().role_name(&role).send().await.unwrap();
    assert_eq!(after.role().unwrap().role_id(), before.role().unwrap().role_id());
    restart(&mut world).await;
    let clear = |federation: &Value| inventory(federation)[2].ends_with("each interval.");
    world
        .wait_for("no role to be left over", FEDERATION, clear)
        .await
        .unwrap();
    wait_until("the metric to go", async || orphans(&world).as_deref() == Some("0")).await;
}

/// More than it takes for the operator to get rid of what they leave behind.
const MANY: usize = 140;

#[tokio::test]
async fn when_all_of_many_bindings_are_gone_the_operator_begins_again_writes_nothing_and_serves_the_next_one() {
    let (world, _) = settled().await;
    let limit = json!({"spec": {"bindings": {"maxRolesPerNamespace": MANY + 1}}}).to_string();
    let patch = ["patch", "oidcfederation", "default", "--type=merge", "-p", &limit];
    world.kubectl(&patch).await.unwrap();
    let bindings: Vec<Value> = (0..MANY)
        .map(|number| {
            json!({
                "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
                "metadata": {"name": format!("many-{number}"), "namespace": "default"},
                "spec": {"serviceAccounts": [{"name": format!("many-{number}")}], "serviceAccountMode": "None"},
            })
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": bindings});
    world.cluster.apply_yaml(&list.to_string()).await.unwrap();
    let condition = ["--for=condition=Ready", "--timeout=3m"];
    let all = ["iamrolebinding", "--all", "-n", "default"];
    world
        .kubectl(&[&["wait"], &condition[..], &all].concat())
        .await
        .unwrap();
    let begins_again = "the controllers begin again";
    assert!(
        !world.operator().unwrap().log().contains(begins_again),
        "they are there"
    );
    // The operator may begin again before kubectl has seen the last of them go.
    let before = world.mark().await.unwrap();
    world.kubectl(&[&["delete"], &all[..]].concat()).await.unwrap();
    let mark = world.mark().await.unwrap();
    let log = async || world.operator().unwrap().log().contains(begins_again);
    // It looks once a minute whether all are gone.
    wait_for_minutes(3, "the operator to begin again", log).await;
    // Nothing else asks who it is.
    let connected = async || {
        let counts = world.counts_since(&before).await.unwrap();
        counts.aws_reads.contains_key("sts:GetCallerIdentity")
    };
    wait_until("a new connection", connected).await;
    let connected = world.mark().await.unwrap();
    let looked = async || {
        let counts = world.counts_since(&connected).await.unwrap();
        counts.aws_reads.contains_key("s3:GetObject")
    };
    wait_until("a look at the federation", looked).await;
    sleep(Duration::from_secs(5)).await;
    let counts = world.counts_since(&mark).await.unwrap();
    assert!(counts.no_writes(), "{counts:?}");
    world.apply_samples().await.unwrap();
}
