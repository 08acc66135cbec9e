//! The rules that Flux's and Argo CD's own code impose on a status, checked over every version that was ever visible.

use irsa_core::vocabulary::{Class, FIELD_MANAGER, Reason};
use irsa_tests::{argocd, world::objects::condition as find};
use serde_json::Value;

use super::recorder::Recorder;

/// Checks every version of every object that was recorded. Returns how many that were.
pub(crate) fn check(recorder: &Recorder) -> usize {
    for history in recorder.histories() {
        begins_unseen(&history[0]);
        first_touch_says_that_work_goes_on_or_is_done(&history);
        for version in &history {
            check_version(version);
        }
        for pair in history.windows(2) {
            times_move_on_flips_only(&pair[0], &pair[1]);
        }
    }
    recorder.versions().len()
}

/// Whether the first status of some object of each kind has this reason.
pub(crate) fn begin_with(recorder: &Recorder, reason: Reason) -> bool {
    let histories = recorder.histories();
    let firsts = || {
        histories
            .iter()
            .filter_map(|history| history.iter().find(|version| observed(version) != -1))
    };
    ["OidcFederation", "IamRoleBinding"].iter().all(|kind| {
        firsts()
            .filter(|first| first["kind"] == *kind)
            .any(|first| find(first, "Ready").is_some_and(|ready| ready["reason"] == reason.as_str()))
    })
}

fn conditions(object: &Value) -> &[Value] {
    object["status"]["conditions"].as_array().map_or(&[], Vec::as_slice)
}

fn observed(object: &Value) -> i64 {
    object["status"]["observedGeneration"]
        .as_i64()
        .unwrap_or_else(|| panic!("observedGeneration is no integer: {object:#}"))
}

/// Else a tool takes an object for healthy that nobody has looked at.
fn begins_unseen(first: &Value) {
    assert_eq!(observed(first), -1, "{first:#}");
}

/// Work that takes a while says so; work that is done before anybody looks says only what came of it, of the spec as it is.
fn first_touch_says_that_work_goes_on_or_is_done(history: &[Value]) {
    let Some(touched) = history.iter().find(|version| observed(version) != -1) else {
        return;
    };
    let ready = find(touched, "Ready").unwrap_or_else(|| panic!("no Ready in {touched:#}"));
    if ready["status"] == "Unknown" && touched["spec"]["suspend"] != true {
        assert!(find(touched, "Reconciling").is_some(), "{touched:#}");
    }
    let generation = touched["metadata"]["generation"].as_i64().unwrap();
    assert_eq!(observed(touched), generation, "{touched:#}");
}

fn check_version(object: &Value) {
    let generation = object["metadata"]["generation"].as_i64().unwrap();
    assert!(observed(object) <= generation, "{object:#}");
    if observed(object) != -1 {
        flags_fit_ready(object);
    }
    for condition in conditions(object) {
        let spoken_of = condition["observedGeneration"].as_i64().unwrap();
        assert!(spoken_of <= generation, "{object:#}");
        let message = condition["message"].as_str().unwrap();
        for part in ["RequestId", "request id", "2026-", "HostId"] {
            assert!(!message.contains(part), "{part} moves by itself: {message}");
        }
    }
    writes_only_what_is_ours(object);
    argo_cd_agrees(object);
}

/// `Ready` always; `Reconciling` and `Stalled` never both and only while true; `Ready=False` never without one of them;
/// and a reason sets the flag of its class.
fn flags_fit_ready(object: &Value) {
    let ready = find(object, "Ready").unwrap_or_else(|| panic!("no Ready in {object:#}"));
    let flags: Vec<&Value> = ["Reconciling", "Stalled"]
        .iter()
        .filter_map(|kind| find(object, kind))
        .collect();
    assert!(flags.len() <= 1, "both flags: {object:#}");
    assert!(flags.iter().all(|flag| flag["status"] == "True"), "{object:#}");
    if ready["status"] == "False" {
        assert_eq!(flags.len(), 1, "Ready=False alone: {object:#}");
    }
    for flag in flags {
        let word = flag["reason"].as_str().unwrap();
        let reason = Reason::ALL.iter().find(|reason| reason.as_str() == word);
        let class = reason.unwrap_or_else(|| panic!("unknown reason {word}")).class();
        assert_eq!(flag["type"] == "Stalled", class == Class::Stalled, "{object:#}");
        assert_ne!(class, Class::Done, "{object:#}");
    }
}

fn times_move_on_flips_only(before: &Value, after: &Value) {
    for condition in conditions(after) {
        let kind = condition["type"].as_str().unwrap();
        let Some(earlier) = find(before, kind) else { continue };
        if earlier["status"] == condition["status"] {
            assert_eq!(
                earlier["lastTransitionTime"], condition["lastTransitionTime"],
                "{kind} moved without a flip: {earlier} {condition}"
            );
        }
    }
}

/// Of the object, the operator owns the status (by the subresource) and its finalizer, and no field of the spec.
fn writes_only_what_is_ours(object: &Value) {
    let ours = object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| entry["manager"].as_str().unwrap_or_default().starts_with(FIELD_MANAGER));
    for entry in ours {
        for field in entry["fieldsV1"].as_object().unwrap().keys() {
            match field.as_str() {
                "f:status" => assert_eq!(entry["subresource"], "status", "{object:#}"),
                "f:metadata" => {
                    let touched: Vec<_> = entry["fieldsV1"]["f:metadata"].as_object().unwrap().keys().collect();
                    assert_eq!(touched, ["f:finalizers"], "{object:#}");
                }
                other => panic!("the operator writes {other} of {object:#}"),
            }
        }
    }
}

fn argo_cd_agrees(object: &Value) {
    let health = argocd::health(argocd::HEALTH, object).unwrap_or_else(|error| panic!("{error}: {object:#}"));
    let is = |kind: &str| find(object, kind).is_some_and(|condition| condition["status"] == "True");
    let current = observed(object) == object["metadata"]["generation"];
    let leaving = object["metadata"]["deletionTimestamp"].is_string();
    let expected = if leaving || !current {
        "Progressing"
    } else if is("Stalled") {
        "Degraded"
    } else if is("Reconciling") {
        "Progressing"
    } else if is("Ready") {
        "Healthy"
    } else if object["spec"]["suspend"] == true {
        "Suspended"
    } else {
        "Progressing"
    };
    assert_eq!(health.status, expected, "{}: {object:#}", health.message);
}
