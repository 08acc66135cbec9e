use irsa_api::OidcFederation;
use irsa_core::outcome::{self, Circumstances, Outcome};
use irsa_pipeline::{
    conditions::{from_kubernetes, to_kubernetes},
    object::StatusFields,
};
use prometheus_client::encoding::text::encode;
use serde_json::{Value, json};

use super::*;

/// What was written into a status, long before this process.
const LONG_AGO: &str = "2026-01-01T00:00:00Z";
const LONG_AGO_SECONDS: i64 = 1_767_225_600;

struct Bench {
    objects: Objects,
    registry: Registry,
}

impl Bench {
    fn new() -> Self {
        let objects = Objects::default();
        let mut registry = Registry::default();
        objects.register(&mut registry);
        Self { objects, registry }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        text
    }

    fn has(&self, line: &str) {
        let text = self.text();
        assert!(text.contains(&format!("{line}\n")), "{line} is not in\n{text}");
    }

    fn has_no(&self, series: &str) {
        let text = self.text();
        let found = text
            .lines()
            .any(|line| !line.starts_with('#') && line.starts_with(series));
        assert!(!found, "{series} is in\n{text}");
    }

    /// What the driver does at the end of a pass.
    fn conclude(&self, federation: &mut OidcFederation, reason: Reason, now: i64) {
        let now = second(now);
        let conditions = outcome::conclude(
            &Outcome::new(reason, "x"),
            &Circumstances {
                previous: &from_kubernetes(federation.conditions()),
                aspects: OidcFederation::ASPECTS,
                generation: 1,
                last_good: now,
                interval: SignedDuration::from_mins(10),
                now,
            },
        );
        let mut status = federation.status.clone().unwrap_or_default();
        self.objects.concluded(federation, reason, &conditions, &status, now);
        status.conclude(to_kubernetes(&conditions), 1, None);
        federation.status = Some(status);
    }
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn federation(name: &str, status: Value) -> OidcFederation {
    serde_json::from_value(json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation",
        "metadata": {"name": name, "uid": name, "generation": 1, "finalizers": [OidcFederation::FINALIZER]},
        "spec": {"issuer": "https://x", "publish": {"s3": {"bucket": "b", "region": "eu-central-1"}}},
        "status": status,
    }))
    .unwrap()
}

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": "", "observedGeneration": 1,
           "lastTransitionTime": LONG_AGO})
}

fn key(kid: &str, state: &str, first_seen: &str, expires: Option<&str>) -> Value {
    json!({"kid": kid, "thumbprint": kid, "alg": "RS256", "state": state, "firstSeen": first_seen, "expires": expires})
}

fn ready(name: &str) -> OidcFederation {
    let conditions = [
        condition("Ready", "True", "Succeeded"),
        condition("PubliclyReadable", "True", "Succeeded"),
    ];
    let keys = [
        key("old", "Live", "2026-02-01T00:00:00Z", None),
        key("new", "Live", "2026-03-01T00:00:00Z", None),
        key("gone", "Retained", "2025-01-01T00:00:00Z", Some("2026-03-03T00:00:00Z")),
        key("leaked", "Revoked", "2024-01-01T00:00:00Z", None),
    ];
    federation(name, json!({"conditions": conditions, "keys": keys}))
}

fn good(federation: &OidcFederation) -> Decoded<OidcFederation> {
    Decoded::of(federation.clone())
}

