//! The log as a machine reads it: every line of a pass can be found by object and by pass, and an unchanged world is
//! not worth a line.

use std::collections::{BTreeMap, BTreeSet};

use irsa_testkit::aws::{AwsError, Fault, FaultRule};
use irsa_tests::world::{World, http_get};
use serde_json::Value;

const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");
const BINDING: (&str, &str, &str) = ("iamrolebinding", "default", "app");

/// A line of the log.
struct Line(Value);

impl Line {
    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    /// A field of one of the spans that the line is in.
    fn of_spans(&self, field: &str) -> Option<&str> {
        let spans = self.0["spans"].as_array()?;
        spans.iter().rev().find_map(|span| span[field].as_str())
    }

    fn is_of_a_pass(&self) -> bool {
        self.of_spans("reconcile").is_some()
    }

    fn is_seen(&self) -> bool {
        ["INFO", "WARN", "ERROR"].contains(&self.text("level"))
    }
}

fn lines(world: &World) -> Vec<Line> {
    let log = world.operator().unwrap().log();
    let parse = |line: &str| {
        // Of two fields of one name a reader sees the last.
        assert_eq!(line.matches("\"message\":").count(), 1, "{line}");
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    log.lines().map(|line| Line(parse(line))).collect()
}

#[tokio::test]
async fn every_line_of_a_pass_says_of_which_object_which_pass_and_which_step_it_is() {
    let mut world = World::start().await.unwrap();
    world
        .start_operator_with(&["--log-format=json", "--log-filter=debug"])
        .await
        .unwrap();
    world.apply_samples().await.unwrap();
    let kubectl = ["delete", "iamrolebinding", "app", "-n", "default"];
    world.kubectl(&kubectl).await.unwrap();
    let lines = lines(&world);
    let steps = [
        "observe",
        "validate",
        "plan",
        "execute",
        "verify",
        "conclude",
        "cleanup",
        "finalizer",
        "status",
    ];
    for line in lines.iter().filter(|line| line.is_of_a_pass()) {
        let kind = line.of_spans("kind").unwrap();
        let object = if kind == "binding" { "default/app" } else { "default" };
        assert_eq!(line.of_spans("object"), Some(object), "{}", line.0);
        assert_eq!(line.of_spans("reconcile").map(str::len), Some(16), "{}", line.0);
        assert!(
            line.of_spans("step").is_some_and(|step| steps.contains(&step)),
            "{}",
            line.0
        );
    }
    // What happens in passes only is in one.
    let calls: Vec<&Line> = lines
        .iter()
        .filter(|line| line.text("message") == "called AWS")
        .collect();
    let ends = lines
        .iter()
        .filter(|line| line.text("target") == "irsa_controller::pass");
    for line in calls.iter().copied().chain(ends.clone()) {
        assert!(line.is_of_a_pass(), "{}", line.0);
    }
    let operations: BTreeSet<(&str, &str, &str)> = calls
        .iter()
        .map(|call| {
            (
                call.text("operation"),
                call.of_spans("step").unwrap(),
                call.text("outcome"),
            )
        })
        .collect();
    for call in [
        ("sts:GetCallerIdentity", "observe", "succeeded"),
        ("iam:GetRole", "observe", "refused"),
        ("iam:CreateRole", "execute", "succeeded"),
        ("s3:PutObject", "execute", "succeeded"),
        ("iam:DeleteRole", "cleanup", "succeeded"),
    ] {
        assert!(operations.contains(&call), "{call:?} is not among {operations:#?}");
    }
    let created = calls
        .iter()
        .find(|call| call.text("operation") == "iam:CreateRole")
        .unwrap();
    assert!(created.text("resource").contains(".app"), "{}", created.0);
    let missing = calls
        .iter()
        .find(|call| call.text("operation") == "iam:GetRole" && call.text("outcome") == "refused")
        .unwrap();
    assert!(missing.text("code").starts_with("NoSuch"), "{}", missing.0);
    // Each pass ends with one line, and no other is seen by who reads at `info`.
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.is_of_a_pass() && line.is_seen()) {
        if line.text("message") != "connected to AWS" {
            *seen.entry(line.of_spans("reconcile").unwrap()).or_default() += 1;
        }
    }
    assert!(seen.len() >= 3 && seen.values().all(|count| *count == 1), "{seen:?}");
    let changed = |what: &str| ends.clone().any(|line| line.text("changed").contains(what));
    assert!(changed("finalizers") && changed("status") && changed("ServiceAccount app"));
}

#[tokio::test]
async fn an_unchanged_world_is_silent_and_trouble_is_told_once() {
    let mut world = World::start().await.unwrap();
    world.start_operator_with(&["--log-format=json"]).await.unwrap();
    world.apply_samples().await.unwrap();
    world.request_pass(&[FEDERATION, BINDING], "settled").await.unwrap();
    world.stop_operator().await.unwrap();

    // A new process that finds everything as it left it.
    world.start_operator_with(&["--log-format=json"]).await.unwrap();
    let before = lines(&world).len();
    let looked = |world: &World| {
        let metrics = http_get(world.operator().unwrap().probes(), "/metrics");
        let done = r#"irsa_anywhere_reconciles_total{kind="binding",result="done"}"#;
        metrics.is_some_and(|(_, metrics)| metrics.contains(done))
    };
    world.wait_until("the binding to be looked at", looked).await.unwrap();
    let calm = lines(&world);
    for line in calm
        .iter()
        .skip(before)
        .filter(|line| line.is_of_a_pass() && line.is_seen())
    {
        assert_eq!(line.text("message"), "connected to AWS", "{}", line.0);
    }

    let error = AwsError::new(400, "Throttling", "Rate exceeded");
    world
        .aws
        .add_fault(FaultRule::new("iam:GetRole", usize::MAX, Fault::ErrorBefore(error)));
    let kubectl = [
        "annotate",
        "--overwrite",
        "irb",
        "app",
        "irsa-anywhere.dev/reconcile-requested-at=now",
    ];
    world.kubectl(&kubectl).await.unwrap();
    let refused = |world: &World| {
        world
            .aws
            .requests()
            .iter()
            .filter(|call| call.error.as_deref() == Some("Throttling"))
            .count()
    };
    // The SDK makes three attempts of each call.
    world
        .wait_until("three passes to fail", |world| refused(world) >= 9)
        .await
        .unwrap();
    let all = lines(&world);
    let of_it = all
        .iter()
        .filter(|line| line.text("reason") == "Throttled" && line.is_seen());
    // A pass that also wrote the echo of the request tells of that.
    let (changes, trouble): (Vec<&Line>, Vec<&Line>) = of_it.partition(|line| line.text("level") == "INFO");
    assert_eq!(
        trouble.len(),
        1,
        "{:?}",
        trouble.iter().map(|line| &line.0).collect::<Vec<_>>()
    );
    assert!(changes.iter().all(|line| line.text("changed") == "status"));
}
