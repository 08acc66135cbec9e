//! When an object is looked at again: exponential, jittered and per object after trouble; by its interval otherwise.

use std::{collections::HashMap, time::Duration};

use irsa_core::vocabulary::Class;

const FIRST: Duration = Duration::from_secs(1);
const CAP: Duration = Duration::from_mins(5);
/// IAM takes seconds to show a change everywhere; looking again sooner only costs calls. What is not there then takes a
/// minute rarely, and longer the longer it takes.
const SETTLING: Duration = Duration::from_secs(3);
const SETTLING_CAP: Duration = Duration::from_secs(24);

/// Attempts since an object's last success or change of spec.
///
/// # Guarantees
/// They start anew when the object's generation changes or a pass succeeds. Each class has a count: what fails for the first time
/// after a long wait for something else is tried again at once.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    generation: i64,
    counts: HashMap<Class, u32>,
}

impl Backoff {
    /// The delay until the next pass after one whose verdict has this class.
    ///
    /// `jitter` is in 0..1 and spreads the delay over ±20 %, so that objects created together drift apart.
    pub(crate) fn next(&mut self, generation: i64, class: Class, interval: Duration, jitter: f64) -> Duration {
        let base = match class {
            Class::Done | Class::Stalled => {
                *self = Self::default();
                interval
            }
            Class::Settling => doubled(SETTLING, self.count_up(generation, class))
                .min(SETTLING_CAP)
                .min(interval),
            Class::Wait | Class::Retry => doubled(FIRST, self.count_up(generation, class)).min(interval.max(FIRST)),
        };
        spread(base, jitter)
    }

    /// How often this has been so before.
    fn count_up(&mut self, generation: i64, class: Class) -> u32 {
        if self.generation != generation {
            self.generation = generation;
            self.counts.clear();
        }
        let count = self.counts.entry(class).or_default();
        let before = *count;
        *count = before.saturating_add(1);
        before
    }
}

/// `first`, twice as long each time, up to the cap.
fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times)).min(CAP)
}

/// `base` ± 20 %, by a `jitter` in 0..1.
fn spread(base: Duration, jitter: f64) -> Duration {
    base.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use irsa_pipeline::object::ObjectKey;

    use super::{super::PerObject, *};

    const INTERVAL: Duration = Duration::from_mins(10);
    const NO_SPREAD: f64 = 0.5;

    #[test]
    fn trouble_doubles_the_delay_up_to_the_cap_for_each_object_alone() {
        let objects = PerObject::<Backoff>::default();
        let key = |name: &str| ObjectKey::new("ns", name, name);
        let next = |name| {
            let delay = objects.with(&key(name), |backoff| backoff.next(1, Class::Retry, INTERVAL, NO_SPREAD));
            delay.as_secs()
        };
        let delays: Vec<u64> = (0..11).map(|_| next("a")).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(next("b"), 1);
    }

    #[test]
    fn success_and_a_changed_spec_start_anew() {
        let mut backoff = Backoff::default();
        let mut next = |generation, class| backoff.next(generation, class, INTERVAL, NO_SPREAD);
        assert_eq!(next(1, Class::Wait).as_secs(), 1);
        assert_eq!(next(1, Class::Wait).as_secs(), 2);
        assert_eq!(next(2, Class::Wait).as_secs(), 1);
        assert_eq!(next(2, Class::Done), INTERVAL);
        assert_eq!(next(2, Class::Wait).as_secs(), 1);
    }

    #[test]
    fn what_fails_after_a_long_wait_for_something_else_is_tried_again_at_once() {
        let mut backoff = Backoff::default();
        let mut next = |class| backoff.next(1, class, INTERVAL, NO_SPREAD).as_secs();
        let waits: Vec<u64> = (0..7).map(|_| next(Class::Wait)).collect();
        assert_eq!(waits.last(), Some(&64));
        assert_eq!([next(Class::Retry), next(Class::Retry)], [1, 2]);
        assert_eq!(next(Class::Wait), 128, "and the two together do not spin");
    }

    #[test]
    fn what_settles_is_looked_at_less_and_less_often_but_within_half_a_minute() {
        let mut backoff = Backoff::default();
        let next = |backoff: &mut Backoff| backoff.next(1, Class::Settling, INTERVAL, NO_SPREAD).as_secs();
        let delays = [(); 5].map(|()| next(&mut backoff));
        assert_eq!(delays, [3, 6, 12, 24, 24]);
        assert_eq!(backoff.next(1, Class::Done, INTERVAL, NO_SPREAD), INTERVAL);
        assert_eq!(next(&mut backoff), 3);
    }

    #[test]
    fn the_spread_stays_within_a_fifth() {
        for jitter in [-1.0, 0.0, 0.3, 1.0, 2.0] {
            let delay = spread(INTERVAL, jitter);
            assert!(delay >= INTERVAL.mul_f64(0.8) && delay <= INTERVAL.mul_f64(1.2));
        }
    }
}