#[test]
fn an_object_is_counted_once_in_its_last_state_until_it_is_gone() {
    let bench = Bench::new();
    bench.has(r#"objects{kind="federation",state="ready"} 0"#);
    let [mut one, other] = ["one", "other"].map(ready);
    bench.objects.seen(&good(&one), second(0));
    bench.objects.seen(&good(&other), second(0));
    bench.has(r#"objects{kind="federation",state="ready"} 2"#);
    bench.has("published_keys 6");
    bench.conclude(&mut one, Reason::BucketShared, 10);
    bench.has(r#"objects{kind="federation",state="ready"} 1"#);
    bench.has(r#"objects{kind="federation",state="stalled"} 1"#);
    bench.has(r#"object_reasons{kind="federation",reason="BucketShared"} 1"#);
    bench.has(r#"object_reasons{kind="federation",reason="Succeeded"} 1"#);
    bench.objects.gone(ObjectKind::Federation, &ObjectKey::of(&one));
    bench.objects.gone(ObjectKind::Federation, &ObjectKey::of(&one));
    bench.has(r#"objects{kind="federation",state="stalled"} 0"#);
    bench.has(r#"object_reasons{kind="federation",reason="BucketShared"} 0"#);
    bench.has("published_keys 3");
}

#[test]
fn of_objects_that_are_gone_no_room_is_kept() {
    let bench = Bench::new();
    let many: Vec<_> = (0..1_000).map(|number| ready(&number.to_string())).collect();
    for federation in &many {
        bench.objects.seen(&good(federation), second(0));
    }
    assert!(bench.objects.known.lock().capacity() >= 1_000);
    for federation in &many {
        bench.objects.gone(ObjectKind::Federation, &ObjectKey::of(federation));
    }
    let left = bench.objects.known.lock().capacity();
    assert!(left < 500, "{left}");
}

#[test]
fn a_new_process_is_right_before_its_first_pass() {
    let bench = Bench::new();
    bench.objects.seen(&good(&ready("ready")), second(100));
    let blocked = [
        condition("Ready", "False", "PublicAccessBlocked"),
        condition("Reconciling", "True", "PublicAccessBlocked"),
        condition("PubliclyReadable", "False", "PublicAccessBlocked"),
    ];
    bench.has("oldest_live_key_timestamp_seconds 1769904000");
    bench.has("newest_live_key_timestamp_seconds 1772323200");
    bench.has("next_key_retirement_timestamp_seconds 1772496000");
    bench.has("public_read_timestamp_seconds 100");
    bench.has(r#"next_pass_due_timestamp_seconds{kind="federation"} 100"#);
    bench.has_no("unreconciled_since");
    let blocked = federation("blocked", json!({ "conditions": blocked }));
    bench.objects.seen(&good(&blocked), second(LONG_AGO_SECONDS + 500));
    let since = r#"unreconciled_since_timestamp_seconds{kind="federation",result="wait"}"#;
    bench.has(&format!("{since} {LONG_AGO_SECONDS}"));
    bench
        .objects
        .gone(ObjectKind::Federation, &ObjectKey::of(&ready("ready")));
    bench.has(&format!("public_read_timestamp_seconds {LONG_AGO_SECONDS}"));
    // What a pass found later is not undone by an event of the watch.
    bench
        .objects
        .read_publicly(ObjectKey::of(&blocked), second(LONG_AGO_SECONDS + 600));
    bench.objects.seen(&good(&blocked), second(LONG_AGO_SECONDS + 700));
    bench.has(&format!("public_read_timestamp_seconds {}", LONG_AGO_SECONDS + 600));
}

#[test]
fn an_object_that_was_never_touched_is_unknown_and_due() {
    let bench = Bench::new();
    bench
        .objects
        .seen(&good(&federation("new", json!({"observedGeneration": -1}))), second(7));
    bench.has(r#"objects{kind="federation",state="unknown"} 1"#);
    bench.has(r#"next_pass_due_timestamp_seconds{kind="federation"} 7"#);
    for series in [
        "public_read",
        "oldest_live_key",
        "next_key_retirement",
        "unreconciled_since",
    ] {
        bench.has_no(series);
    }
}

#[test]
fn trouble_counts_from_the_first_pass_that_met_it_whatever_it_becomes() {
    let bench = Bench::new();
    let mut federation = ready("a");
    bench.objects.seen(&good(&federation), second(0));
    let since =
        |result: &str| format!(r#"unreconciled_since_timestamp_seconds{{kind="federation",result="{result}"}}"#);
    bench.conclude(&mut federation, Reason::Throttled, 10);
    bench.has(&format!("{} 10", since("retry")));
    bench.conclude(&mut federation, Reason::Throttled, 20);
    bench.has(&format!("{} 10", since("retry")));
    bench
        .objects
        .failed(ObjectKind::Federation, ObjectKey::of(&federation), second(30));
    bench.has(&format!("{} 10", since("error")));
    bench.has_no(&since("retry"));
    bench.conclude(&mut federation, Reason::BucketShared, 40);
    bench.has(&format!("{} 10", since("stalled")));
    bench.conclude(&mut federation, Reason::Succeeded, 50);
    bench.has_no("unreconciled_since");
    bench.conclude(&mut federation, Reason::Throttled, 60);
    bench.has(&format!("{} 60", since("retry")));
}

#[test]
fn of_many_objects_the_one_that_waits_longest_counts() {
    let bench = Bench::new();
    let federations = ["a", "b", "c"].map(ready);
    for (at, federation) in (1..).zip(&federations) {
        bench.objects.seen(&good(federation), second(at));
        bench.objects.read_publicly(ObjectKey::of(federation), second(10 * at));
        let after = Some(Duration::from_mins(1));
        bench
            .objects
            .due(ObjectKind::Federation, ObjectKey::of(federation), after, second(at));
    }
    bench.has("public_read_timestamp_seconds 10");
    bench.has(r#"next_pass_due_timestamp_seconds{kind="federation"} 61"#);
    bench.objects.read_publicly(ObjectKey::of(&federations[0]), second(100));
    bench
        .objects
        .due(ObjectKind::Federation, ObjectKey::of(&federations[0]), None, second(0));
    bench.has("public_read_timestamp_seconds 20");
    bench.has(r#"next_pass_due_timestamp_seconds{kind="federation"} 62"#);
}

#[test]
fn a_suspended_federation_waits_for_nothing_and_its_keys_stay_published() {
    let bench = Bench::new();
    let mut federation = ready("a");
    bench.objects.seen(&good(&federation), second(0));
    bench.conclude(&mut federation, Reason::Suspended, 10);
    bench
        .objects
        .due(ObjectKind::Federation, ObjectKey::of(&federation), None, second(10));
    bench.has(r#"objects{kind="federation",state="suspended"} 1"#);
    bench.has("published_keys 3");
    for series in ["oldest_", "newest_", "next_", "public_read", "unreconciled_since"] {
        bench.has_no(series);
    }
    // The same in a new process, but for the pass that finds out that there is nothing to do.
    let bench = Bench::new();
    bench.objects.seen(&good(&federation), second(20));
    bench.has("published_keys 3");
    for series in ["oldest_", "next_key", "public_read", "unreconciled_since"] {
        bench.has_no(series);
    }
}

#[test]
fn a_federation_that_is_being_deleted_owes_no_documents() {
    let bench = Bench::new();
    let mut federation = ready("a");
    bench.objects.seen(&good(&federation), second(0));
    federation.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(second(5)));
    bench.conclude(&mut federation, Reason::BindingsRemain, 10);
    bench.has_no("public_read");
    bench.has(r#"unreconciled_since_timestamp_seconds{kind="federation",result="wait"} 10"#);
}

#[test]
fn what_the_watch_no_longer_shows_is_gone_whatever_a_pass_concludes_later() {
    let bench = Bench::new();
    let mut follow = bench.objects.follow::<OidcFederation>();
    let [mut one, mut other] = ["one", "other"].map(ready);
    for event in [
        Event::Init,
        Event::InitApply(good(&one)),
        Event::InitApply(good(&other)),
        Event::InitDone,
    ] {
        follow(&event);
    }
    bench.has(r#"objects{kind="federation",state="ready"} 2"#);
    follow(&Event::Delete(good(&one)));
    bench.conclude(&mut one, Reason::Succeeded, 10);
    bench.has(r#"objects{kind="federation",state="ready"} 1"#);
    // Deleted while the watch was interrupted.
    follow(&Event::Init);
    follow(&Event::InitDone);
    bench.conclude(&mut other, Reason::Throttled, 20);
    bench.has(r#"objects{kind="federation",state="ready"} 0"#);
    bench.has("published_keys 0");
    bench.has_no("unreconciled_since");
    // Somebody else's finalizer keeps it, and nothing of ours is left.
    let mut leaving = ready("leaving");
    leaving.metadata.finalizers = Some(vec!["theirs".to_owned()]);
    leaving.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(second(5)));
    follow(&Event::Apply(good(&leaving)));
    bench.has(r#"objects{kind="federation",state="ready"} 0"#);
}

#[test]
fn an_object_that_cannot_be_read_is_counted_until_it_can() {
    let bench = Bench::new();
    let mut broken = serde_json::to_value(ready("a")).unwrap();
    broken["spec"]["publish"] = json!("nowhere");
    let broken: Decoded<OidcFederation> = serde_json::from_value(broken).unwrap();
    bench.objects.seen(&broken, second(0));
    bench.has(r#"objects{kind="federation",state="unreadable"} 1"#);
    bench.objects.seen(&good(&ready("a")), second(1));
    bench.has(r#"objects{kind="federation",state="unreadable"} 0"#);
    bench.has(r#"objects{kind="federation",state="ready"} 1"#);
    bench.objects.seen(&broken, second(2));
    bench.has(r#"objects{kind="federation",state="unreadable"} 1"#);
    bench.has("published_keys 0");
}
