//! Keys that the spec names: revoked, and announced.

use super::*;

#[test]
fn a_revoked_key_is_out_at_once_and_comes_back_when_it_is_not_revoked_any_more() {
    let mut story = Story::new();
    story.pass(&[keys(&[1, 2])]);
    story.revoked = BTreeSet::from([numbered(1).thumbprint().clone()]);
    story.now = at(60);
    let revoked = story.partly(&[keys(&[1, 2])]);
    assert_eq!(
        kids(&revoked.published),
        ["key-2"],
        "also while not every API server answers"
    );
    assert_eq!(events(&revoked), [(EventReason::KeyRevoked, Some("key-1"))]);
    let states: Vec<KeyPhase> = revoked.keys.iter().map(|key| key.state).collect();
    assert_eq!(states, [KeyPhase::Revoked, KeyPhase::Live]);
    assert!(story.pass(&[keys(&[1, 2])]).transitions.is_empty(), "told once");

    story.revoked.clear();
    let back = story.pass(&[keys(&[1, 2])]);
    assert_eq!(kids(&back.published), ["key-1", "key-2"]);
    assert_eq!(events(&back), [(EventReason::KeyPublished, Some("key-1"))]);
}

#[test]
fn revocation_beats_retention_and_leaves_nothing_rather_than_a_leaked_key() {
    let mut story = Story::new();
    story.pass(&[keys(&[1])]);
    story.pass(&[keys(&[2])]);
    story.revoked = BTreeSet::from([numbered(1).thumbprint().clone()]);
    assert_eq!(kids(&story.pass(&[keys(&[2])]).published), ["key-2"], "a retained key");
    story.revoked.insert(numbered(2).thumbprint().clone());
    assert!(story.pass(&[keys(&[2])]).published.is_empty());
    let rotated = story.pass(&[keys(&[3])]);
    assert_eq!(kids(&rotated.published), ["key-3"]);
}

#[test]
fn a_key_that_is_revoked_before_it_is_served_is_never_published() {
    let mut story = Story::new();
    story.pass(&[keys(&[1])]);
    story.revoked = BTreeSet::from([numbered(2).thumbprint().clone()]);
    let seen = story.pass(&[keys(&[1, 2])]);
    assert_eq!(kids(&seen.published), ["key-1"]);
    assert_eq!(events(&seen), [(EventReason::KeyRevoked, Some("key-2"))]);
}

#[test]
fn of_two_keys_under_one_kid_revoking_one_publishes_the_other() {
    let named = |number| KeySet::of([numbered_as(number, "same")]).unwrap();
    let mut story = Story::new();
    story.pass(&[named(1)]);
    assert!(story.try_pass(&[named(1), named(2)], true).is_err());
    story.revoked = BTreeSet::from([numbered(1).thumbprint().clone()]);
    let good = story.pass(&[named(1), named(2)]);
    assert_eq!(good.published, named(2));
    let told = [
        (EventReason::KeyPublished, Some("same")),
        (EventReason::KeyRevoked, Some("same")),
    ];
    assert_eq!(events(&good), told, "each key is told of, whatever its name");
}

#[test]
fn a_key_of_a_kind_that_aws_refuses_is_not_called_published_when_it_is_not_revoked_any_more() {
    let mut story = Story::new();
    let served = set(&[ed25519(), rsa()]);
    let odd = set(&[ed25519()]).keys()[0].thumbprint().clone();
    story.revoked = BTreeSet::from([odd]);
    story.pass(std::slice::from_ref(&served));
    story.revoked.clear();
    assert_eq!(events(&story.pass(&[served])), []);
}

