mod named;
mod order;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Advance, HistoryError, KeyPhase, KeyRecord, Observation, RecordError, advance};
use crate::{
    jwks::{
        KeySet, PublicKey, Thumbprint,
        samples::{ed25519, numbered, numbered_as, rsa, set},
    },
    vocabulary::EventReason,
};

const DAY: i64 = 24 * 3600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn keys(numbers: &[u8]) -> KeySet {
    KeySet::of(numbers.iter().map(|number| numbered(*number))).unwrap()
}

/// A cluster over time.
struct Story {
    record: Option<KeyRecord>,
    additional: Vec<PublicKey>,
    revoked: BTreeSet<Thumbprint>,
    now: Timestamp,
}

impl Story {
    fn new() -> Self {
        Self {
            record: None,
            additional: Vec::new(),
            revoked: BTreeSet::new(),
            now: at(0),
        }
    }

    fn try_pass(&self, served: &[KeySet], all_answered: bool) -> Result<Advance, HistoryError> {
        advance(&Observation {
            cluster: "c1",
            record: self.record.as_ref(),
            served,
            all_answered,
            published: None,
            known: &BTreeSet::new(),
            additional: &self.additional,
            revoked: &self.revoked,
            retain_for: SignedDuration::from_hours(48),
            now: self.now,
        })
    }

    fn pass(&mut self, served: &[KeySet]) -> Advance {
        let advance = self.try_pass(served, true).unwrap();
        self.record = Some(KeyRecord::from_json(&advance.record.to_json()).unwrap());
        assert_eq!(
            self.record.as_ref(),
            Some(&advance.record),
            "the record survives being stored"
        );
        advance
    }

    fn partly(&mut self, served: &[KeySet]) -> Advance {
        let advance = self.try_pass(served, false).unwrap();
        self.record = Some(advance.record.clone());
        advance
    }
}

fn kids(set: &KeySet) -> Vec<&str> {
    set.keys().iter().map(crate::jwks::PublicKey::kid).collect()
}

fn states(advance: &Advance) -> Vec<KeyPhase> {
    advance.keys.iter().map(|key| key.state).collect()
}

fn events(advance: &Advance) -> Vec<(EventReason, Option<&str>)> {
    advance
        .transitions
        .iter()
        .map(|happened| (happened.event, happened.kid.as_deref()))
        .collect()
}

#[test]
fn the_first_pass_publishes_what_every_server_serves() {
    let advance = Story::new().pass(&[keys(&[1]), keys(&[1, 2])]);
    assert_eq!(kids(&advance.published), ["key-1", "key-2"]);
    assert_eq!(
        events(&advance),
        [
            (EventReason::KeyPublished, Some("key-1")),
            (EventReason::KeyPublished, Some("key-2"))
        ]
    );
    assert!(
        advance
            .keys
            .iter()
            .all(|key| key.state == KeyPhase::Live && key.first_seen == at(0))
    );
    assert_eq!(advance.next_expiry, None);
}

#[test]
fn a_kid_that_is_served_with_another_key_holds_publication_up_only_while_servers_disagree() {
    let named = |number| KeySet::of([numbered_as(number, "same")]).unwrap();
    let mut story = Story::new();
    story.pass(&[named(1)]);
    let refused = story.try_pass(&[named(1), named(2)], true).unwrap_err();
    assert!(matches!(refused, HistoryError::Conflict(_)), "mid-rollout");
    assert!(
        story.try_pass(&[named(2)], false).is_err(),
        "a server that is not heard may still sign with the first"
    );
    let replaced = story.pass(&[named(2)]);
    assert_eq!(replaced.published, named(2));
    assert!(events(&replaced).contains(&(EventReason::KeyRemoved, Some("same"))));
    assert!(events(&replaced).contains(&(EventReason::KeyPublished, Some("same"))));
    assert_eq!(story.pass(&[named(2)]).transitions.len(), 0);
}

#[test]
fn an_unchanged_cluster_changes_nothing() {
    let mut story = Story::new();
    let first = story.pass(&[keys(&[1, 2])]);
    story.now = at(60);
    let second = story.pass(&[keys(&[2, 1])]);
    assert_eq!(second.record, first.record);
    assert_eq!(second.published, first.published);
    assert!(second.transitions.is_empty());
}

#[test]
fn a_key_stays_for_its_time_after_the_last_server_stopped_serving_it() {
    let mut story = Story::new();
    story.pass(&[keys(&[1])]);
    story.now = at(100);
    let rotated = story.pass(&[keys(&[2, 3])]);
    assert_eq!(kids(&rotated.published), ["key-2", "key-3", "key-1"]);
    assert!(events(&rotated).contains(&(EventReason::KeyRetained, Some("key-1"))));
    assert!(events(&rotated).contains(&(EventReason::AllKeysReplaced, None)));
    assert_eq!(rotated.next_expiry, Some(at(100 + 2 * DAY)));

    story.now = at(100 + 2 * DAY - 1);
    assert_eq!(
        kids(&story.pass(&[keys(&[2, 3])]).published),
        ["key-2", "key-3", "key-1"]
    );
    story.now = at(100 + 2 * DAY);
    let expired = story.pass(&[keys(&[2, 3])]);
    assert_eq!(kids(&expired.published), ["key-2", "key-3"]);
    assert_eq!(events(&expired), [(EventReason::KeyRemoved, Some("key-1"))]);
}

