//! Somebody who changes back, again and again, what we put right.
//!
//! Two programs that each hold their own opinion of one role for true write for ever, and neither says so. After three rounds
//! it is said, once, and what gives nobody anything is put back less and less often. What takes back what nobody should have
//! is never put off: an attacker must not gain by insisting.
//!
//! The memory of the process is enough: after a restart it takes three rounds more.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use irsa_core::vocabulary::ConditionType;
use tokio::time::Instant;

use irsa_pipeline::object::ObjectKey;

/// So many times something is put back before it is said that somebody keeps changing it.
pub(crate) const ROUNDS: u32 = 3;
/// Longest that a repair is put off.
const LONGEST: Duration = Duration::from_hours(6);
/// What stays as we made it for so many times the wait is contested no more.
const STAYS: u32 = 3;

/// What is put back, with the condition that it concerns.
pub(crate) type What = (ConditionType, String);

/// What is contested on each binding's role. Each thing is a matter of its own: that somebody insists on one is no reason to put
/// off another.
#[derive(Debug, Default)]
pub(crate) struct Contests(Mutex<HashMap<ObjectKey, BTreeMap<What, Contest>>>);

#[derive(Debug, Clone)]
struct Contest {
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
    pub(crate) fn put_off(&self, key: &ObjectKey, what: &What) -> Option<Duration> {
        let contests = self.lock();
        let contest = contests.get(key)?.get(what).filter(|contest| !contest.is_over())?;
        let left = contest.wait().checked_sub(contest.last.elapsed());
        left.filter(|left| !left.is_zero())
    }

    /// These were put back. Those of them that have just been put back too often.
    pub(crate) fn repaired(&self, key: &ObjectKey, all: BTreeSet<What>, interval: Duration) -> BTreeSet<What> {
        let mut contests = self.lock();
        let contests = contests.entry(key.clone()).or_default();
        contests.retain(|_, contest| !contest.is_over());
        let mut too_often = BTreeSet::new();
        for what in all {
            let rounds = contests
                .get(&what)
                .map_or(0, |contest| contest.rounds)
                .saturating_add(1);
            let last = Instant::now();
            let contest = Contest { rounds, last, interval };
            contests.insert(what.clone(), contest);
            if rounds == ROUNDS {
                too_often.insert(what);
            }
        }
        too_often
    }

    /// What of this condition somebody keeps changing, in words.
    pub(crate) fn in_words(&self, key: &ObjectKey, aspect: ConditionType) -> Option<String> {
        let mut contests = self.lock();
        let contests = contests.get_mut(key)?;
        contests.retain(|_, contest| !contest.is_over());
        let what: Vec<&str> = contests
            .iter()
            .filter(|((kind, _), contest)| *kind == aspect && contest.rounds >= ROUNDS)
            .map(|((_, what), _)| what.as_str())
            .collect();
        (!what.is_empty()).then(|| what.join("; "))
    }

    /// The spec has changed, or the binding is gone.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, BTreeMap<What, Contest>>> {
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

    fn tag(name: &str) -> What {
        (ConditionType::RoleSynced, format!("tags {name}"))
    }

    async fn round(contests: &Contests, name: &str, after: Duration) -> bool {
        tokio::time::advance(after).await;
        !contests
            .repaired(&key(), BTreeSet::from([tag(name)]), INTERVAL)
            .is_empty()
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
        assert!(!round(&contests, "b", Duration::ZERO).await);
        assert_eq!(
            contests.put_off(&key(), &tag("a")),
            Some(INTERVAL * 2),
            "nor forgotten for it"
        );
        tokio::time::advance(INTERVAL * 7).await;
        assert_eq!(contests.put_off(&key(), &tag("a")), None);
        assert_eq!(contests.in_words(&key(), ConditionType::RoleSynced), None);
        assert!(!round(&contests, "a", INTERVAL).await, "from the beginning");
        assert!(!round(&contests, "a", INTERVAL).await);
        contests.forget(&key());
        assert!(!round(&contests, "a", INTERVAL).await, "another spec");
    }
}