#[test]
fn an_announced_key_is_published_before_it_is_served_and_stays_after_its_announcement() {
    let mut story = Story::new();
    story.pass(&[keys(&[1])]);
    story.additional = vec![numbered(2)];
    let announced = story.pass(&[keys(&[1])]);
    assert_eq!(kids(&announced.published), ["key-1", "key-2"]);
    assert_eq!(states(&announced), [KeyPhase::Live, KeyPhase::Additional]);
    assert_eq!(events(&announced), [(EventReason::KeyPublished, Some("key-2"))]);
    assert_eq!(events(&story.pass(&[keys(&[1])])), [], "told once");

    let taken_up = story.pass(&[keys(&[2])]);
    assert_eq!(states(&taken_up), [KeyPhase::Retained, KeyPhase::Live]);
    assert_eq!(
        events(&taken_up),
        [
            (EventReason::KeyTakenUp, Some("key-2")),
            (EventReason::KeyRetained, Some("key-1"))
        ],
        "a rotation that was announced is no accident"
    );
    story.additional.clear();
    assert_eq!(
        events(&story.pass(&[keys(&[2])])),
        [],
        "a served key needs no announcement"
    );
}

#[test]
fn an_announcement_that_is_taken_back_leaves_the_key_published_for_its_time() {
    let mut story = Story::new();
    story.pass(&[keys(&[1])]);
    story.additional = vec![numbered(2)];
    story.pass(&[keys(&[1])]);
    story.additional.clear();
    story.now = at(100);
    let partly = story.partly(&[keys(&[1])]);
    assert_eq!(
        states(&partly),
        [KeyPhase::Live, KeyPhase::Additional],
        "a silent server may serve it"
    );
    let withdrawn = story.pass(&[keys(&[1])]);
    assert_eq!(states(&withdrawn), [KeyPhase::Live, KeyPhase::Retained]);
    assert_eq!(events(&withdrawn), [(EventReason::KeyRetained, Some("key-2"))]);
    assert_eq!(withdrawn.next_expiry, Some(at(100 + 2 * DAY)));
}

#[test]
fn a_served_key_that_is_announced_too_stays_without_end_when_it_is_rolled_back() {
    let mut story = Story::new();
    story.additional = vec![numbered(2)];
    story.pass(&[keys(&[1, 2])]);
    let partly = story.partly(&[keys(&[1])]);
    assert_eq!(
        states(&partly),
        [KeyPhase::Live, KeyPhase::Live],
        "a silent server may still serve it"
    );
    let rolled_back = story.pass(&[keys(&[1])]);
    assert_eq!(states(&rolled_back), [KeyPhase::Live, KeyPhase::Additional]);
    assert_eq!(events(&rolled_back), [(EventReason::KeyRetained, Some("key-2"))]);
    assert_eq!(rolled_back.next_expiry, None);
}

#[test]
fn a_replacement_by_other_keys_than_the_announced_one_is_told() {
    let mut story = Story::new();
    story.pass(&[keys(&[1])]);
    story.additional = vec![numbered(2)];
    story.pass(&[keys(&[1])]);
    assert!(events(&story.pass(&[keys(&[3])])).contains(&(EventReason::AllKeysReplaced, None)));
}

#[test]
fn announced_keys_alone_are_not_the_clusters() {
    let mut story = Story::new();
    story.additional = vec![numbered(2)];
    assert_eq!(story.try_pass(&[], false).unwrap_err(), HistoryError::NothingToPublish);
    story.pass(&[keys(&[1])]);
    assert_eq!(
        kids(&story.partly(&[]).published),
        ["key-1", "key-2"],
        "with a record they count"
    );
}

#[test]
fn a_revoked_key_is_not_published_whoever_announces_it() {
    let mut story = Story::new();
    story.pass(&[keys(&[1])]);
    story.additional = vec![numbered(2)];
    story.revoked = BTreeSet::from([numbered(2).thumbprint().clone()]);
    let refused = story.pass(&[keys(&[1])]);
    assert_eq!(kids(&refused.published), ["key-1"]);
    assert_eq!(events(&refused), [(EventReason::KeyRevoked, Some("key-2"))]);
}

#[test]
fn an_announced_key_under_the_kid_of_a_served_one_publishes_nothing_new() {
    let mut story = Story::new();
    story.pass(&[keys(&[1])]);
    story.additional = vec![numbered_as(2, "key-1")];
    assert!(matches!(
        story.try_pass(&[keys(&[1])], true).unwrap_err(),
        HistoryError::Conflict(_)
    ));
}
