//! An organisation's rules against what the operator keeps in its own namespace, and against its events: whose rule it is is told,
//! and what hangs on it is not done, or done all the same.

use irsa_tests::world::{
    ISSUER_BUCKET, OPERATOR_NAMESPACE, Operator, World, objects::condition, objects::says, repository,
};
use serde_json::{Value, json};

use crate::admission::{SENTENCE, apply, policy, refused, rule};

const FEDERATION: (&str, &str, &str) = ("oidcfederation", "", "default");

/// A policy that refuses this resource of the operator's, whatever it says.
async fn forbid(world: &World, name: &str, group: &str, resource: &str, object: Option<&str>) {
    let mut rule = rule(group, "v1", resource);
    if let Some(object) = object {
        rule["resourceNames"] = json!([object]);
    }
    apply(world, &policy(name, None, &rule, "false", None)).await;
}

async fn lift(world: &World, name: &str) {
    let binding = ["delete", "validatingadmissionpolicybinding", name];
    world.kubectl(&binding).await.unwrap();
}

/// The samples, without waiting for anything.
async fn samples(world: &World) {
    let samples = repository().join("config/samples");
    world.cluster.apply_file(&samples, true).await.unwrap();
}

fn of_operator(api: &str, kind: &str, name: &str) -> Value {
    json!({"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": OPERATOR_NAMESPACE}})
}

fn log(world: &World) -> String {
    world.operator().map(Operator::log).unwrap_or_default()
}

/// A line of the log with all of these.
fn tells(world: &World, parts: &[&str]) -> bool {
    log(world)
        .lines()
        .any(|line| parts.iter().all(|part| line.contains(part)))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_record_of_keys_nothing_is_published_and_the_rule_is_told() {
    let mut world = World::start().await.unwrap();
    let record = "irsa-anywhere-keys-default";
    forbid(&world, "no-records", "", "configmaps", Some(record)).await;
    refused(&world, &of_operator("v1", "ConfigMap", record)).await;
    world.start_operator().await.unwrap();
    samples(&world).await;
    let denied = |object: &Value| says(object, "KeysObserved", "AdmissionDenied");
    let object = world.wait_for("the rule", FEDERATION, denied).await.unwrap();
    let message = condition(&object, "KeysObserved").unwrap()["message"].as_str().unwrap();
    for part in ["no-records", SENTENCE, record] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
    assert!(!message.contains("the Role in its namespace"), "{message}");
    let bucket = world.aws.s3(|s3| s3.bucket(ISSUER_BUCKET).cloned()).unwrap();
    assert_eq!(bucket.objects.len(), 0, "what is not recorded is not published");
    assert!(
        tells(&world, &["denied request: ServiceAccounts must", "error="]),
        "{}",
        log(&world)
    );
    lift(&world, "no-records").await;
    // Until the API server has noticed, a pass is refused once more.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    world.request_pass(&[FEDERATION], "lifted").await.unwrap();
    world.federation_ready("default").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_events_everything_is_done_and_the_log_tells_the_rule() {
    let mut world = World::start().await.unwrap();
    forbid(&world, "no-events", "events.k8s.io", "events", None).await;
    world.start_operator().await.unwrap();
    world.apply_samples().await.unwrap();
    world.federation_ready("default").await.unwrap();
    world.binding_ready("default", "app").await.unwrap();
    let is_told = |world: &World| tells(world, &["AdmissionDenied", "no-events", SENTENCE]);
    for value in 0..30 {
        if is_told(&world) {
            return;
        }
        // Until the policy is in force events are taken: something must happen that is worth another.
        let trust = format!("team=value{value}");
        let label = ["label", "--overwrite", "namespace", "default", &trust];
        world.kubectl(&label).await.unwrap();
        let tags = format!(r#"{{"spec": {{"role": {{"description": "number {value}"}}}}}}"#);
        let patch = [
            "patch",
            "iamrolebinding",
            "app",
            "-n",
            "default",
            "--type=merge",
            "-p",
            &tags,
        ];
        world.kubectl(&patch).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    panic!(
        "the log does not tell of the refused event: {}",
        world.operator().unwrap().log_tail()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_lease_it_does_nothing_and_the_log_tells_the_rule() {
    let mut world = World::start().await.unwrap();
    let lease = "irsa-anywhere";
    forbid(&world, "no-leases", "coordination.k8s.io", "leases", Some(lease)).await;
    refused(&world, &of_operator("coordination.k8s.io/v1", "Lease", lease)).await;
    world.start_operator_as_shipped().await.unwrap();
    samples(&world).await;
    let told = |world: &World| tells(world, &["AdmissionDenied", "no-leases", SENTENCE]);
    world.wait_until("the rule in the log", told).await.unwrap();
    let federation = world
        .get(FEDERATION.0, FEDERATION.1, FEDERATION.2)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(federation["metadata"]["finalizers"], Value::Null, "{federation:#}");
    assert!(world.aws.requests().is_empty(), "{:?}", world.aws.requests());
    lift(&world, "no-leases").await;
    world.federation_ready("default").await.unwrap();
}
