//! When what is held is to be replaced.

use jiff::{SignedDuration, Timestamp};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Certificates are valid since so long before they are made, for clocks that are late.
pub(super) const BACKDATE: SignedDuration = SignedDuration::from_hours(1);
/// How long an authority is valid.
pub(super) const AUTHORITY_LIFETIME: SignedDuration = SignedDuration::from_hours(365 * 24);
/// An authority is replaced when so much of its time is left.
const AUTHORITY_LEFT: SignedDuration = SignedDuration::from_hours(120 * 24);
/// How long a leaf is valid.
pub(super) const LEAF_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A leaf is replaced when so much of its time is left: a webhook that is down for a week does not come back too late.
const LEAF_LEFT: SignedDuration = SignedDuration::from_hours(10 * 24);

/// From when until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

/// What is held, for the question what is next.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// Of the authorities, the newest first.
    pub(super) authorities: Vec<Validity>,
    pub(super) leaf: Validity,
    /// Which authority signed the leaf.
    pub(super) signed_by: usize,
    /// Since when all of the authorities have been seen in the API server's configuration; `None` while they are not.
    pub(super) in_force: Option<Timestamp>,
}

/// What is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rotation {
    /// Nothing.
    Rest,
    /// All of it is made anew.
    Begin,
    /// A new authority beside the present one; the leaf stays.
    Announce,
    /// A new leaf, signed by the newest authority.
    Renew,
    /// The older authorities go.
    Forget,
}

/// What is next, where `overlap` is how long API servers and other replicas may take to learn of a change.
pub(super) fn turn(state: &State, overlap: SignedDuration, now: Timestamp) -> Rotation {
    let (Some(newest), Some(signer)) = (state.authorities.first(), state.authorities.get(state.signed_by)) else {
        return Rotation::Begin;
    };
    let left = |validity: &Validity| validity.until.duration_since(now);
    let is_known = state.in_force.is_some_and(|since| now.duration_since(since) >= overlap);
    let is_over = |validity: &Validity| validity.until <= now;
    if is_over(newest) || is_over(&state.leaf) {
        return Rotation::Begin;
    }
    if left(newest) < AUTHORITY_LEFT {
        return Rotation::Announce;
    }
    if state.signed_by > 0 {
        // Later would be too late, whether they have learnt of it or not.
        let is_last_day = left(&state.leaf) < DAY || left(signer) < DAY;
        return if is_known || is_last_day {
            Rotation::Renew
        } else {
            Rotation::Rest
        };
    }
    if left(&state.leaf) < LEAF_LEFT {
        return Rotation::Renew;
    }
    let shown_for = now.duration_since(state.leaf.from) - BACKDATE;
    if state.authorities.len() > 1 && shown_for >= overlap {
        return Rotation::Forget;
    }
    Rotation::Rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVERLAP: SignedDuration = SignedDuration::from_mins(2);

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    fn made(at: Timestamp, lifetime: SignedDuration) -> Validity {
        Validity {
            from: at - BACKDATE,
            until: at + lifetime,
        }
    }

    fn begun(at: Timestamp) -> State {
        State {
            authorities: vec![made(at, AUTHORITY_LIFETIME)],
            leaf: made(at, LEAF_LIFETIME),
            signed_by: 0,
            in_force: Some(at),
        }
    }

    /// Three years with a look every minute: what happens, and that the API servers always accept what is shown.
    #[test]
    fn over_years_the_leaf_is_always_one_that_api_servers_accept() {
        let mut now = at(0);
        let mut state = begun(now);
        let mut turns = [0; 5];
        // What the API servers trust: what was held when they last looked, a minute ago at most.
        let mut trusted = state.authorities.clone();
        while now < at(3 * 365 * 24) {
            let next = turn(&state, OVERLAP, now);
            turns[next as usize] += 1;
            match next {
                Rotation::Rest => {}
                Rotation::Begin => panic!("at {now}: {state:?}"),
                Rotation::Announce => {
                    state.authorities.insert(0, made(now, AUTHORITY_LIFETIME));
                    state.signed_by += 1;
                    state.in_force = None;
                }
                Rotation::Renew => {
                    state.leaf = made(now, LEAF_LIFETIME);
                    state.signed_by = 0;
                }
                Rotation::Forget => {
                    state.authorities.truncate(1);
                    state.in_force = None;
                }
            }
            assert!(state.authorities.len() <= 2);
            let signer = state.authorities[state.signed_by];
            assert!(
                trusted.contains(&signer) && signer.until > now && state.leaf.until > now,
                "at {now}"
            );
            now += SignedDuration::from_mins(1);
            trusted.clone_from(&state.authorities);
            state.in_force.get_or_insert(now);
        }
        // A year is 365 days: an authority lives 245 of them before the next comes, a leaf 20.
        let [_, begin, announce, renew, forget] = turns;
        assert_eq!((begin, announce, forget), (0, 4, 4));
        assert!((54..=60).contains(&renew), "{renew}");
    }

    #[test]
    fn the_leaf_waits_until_the_new_authority_is_known_but_not_beyond_its_last_day() {
        let now = at(300 * 24);
        let mut state = begun(now);
        state.authorities.insert(0, made(now, AUTHORITY_LIFETIME));
        state.signed_by = 1;
        state.in_force = None;
        assert_eq!(turn(&state, OVERLAP, now), Rotation::Rest);
        state.in_force = Some(now - SignedDuration::from_mins(1));
        assert_eq!(turn(&state, OVERLAP, now), Rotation::Rest);
        state.in_force = Some(now - OVERLAP);
        assert_eq!(turn(&state, OVERLAP, now), Rotation::Renew);
        state.in_force = None;
        state.leaf.until = now + SignedDuration::from_hours(23);
        assert_eq!(turn(&state, OVERLAP, now), Rotation::Renew);
    }

    #[test]
    fn what_is_over_or_missing_is_made_anew() {
        let now = at(500 * 24);
        assert_eq!(turn(&begun(at(0)), OVERLAP, now), Rotation::Begin);
        let mut state = begun(now);
        state.leaf.until = now;
        assert_eq!(turn(&state, OVERLAP, now), Rotation::Begin);
        let mut state = begun(now);
        state.signed_by = 1;
        assert_eq!(turn(&state, OVERLAP, now), Rotation::Begin);
        state.authorities.clear();
        assert_eq!(turn(&state, OVERLAP, now), Rotation::Begin);
        assert_eq!(turn(&begun(now), OVERLAP, now), Rotation::Rest);
    }
}
