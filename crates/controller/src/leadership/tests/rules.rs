//! What a candidate does about a Lease, case by case.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{api::coordination::v1::Lease, apimachinery::pkg::apis::meta::v1::MicroTime};
use tokio::time::Instant;

use super::{NAME, lease, seconds, terms};
use crate::leadership::lease::{Election, LeaseStep, Terms, TermsError};

fn candidate() -> Election {
    Election::new("me".to_owned(), NAME.to_owned(), terms())
}

/// A candidate that leads by a Lease with this version, since `now`.
fn leader(version: u64, now: Instant) -> Election {
    let mut me = candidate();
    assert!(matches!(me.observe(None, now, Timestamp::now()), LeaseStep::Create(_)));
    let written = lease(version, Some("me"), Some(30));
    assert_eq!(me.claimed_at(now, &written), Some(now + seconds(20)));
    me
}

fn replaced(step: LeaseStep) -> Lease {
    match step {
        LeaseStep::Replace(lease) => *lease,
        other => panic!("{other:?}"),
    }
}

fn renewed(lease: &Lease) -> Timestamp {
    lease.spec.as_ref().unwrap().renew_time.as_ref().unwrap().0
}

#[test]
fn terms_that_do_not_keep_two_replicas_apart_are_refused() {
    let of = |duration, deadline, retry| Terms::new(seconds(duration), seconds(deadline), seconds(retry));
    assert!(of(15, 10, 2).is_ok());
    assert!(of(5, 4, 1).is_ok());
    assert_eq!(of(15, 15, 2), Err(TermsError::NoMargin));
    assert_eq!(of(15, 13, 2), Err(TermsError::NoMargin));
    assert_eq!(of(1, 1, 1), Err(TermsError::NoMargin));
    assert_eq!(of(15, 10, 4), Err(TermsError::NoSecondTry));
    assert_eq!(of(15, 10, 0), Err(TermsError::NoSecondTry));
    let half = Terms::new(seconds(15) / 2, seconds(5), seconds(1));
    assert_eq!(half, Err(TermsError::NotWholeSeconds));
}

#[test]
fn a_lease_that_never_was_is_created_and_one_without_a_holder_is_taken() {
    let now = Instant::now();
    let LeaseStep::Create(created) = candidate().observe(None, now, Timestamp::now()) else {
        panic!("nothing created");
    };
    let spec = created.spec.unwrap();
    assert_eq!(created.metadata.name.as_deref(), Some(NAME));
    assert_eq!(spec.holder_identity.as_deref(), Some("me"));
    assert_eq!(
        (spec.lease_duration_seconds, spec.lease_transitions),
        (Some(30), Some(0))
    );
    assert!(spec.acquire_time.is_some() && spec.acquire_time == spec.renew_time);

    for empty in [lease(7, None, None), lease(7, Some(""), None)] {
        let taken = replaced(candidate().observe(Some(&empty), now, Timestamp::now()));
        assert_eq!(
            taken.metadata.resource_version.as_deref(),
            Some("7"),
            "decoded by what was seen"
        );
        assert_eq!(taken.spec.unwrap().holder_identity.as_deref(), Some("me"));
    }
}

#[test]
fn anothers_lease_is_taken_only_when_it_was_seen_unchanged_for_as_long_as_it_says() {
    let (mut me, start, wall) = (candidate(), Instant::now(), Timestamp::now());
    let mut theirs = lease(1, Some("them"), Some(30));
    // By the clock on the wall it expired long ago, or will in a year: nobody asks that.
    theirs.spec.as_mut().unwrap().renew_time = Some(MicroTime(wall - SignedDuration::from_hours(8760)));
    assert_eq!(me.observe(Some(&theirs), start, wall), LeaseStep::Wait);
    assert_eq!(me.observe(Some(&theirs), start + seconds(29), wall), LeaseStep::Wait);

    let mut again = lease(2, Some("them"), Some(30));
    again.spec.as_mut().unwrap().lease_transitions = Some(4);
    assert_eq!(me.observe(Some(&again), start + seconds(29), wall), LeaseStep::Wait);
    assert_eq!(me.observe(Some(&again), start + seconds(58), wall), LeaseStep::Wait);
    let taken = replaced(me.observe(Some(&again), start + seconds(59), wall));
    let spec = taken.spec.unwrap();
    assert_eq!(taken.metadata.resource_version.as_deref(), Some("2"));
    assert_eq!(spec.lease_transitions, Some(5));
    assert_eq!(spec.acquire_time, spec.renew_time);
}

#[test]
fn the_duration_is_the_holders_whatever_ours_is() {
    let (start, wall) = (Instant::now(), Timestamp::now());
    for (said, keeps) in [
        (Some(90), 90),
        (Some(10), 10),
        (None, 30),
        (Some(0), 30),
        (Some(-5), 30),
    ] {
        let (mut me, theirs) = (candidate(), lease(1, Some("them"), said));
        assert_eq!(me.observe(Some(&theirs), start, wall), LeaseStep::Wait, "{said:?}");
        let just_before = start + seconds(keeps) - seconds(1);
        assert_eq!(
            me.observe(Some(&theirs), just_before, wall),
            LeaseStep::Wait,
            "{said:?}"
        );
        replaced(me.observe(Some(&theirs), start + seconds(keeps), wall));
    }
}