#[test]
fn a_key_that_comes_back_is_live_again() {
    let mut story = Story::new();
    story.pass(&[keys(&[1, 2])]);
    story.now = at(100);
    story.pass(&[keys(&[2])]);
    story.now = at(200);
    let back = story.pass(&[keys(&[1, 2])]);
    assert_eq!(events(&back), [(EventReason::KeyPublished, Some("key-1"))]);
    assert!(back.keys.iter().all(|key| key.state == KeyPhase::Live));
    assert_eq!(back.next_expiry, None);
}

#[test]
fn a_server_that_does_not_answer_retires_and_removes_nothing() {
    let mut story = Story::new();
    story.pass(&[keys(&[1]), keys(&[2])]);
    story.now = at(100);
    let partly = story.partly(&[keys(&[1])]);
    assert!(partly.transitions.is_empty());
    story.pass(&[keys(&[1])]);
    story.now = at(100 + 3 * DAY);
    assert_eq!(kids(&story.partly(&[keys(&[1])]).published), ["key-1", "key-2"]);
    assert_eq!(kids(&story.partly(&[]).published), ["key-1", "key-2"]);
    assert_eq!(kids(&story.pass(&[keys(&[1])]).published), ["key-1"]);
}

#[test]
fn a_key_under_a_new_name_stays_published_under_the_old_one() {
    let mut story = Story::new();
    story.pass(&[set(&[rsa()])]);
    let mut renamed = rsa();
    renamed["kid"] = "vault-7".into();
    let advance = story.pass(&[set(&[renamed])]);
    assert_eq!(advance.published.keys().len(), 2);
}

#[test]
fn another_cluster_publishes_nothing() {
    let story = Story {
        record: Some(KeyRecord::new("c0")),
        ..Story::new()
    };
    let refused = story.try_pass(&[keys(&[1])], true).unwrap_err();
    assert_eq!(
        refused,
        HistoryError::ClusterChanged {
            recorded: "c0".into(),
            found: "c1".into()
        }
    );
}

#[test]
fn nothing_that_aws_takes_publishes_nothing() {
    assert_eq!(
        Story::new().try_pass(&[], false).unwrap_err(),
        HistoryError::NothingToPublish
    );
    let only_unsupported = Story::new().try_pass(&[set(&[ed25519()])], true).unwrap_err();
    assert_eq!(only_unsupported, HistoryError::NothingToPublish);
}

#[test]
fn a_key_that_aws_does_not_take_is_shown_and_left_out() {
    let mut story = Story::new();
    let advance = story.pass(&[set(&[rsa(), ed25519()])]);
    assert_eq!(advance.published.keys().len(), 1);
    let shown = advance.keys.iter().find(|key| key.kid == "ed").unwrap();
    assert_eq!((shown.state, shown.alg.as_str()), (KeyPhase::Unsupported, "Ed25519"));
    assert!(events(&advance).contains(&(EventReason::KeyUnsupported, Some("ed"))));
    let again = story.pass(&[set(&[rsa(), ed25519()])]);
    assert_eq!(events(&again), [], "told once");
    assert_eq!(
        story.pass(&[set(&[rsa()])]).keys.len(),
        1,
        "and forgotten once it is gone"
    );
}

#[test]
fn of_more_than_a_hundred_the_served_ones_are_published_first() {
    let old: Vec<u8> = (0..20).collect();
    let mut story = Story::new();
    story.pass(&[keys(&old)]);
    let many = |from: u8| {
        KeySet::of((from..from + 90).map(|number| {
            let mut key = rsa();
            key["kid"] = format!("many-{number}").into();
            let modulus = key["n"].as_str().unwrap().to_owned();
            key["n"] = format!("{}{number:02x}{}", &modulus[..4], &modulus[6..]).into();
            set(&[key]).keys()[0].clone()
        }))
        .unwrap()
    };
    story.now = at(10);
    let advance = story.pass(&[many(0)]);
    assert_eq!(advance.published.keys().len(), 100);
    let left_out = advance
        .keys
        .iter()
        .filter(|key| key.state == KeyPhase::Unsupported)
        .count();
    assert_eq!(left_out, 10);
    assert!(
        advance
            .keys
            .iter()
            .filter(|key| key.kid.starts_with("many"))
            .all(|key| key.state == KeyPhase::Live)
    );
}

#[test]
fn a_lost_record_carries_over_only_what_status_and_bucket_agree_on() {
    let known: BTreeSet<Thumbprint> = [1, 2].map(|number| numbered(number).thumbprint().clone()).into();
    let in_bucket = keys(&[2, 3]);
    let advance = advance(&Observation {
        cluster: "c1",
        record: None,
        served: &[keys(&[4])],
        all_answered: true,
        published: Some(&in_bucket),
        known: &known,
        additional: &[],
        revoked: &BTreeSet::new(),
        retain_for: SignedDuration::from_hours(48),
        now: at(0),
    })
    .unwrap();
    assert_eq!(
        kids(&advance.published),
        ["key-4", "key-2"],
        "3 is only in the bucket, 1 only in the status"
    );
    assert!(events(&advance).contains(&(EventReason::KeyHistoryLost, None)));
    assert_eq!(advance.next_expiry, Some(at(2 * DAY)));
}

#[test]
fn a_record_that_cannot_be_understood_is_an_error_and_not_an_empty_one() {
    assert!(matches!(
        KeyRecord::from_json("").unwrap_err(),
        RecordError::Unreadable(_)
    ));
    assert_eq!(
        KeyRecord::from_json(r#"{"version": 2}"#).unwrap_err(),
        RecordError::Version(2)
    );
    let broken = r#"{"version": 1, "cluster": "c", "keys": [{"jwk": {}, "firstSeen": "2026-01-01T00:00:00Z"}]}"#;
    assert!(matches!(
        KeyRecord::from_json(broken).unwrap_err(),
        RecordError::Unreadable(_)
    ));
}
