//! How often one object may have a pass. Whoever may write an object can wake it as often as the API server takes writes,
//! and every pass reads in AWS, out of one budget for the whole account.

use std::time::Duration;

use tokio::time::Instant;

/// Passes at once: more than any honest change needs.
const BURST: f64 = 20.0;
/// One more pass after each of these, however often the object is woken: the longest that a wake-up can wait.
const REFILL: Duration = Duration::from_secs(3);

/// A token bucket; full until the first pass.
///
/// # Guarantees
/// A pass that is put off waits for [`REFILL`] at most, and nothing that happens meanwhile puts it off further.
#[derive(Debug, Default)]
pub(crate) struct RateLimit(Option<(f64, Instant)>);

impl RateLimit {
    /// Takes one pass.
    ///
    /// # Errors
    /// How long to wait for the next.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        let (left, since) = self.0.unwrap_or((BURST, now));
        let refilled = now.saturating_duration_since(since).as_secs_f64() / REFILL.as_secs_f64();
        let left = (left + refilled).min(BURST);
        let admitted = left >= 1.0;
        let rest = if admitted { left - 1.0 } else { left };
        self.0 = Some((rest, now));
        if admitted {
            Ok(())
        } else {
            Err(REFILL.mul_f64(1.0 - left))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_is_woken_all_the_time_has_a_pass_per_refill() {
        let mut limit = RateLimit::default();
        let start = Instant::now();
        let mut admitted = |after: Duration| limit.admit(start + after).is_ok();
        let at_once = (0..100).filter(|_| admitted(Duration::ZERO)).count();
        assert_eq!(at_once, 20);
        // Woken ten times a second for half a minute.
        let later = (1..=300).filter(|tenth| admitted(Duration::from_millis(100 * tenth)));
        let later = later.count();
        assert!((9..=11).contains(&later), "{later}");
    }

    #[test]
    fn a_pass_that_is_put_off_is_not_put_off_further() {
        let mut limit = RateLimit::default();
        let start = Instant::now();
        for _ in 0..20 {
            assert!(limit.admit(start).is_ok());
        }
        let wait = limit.admit(start + Duration::from_secs(1)).unwrap_err();
        assert!(wait <= Duration::from_secs(2), "{wait:?}");
        let then = start + Duration::from_secs(1) + wait + Duration::from_millis(1);
        assert!(limit.admit(then).is_ok());
    }
}