#[test]
fn a_renewal_always_changes_the_lease_and_keeps_what_it_was_acquired_with() {
    let (start, wall) = (Instant::now(), Timestamp::now());
    let mut me = leader(1, start);
    let mut ours = lease(1, Some("me"), Some(30));
    let spec = ours.spec.as_mut().unwrap();
    spec.acquire_time = Some(MicroTime(wall));
    spec.renew_time = Some(MicroTime(wall));
    spec.lease_transitions = Some(3);
    // The clock has stopped, or was put back by an hour.
    for clock in [wall, wall - SignedDuration::from_hours(1)] {
        let next = replaced(me.observe(Some(&ours), start, clock));
        assert!(renewed(&next) > renewed(&ours));
        let spec = next.spec.as_ref().unwrap();
        assert_eq!(
            (&spec.acquire_time, spec.lease_transitions),
            (&Some(MicroTime(wall)), Some(3))
        );
        ours = next;
    }
}

#[test]
fn a_claim_counts_from_before_the_renewal_was_sent_and_an_answer_without_a_change_is_none() {
    let start = Instant::now();
    let mut me = leader(1, start);
    let sent = start + seconds(4);
    assert_eq!(me.claimed_at(sent, &lease(1, Some("me"), Some(30))), None);
    assert_eq!(
        me.claimed_at(sent, &lease(2, Some("me"), Some(30))),
        Some(sent + seconds(20))
    );
}

#[test]
fn a_claim_whose_answer_was_lost_is_found_again_and_renewed() {
    let (mut me, now, wall) = (candidate(), Instant::now(), Timestamp::now());
    assert!(matches!(me.observe(None, now, wall), LeaseStep::Create(_)));
    // No answer; but it was created.
    let next = replaced(me.observe(Some(&lease(5, Some("me"), Some(30))), now + seconds(4), wall));
    assert_eq!(next.metadata.resource_version.as_deref(), Some("5"));
    let until = me.claimed_at(now + seconds(4), &lease(6, Some("me"), Some(30)));
    assert_eq!(
        until,
        Some(now + seconds(24)),
        "from the renewal that was answered, not from the lost one"
    );
}

#[test]
fn an_earlier_life_of_the_same_pod_is_another_holder() {
    let (mut me, now, wall) = (candidate(), Instant::now(), Timestamp::now());
    let before = lease(1, Some("me_before"), Some(30));
    assert_eq!(me.observe(Some(&before), now, wall), LeaseStep::Wait);
    assert_eq!(me.observe(Some(&before), now + seconds(29), wall), LeaseStep::Wait);
    replaced(me.observe(Some(&before), now + seconds(30), wall));
}

#[test]
fn a_leader_whose_lease_was_taken_or_blanked_by_hand_steps_down() {
    let (now, wall) = (Instant::now(), Timestamp::now());
    for taken in [
        lease(2, Some("somebody"), Some(30)),
        lease(2, None, Some(30)),
        lease(2, None, None),
    ] {
        assert_eq!(
            leader(1, now).observe(Some(&taken), now + seconds(1), wall),
            LeaseStep::StepDown
        );
    }
}

#[test]
fn a_lease_that_goes_is_made_again_by_its_holder_at_once_and_by_others_after_its_duration() {
    let (start, wall) = (Instant::now(), Timestamp::now());
    assert!(matches!(
        leader(1, start).observe(None, start + seconds(1), wall),
        LeaseStep::Create(_)
    ));

    let mut other = candidate();
    assert_eq!(
        other.observe(Some(&lease(1, Some("them"), Some(60))), start, wall),
        LeaseStep::Wait
    );
    let gone = start + seconds(100);
    assert_eq!(other.observe(None, gone, wall), LeaseStep::Wait);
    assert_eq!(other.observe(None, gone + seconds(59), wall), LeaseStep::Wait);
    assert!(matches!(
        other.observe(None, gone + seconds(60), wall),
        LeaseStep::Create(_)
    ));
}

#[test]
fn a_lease_that_was_given_free_is_taken_a_second_later_and_one_that_was_blanked_after_its_duration() {
    let (start, wall) = (Instant::now(), Timestamp::now());
    let ours = lease(4, Some("me"), Some(30));
    let mut free = leader(4, start).released(&ours, wall).unwrap();
    assert_eq!(free.metadata.resource_version.as_deref(), Some("4"));
    assert_eq!(free.spec.as_ref().unwrap().holder_identity, None);
    free.metadata.resource_version = Some("5".to_owned());
    for (empty, keeps) in [(free, 1), (lease(5, None, Some(30)), 30)] {
        let mut other = Election::new("other".to_owned(), NAME.to_owned(), terms());
        assert_eq!(other.observe(Some(&empty), start, wall), LeaseStep::Wait);
        assert_eq!(
            other.observe(Some(&empty), start + seconds(keeps) - seconds(1) / 2, wall),
            LeaseStep::Wait
        );
        replaced(other.observe(Some(&empty), start + seconds(keeps), wall));
    }
}

#[test]
fn only_ones_own_lease_is_given_free() {
    let now = Instant::now();
    let me = leader(1, now);
    for other in [lease(2, Some("them"), Some(30)), lease(2, None, None)] {
        assert_eq!(me.released(&other, Timestamp::now()), None);
    }
}
