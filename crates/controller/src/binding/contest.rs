//! Somebody who changes back, again and again, what we put right.
//!
//! Two programs that each hold their own opinion of one role for true write for ever, and neither says so. After three rounds
//! it is said, once, and what gives nobody anything is put back less and less often. What takes back what nobody should have
//! is never put off: an attacker must not gain by insisting.
//!
//! The memory of the process is enough: after a restart it takes three rounds more.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use irsa_core::vocabulary::ConditionType;
use tokio::time::Instant;

use crate::object::ObjectKey;

/// So many times something is put back before it is said that somebody keeps changing it.
pub(crate) const ROUNDS: u32 = 3;
/// Longest that a repair is put off.
const LONGEST: Duration = Duration::from_hours(6);
/// What stays as we made it for so many times the wait is contested no more.
const STAYS: u32 = 3;

/// What is contested on each binding's role.
#[derive(Debug, Default)]
pub(crate) struct Contests(Mutex<HashMap<ObjectKey, Contest>>);

#[derive(Debug, Clone)]
struct Contest {
    /// Each with the condition that it concerns.
    what: BTreeSet<(ConditionType, String)>,
    rounds: u32,
    last: Instant,
    interval: Duration,
}

impl Contest {
    /// Between the last repair and the next.
    fn wait(&self) -> Duration {
        match self.rounds.checked_sub(ROUNDS) {
            None => Duration::ZERO,
            Some(more) => {
                let doubled = self
                    .interval
                    .saturating_mul(2_u32.saturating_pow(more.saturating_add(1)));
                doubled.min(LONGEST.max(self.interval))
            }
        }
    }

    fn is_over(&self) -> bool {
        let stays = self.wait().max(self.interval).saturating_mul(STAYS);
        self.last.elapsed() > stays
    }
}

impl Contests {
    /// For how long yet a repair of this is put off.
    pub(crate) fn put_off(&self, key: &ObjectKey, what: &BTreeSet<(ConditionType, String)>) -> Option<Duration> {
        let contests = self.lock();
        let contest = contests.get(key).filter(|contest| !contest.is_over())?;
        let again = !contest.what.is_disjoint(what);
        let left = contest
            .wait()
            .checked_sub(contest.last.elapsed())
            .filter(|left| !left.is_zero());
        left.filter(|_| again)
    }

    /// This was put back. Whether it has just become too often.
    pub(crate) fn repaired(
        &self,
        key: &ObjectKey,
        what: BTreeSet<(ConditionType, String)>,
        interval: Duration,
    ) -> bool {
        let mut contests = self.lock();
        let before = contests.get(key);
        let rounds = before
            .filter(|contest| !contest.is_over() && !contest.what.is_disjoint(&what))
            .map_or(0, |contest| contest.rounds);
        let rounds = rounds.saturating_add(1);
        let contest = Contest {
            what,
            rounds,
            last: Instant::now(),
            interval,
        };
        contests.insert(key.clone(), contest);
        rounds == ROUNDS
    }

    /// What of this condition somebody keeps changing, in words.
    pub(crate) fn in_words(&self, key: &ObjectKey, aspect: ConditionType) -> Option<String> {
        let mut contests = self.lock();
        if contests.get(key).is_some_and(Contest::is_over) {
            contests.remove(key);
        }
        let contest = contests.get(key).filter(|contest| contest.rounds >= ROUNDS)?;
        let what: Vec<&str> = contest
            .what
            .iter()
            .filter(|(kind, _)| *kind == aspect)
            .map(|(_, what)| what.as_str())
            .collect();
        (!what.is_empty()).then(|| what.join("; "))
    }

    /// The spec has changed, or the binding is gone.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Contest>> {
        // A poisoned lock means that another task panicked; the entries themselves are always whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_mins(10);

    fn key() -> ObjectKey {
        ObjectKey {
            namespace: "ns".to_owned(),
            name: "app".to_owned(),
            uid: "u".to_owned(),
        }
    }

    fn tag(name: &str) -> BTreeSet<(ConditionType, String)> {
        BTreeSet::from([(ConditionType::RoleSynced, format!("tags {name}"))])
    }

    async fn round(contests: &Contests, name: &str, after: Duration) -> bool {
        tokio::time::advance(after).await;
        contests.repaired(&key(), tag(name), INTERVAL)
    }

    #[tokio::test(start_paused = true)]
    async fn the_third_round_is_too_often_and_then_the_waits_double_up_to_a_bound() {
        let contests = Contests::default();
        assert!(!round(&contests, "a", INTERVAL).await);
        assert!(!round(&contests, "a", INTERVAL).await);
        assert_eq!(contests.in_words(&key(), ConditionType::RoleSynced), None);
        assert!(round(&contests, "a", INTERVAL).await, "said once");
        let words = contests.in_words(&key(), ConditionType::RoleSynced);
        assert_eq!(words.as_deref(), Some("tags a"));
        assert_eq!(contests.in_words(&key(), ConditionType::PoliciesSynced), None);
        let mut wait = INTERVAL * 2;
        for _ in 0..8 {
            let left = contests.put_off(&key(), &tag("a"));
            assert_eq!(left, Some(wait.min(LONGEST)));
            assert!(!round(&contests, "a", wait.min(LONGEST)).await);
            wait *= 2;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_is_contested_no_more_and_something_else_is_another_matter() {
        let contests = Contests::default();
        for _ in 0..3 {
            round(&contests, "a", INTERVAL).await;
        }
        assert_eq!(contests.put_off(&key(), &tag("b")), None);
        tokio::time::advance(INTERVAL * 7).await;
        assert_eq!(contests.put_off(&key(), &tag("a")), None);
        assert_eq!(contests.in_words(&key(), ConditionType::RoleSynced), None);
        assert!(!round(&contests, "a", INTERVAL).await, "from the beginning");
        assert!(!round(&contests, "a", INTERVAL).await);
        contests.forget(&key());
        assert!(!round(&contests, "a", INTERVAL).await, "another spec");
    }
}
