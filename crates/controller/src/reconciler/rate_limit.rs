//! How often one object may have a pass. Whoever may write an object can wake it as often as the API server takes writes,
//! and every pass reads in AWS, out of one budget for the whole account.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use irsa_pipeline::object::ObjectKey;

/// Passes at once: more than any honest change needs.
const BURST: f64 = 20.0;
/// One more pass after each of these, however often the object is woken: the longest that a wake-up can wait.
const REFILL: Duration = Duration::from_secs(3);

/// A token bucket for each object.
///
/// # Guarantees
/// A pass that is put off waits for [`REFILL`] at most, and nothing that happens meanwhile puts it off further.
#[derive(Debug, Default)]
pub(super) struct RateLimit(Mutex<HashMap<ObjectKey, (f64, Instant)>>);

impl RateLimit {
    /// Takes one pass.
    ///
    /// # Errors
    /// How long to wait for the next.
    pub(super) fn admit(&self, key: &ObjectKey, now: Instant) -> Result<(), Duration> {
        // A poisoned lock means that another task panicked; the entries themselves are always whole.
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, since) = buckets.get(key).copied().unwrap_or((BURST, now));
        let refilled = now.saturating_duration_since(since).as_secs_f64() / REFILL.as_secs_f64();
        let left = (left + refilled).min(BURST);
        let admitted = left >= 1.0;
        let rest = if admitted { left - 1.0 } else { left };
        buckets.insert(key.clone(), (rest, now));
        if admitted {
            Ok(())
        } else {
            Err(REFILL.mul_f64(1.0 - left))
        }
    }

    /// Forgets an object that is gone.
    pub(super) fn forget(&self, key: &ObjectKey) {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey {
            namespace: "ns".to_owned(),
            name: name.to_owned(),
            uid: name.to_owned(),
        }
    }

    #[test]
    fn an_object_that_is_woken_all_the_time_has_a_pass_per_refill_and_others_are_not_touched() {
        let limit = RateLimit::default();
        let start = Instant::now();
        let admitted = |name: &str, after: Duration| limit.admit(&key(name), start + after).is_ok();
        let at_once = (0..100).filter(|_| admitted("spammer", Duration::ZERO)).count();
        assert_eq!(at_once, 20);
        assert!(admitted("other", Duration::ZERO));
        // Woken ten times a second for half a minute.
        let later = (1..=300).filter(|tenth| admitted("spammer", Duration::from_millis(100 * tenth)));
        let later = later.count();
        assert!((9..=11).contains(&later), "{later}");
    }

    #[test]
    fn a_pass_that_is_put_off_is_not_put_off_further() {
        let limit = RateLimit::default();
        let start = Instant::now();
        for _ in 0..20 {
            assert!(limit.admit(&key("a"), start).is_ok());
        }
        let wait = limit.admit(&key("a"), start + Duration::from_secs(1)).unwrap_err();
        assert!(wait <= Duration::from_secs(2), "{wait:?}");
        assert!(
            limit
                .admit(
                    &key("a"),
                    start + Duration::from_secs(1) + wait + Duration::from_millis(1)
                )
                .is_ok()
        );
        limit.forget(&key("a"));
        assert!(limit.admit(&key("a"), start).is_ok(), "a new object starts anew");
    }
}
