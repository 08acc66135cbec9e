//! The order of what is published, and keys that few verifiers can read.

use super::*;
use crate::jwks::samples::p521;

#[test]
fn live_keys_come_before_announced_ones_and_those_before_retained_ones_each_by_kid() {
    let mut story = Story::new();
    story.pass(&[keys(&[1, 2, 7])]);
    story.now = at(60);
    story.additional = vec![numbered(4), numbered(3)];
    let advance = story.pass(&[keys(&[7, 5])]);
    let expected = ["key-5", "key-7", "key-3", "key-4", "key-1", "key-2"];
    assert_eq!(kids(&advance.published), expected);
    story.now = at(120);
    assert_eq!(
        kids(&story.pass(&[keys(&[5, 7])]).published),
        expected,
        "whatever the order of what is served"
    );
    story.additional.clear();
    story.now = at(180);
    let taken_up = story.pass(&[keys(&[5, 7, 4])]);
    assert_eq!(
        kids(&taken_up.published),
        ["key-4", "key-5", "key-7", "key-1", "key-2", "key-3"]
    );
}

#[test]
fn a_key_of_a_server_that_does_not_answer_keeps_its_place() {
    let mut story = Story::new();
    let before = story.pass(&[keys(&[1]), keys(&[2])]);
    story.now = at(60);
    assert_eq!(story.partly(&[keys(&[2])]).published, before.published);
}

#[test]
fn a_p521_key_is_warned_of_once_whoever_brings_it() {
    let hardly = |advance: &Advance| {
        let told = events(advance);
        told.iter()
            .filter(|(event, _)| *event == EventReason::KeyHardlySupported)
            .count()
    };
    let key = set(&[p521()]);
    let mut served = Story::new();
    assert_eq!(hardly(&served.pass(&[keys(&[1])])), 0);
    assert_eq!(hardly(&served.pass(&[keys(&[1]), key.clone()])), 1);
    assert_eq!(hardly(&served.pass(&[keys(&[1]), key.clone()])), 0);

    let mut announced = Story::new();
    announced.additional = key.keys().to_vec();
    assert_eq!(hardly(&announced.pass(&[keys(&[1])])), 1);
    assert_eq!(hardly(&announced.pass(&[keys(&[1]), key.clone()])), 0, "taken up");

    let mut revoked = Story::new();
    revoked.revoked.insert(key.keys()[0].thumbprint().clone());
    assert_eq!(hardly(&revoked.pass(&[keys(&[1]), key])), 0, "it is not published");
}
