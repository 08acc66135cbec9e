//! Somebody who changes back, again and again, what we put right.
//!
//! Two programs that each hold their own opinion of one role for true write for ever, and neither says so. After three rounds
//! it is said, once, and what gives nobody anything is put back less and less often. What takes back what nobody should have
//! is never put off: an attacker must not gain by insisting.
//!
//! The memory of the process is enough: after a restart it takes three rounds more.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use irsa_core::vocabulary::ConditionType;
use tokio::time::Instant;

/// So many times something is put back before it is said that somebody keeps changing it.
pub(crate) const ROUNDS: u32 = 3;
/// Longest that a repair is put off.
const LONGEST: Duration = Duration::from_hours(6);
/// What stays as we made it for so many times the wait is contested no more.
const STAYS: u32 = 3;

/// What is put back, with the condition that it concerns.
pub(crate) type What = (ConditionType, String);

/// What is contested on a binding's role. Each thing is a matter of its own: that somebody insists on one is no reason to put
/// off another.
#[derive(Debug, Default)]
pub(crate) struct Contests(BTreeMap<What, Contest>);

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
    pub(crate) fn put_off(&self, what: &What) -> Option<Duration> {
        let contest = self.0.get(what).filter(|contest| !contest.is_over())?;
        let left = contest.wait().checked_sub(contest.last.elapsed());
        left.filter(|left| !left.is_zero())
    }

    /// These were put back. Those of them that have just been put back too often.
    pub(crate) fn repaired(&mut self, all: BTreeSet<What>, interval: Duration) -> BTreeSet<What> {
        self.0.retain(|_, contest| !contest.is_over());
        let mut too_often = BTreeSet::new();
        for what in all {
            let rounds = self.0.get(&what).map_or(0, |contest| contest.rounds).saturating_add(1);
            let last = Instant::now();
            let contest = Contest { rounds, last, interval };
            self.0.insert(what.clone(), contest);
            if rounds == ROUNDS {
                too_often.insert(what);
            }
        }
        too_often
    }

    /// What of this condition somebody keeps changing, in words.
    pub(crate) fn in_words(&mut self, aspect: ConditionType) -> Option<String> {
        self.0.retain(|_, contest| !contest.is_over());
        let what: Vec<&str> = self
            .0
            .iter()
            .filter(|((kind, _), contest)| *kind == aspect && contest.rounds >= ROUNDS)
            .map(|((_, what), _)| what.as_str())
            .collect();
        (!what.is_empty()).then(|| what.join("; "))
    }

    /// The spec has changed.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_mins(10);

    fn tag(name: &str) -> What {
        (ConditionType::RoleSynced, format!("tags {name}"))
    }

    async fn round(contests: &mut Contests, name: &str, after: Duration) -> bool {
        tokio::time::advance(after).await;
        !contests.repaired(BTreeSet::from([tag(name)]), INTERVAL).is_empty()
    }

    #[tokio::test(start_paused = true)]
    async fn the_third_round_is_too_often_and_then_the_waits_double_up_to_a_bound() {
        let mut contests = Contests::default();
        assert!(!round(&mut contests, "a", INTERVAL).await);
        assert!(!round(&mut contests, "a", INTERVAL).await);
        assert_eq!(contests.in_words(ConditionType::RoleSynced), None);
        assert!(round(&mut contests, "a", INTERVAL).await, "said once");
        let words = contests.in_words(ConditionType::RoleSynced);
        assert_eq!(words.as_deref(), Some("tags a"));
        assert_eq!(contests.in_words(ConditionType::PoliciesSynced), None);
        let mut wait = INTERVAL * 2;
        for _ in 0..8 {
            let left = contests.put_off(&tag("a"));
            assert_eq!(left, Some(wait.min(LONGEST)));
            assert!(!round(&mut contests, "a", wait.min(LONGEST)).await);
            wait *= 2;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_is_contested_no_more_and_something_else_is_another_matter() {
        let mut contests = Contests::default();
        for _ in 0..3 {
            round(&mut contests, "a", INTERVAL).await;
        }
        assert_eq!(contests.put_off(&tag("b")), None);
        assert!(!round(&mut contests, "b", Duration::ZERO).await);
        assert_eq!(contests.put_off(&tag("a")), Some(INTERVAL * 2), "nor forgotten for it");
        tokio::time::advance(INTERVAL * 7).await;
        assert_eq!(contests.put_off(&tag("a")), None);
        assert_eq!(contests.in_words(ConditionType::RoleSynced), None);
        assert!(!round(&mut contests, "a", INTERVAL).await, "from the beginning");
        assert!(!round(&mut contests, "a", INTERVAL).await);
        contests.clear();
        assert!(!round(&mut contests, "a", INTERVAL).await, "another spec");
    }
}
