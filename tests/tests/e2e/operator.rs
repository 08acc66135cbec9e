//! The binary itself: probes, metrics, signals, bad flags, and what it must not tell.

use std::{collections::BTreeSet, process::Command};

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{World, http_get as get, objects::says};

/// Names of the labels of a family, and their values.
fn labels(metrics: &str, family: &str) -> BTreeSet<(String, String)> {
    metrics
        .lines()
        .filter(|line| line.starts_with(family))
        .filter_map(|line| line.split_once('{')?.1.split_once('}'))
        .flat_map(|(labels, _)| labels.split(','))
        .filter_map(|label| label.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .filter(|(name, _)| name != "le")
        .collect()
}

#[tokio::test]
async fn it_says_whether_it_lives_and_is_ready_and_counts_with_closed_labels() {
    let world = World::as_shipped(SigningKey::generate_rsa().unwrap()).await.unwrap();
    let probes = world.operator().unwrap().probes();
    for path in ["/livez", "/readyz"] {
        assert_eq!(get(probes, path).unwrap(), (200, "ok".to_owned()), "{path}");
    }
    let (code, metrics) = get(probes, "/metrics").unwrap();
    assert_eq!(code, 200);
    for family in [
        "irsa_anywhere_reconciles_total",
        "irsa_anywhere_reconcile_duration_seconds_bucket",
        "irsa_anywhere_aws_attempts_total",
        "irsa_anywhere_key_transitions_total",
        "irsa_anywhere_published_keys",
        "irsa_anywhere_objects",
        "irsa_anywhere_object_reasons",
        "irsa_anywhere_newest_live_key_timestamp_seconds",
        "irsa_anywhere_public_read_timestamp_seconds",
        "irsa_anywhere_next_pass_due_timestamp_seconds",
        "irsa_anywhere_aws_pace_ratio",
        "irsa_anywhere_aws_pace_calls_per_second",
        "irsa_anywhere_aws_attempts_waiting",
        "irsa_anywhere_build_info",
        "irsa_anywhere_leader 1",
        "irsa_anywhere_leader_transitions_total",
        "irsa_anywhere_lease_failures_total",
    ] {
        assert!(metrics.contains(family), "{family} is not in\n{metrics}");
    }
    assert!(
        metrics.contains("irsa_anywhere_objects{kind=\"binding\",state=\"ready\"} 1"),
        "{metrics}"
    );
    // A label may never hold a name of somebody's object, or of anything else without an end.
    let allowed = [
        "condition",
        "event",
        "kind",
        "state",
        "reason",
        "result",
        "service",
        "operation",
    ];
    let of_objects = labels(&metrics, "irsa_anywhere_");
    for (name, value) in of_objects.into_iter().filter(|(name, _)| name != "version") {
        assert!(allowed.contains(&name.as_str()), "label {name}");
        let a_word = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        assert!(
            a_word && !["default", "app"].contains(&value.as_str()),
            "{name}={value}"
        );
    }
    // What is exposed is what the reference lists, also after some passes.
    let reference = std::fs::read_to_string(irsa_tests::world::repository().join("docs/metrics.md")).unwrap();
    for line in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        assert!(reference.contains(&format!("| `{name}{suffix}` | {kind} |")), "{line}");
    }
    let operations: BTreeSet<String> = labels(&metrics, "irsa_anywhere_aws_attempts_total")
        .into_iter()
        .filter(|(name, _)| name == "operation")
        .map(|(_, value)| value)
        .collect();
    for operation in ["CreateRole", "CreateOpenIDConnectProvider", "PutObject"] {
        assert!(operations.contains(operation), "{operations:?}");
    }
}

#[tokio::test]
async fn it_is_not_ready_before_the_crds_are_there_and_comes_by_itself_when_they_are() {
    let mut world = World::start().await.unwrap();
    let crds = [
        "delete",
        "crd",
        "oidcfederations.irsa-anywhere.dev",
        "iamrolebindings.irsa-anywhere.dev",
    ];
    world.kubectl(&crds).await.unwrap();
    world.start_operator().await.unwrap();
    let probes = world.operator().unwrap().probes();
    world
        .wait_until("to live", |_| {
            get(probes, "/livez").is_some_and(|(code, _)| code == 200)
        })
        .await
        .unwrap();
    let (code, waits) = get(probes, "/readyz").unwrap();
    assert_eq!(code, 503);
    assert!(
        waits.contains("CRD") || waits.contains("CustomResourceDefinition"),
        "{waits}"
    );
    let files = irsa_tests::world::repository().join("crds");
    world.cluster.apply_file(&files, true).await.unwrap();
    world
        .wait_until("to be ready", |_| {
            get(probes, "/readyz").is_some_and(|(code, _)| code == 200)
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn it_ends_well_when_asked_to_and_its_log_tells_no_secret() {
    let mut world = World::as_shipped(SigningKey::generate_rsa().unwrap()).await.unwrap();
    let log = world.operator().unwrap().log();
    assert!(log.contains("starting the controllers"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    let secret = &world.credentials.secret_access_key;
    assert!(!log.contains(secret), "the log has the secret access key");
    // Every JWS of an API server begins like this.
    assert!(!log.contains("eyJhbGciOi"), "the log has a token");
    let ended = world.end_operator().await.unwrap();
    assert!(ended.success(), "{ended}");
}

#[tokio::test]
async fn an_account_that_the_flag_does_not_name_is_never_written_to() {
    let mut world = World::start_signing_with(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    world
        .start_operator_with(&["--allowed-accounts=999999999999"])
        .await
        .unwrap();
    let samples = irsa_tests::world::repository().join("config/samples");
    world.cluster.apply_file(&samples, true).await.unwrap();
    let refused = |federation: &serde_json::Value| {
        says(federation, "Ready", "WrongAccount") && federation.to_string().contains("--allowed-accounts")
    };
    let federation = ("oidcfederation", "default", "default");
    world.wait_for("the wrong account", federation, refused).await.unwrap();
    let called: Vec<String> = world.aws.requests().into_iter().map(|call| call.operation).collect();
    assert!(called.iter().all(|call| call == "sts:GetCallerIdentity"), "{called:?}");
}

#[test]
fn a_flag_that_cannot_be_is_refused_in_a_sentence() {
    let binary = irsa_tests::world::operator_binary().unwrap();
    for (flag, sentence) in [
        ("--allowed-accounts=acme", "an AWS account id has 12 digits"),
        ("--api-server-endpoints=here", "write HOST:PORT"),
        ("--log-filter=a=b=c", "--log-filter"),
        ("--concurrency=0", "1..=100"),
        ("--lease-renew-deadline=30s", "must be shorter than the lease duration"),
    ] {
        let output = Command::new(&binary).arg(flag).env_clear().output().unwrap();
        assert!(!output.status.success(), "{flag}");
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(complaint.contains(sentence), "{flag}: {complaint}");
        assert!(!complaint.contains("panicked"), "{complaint}");
    }
}
