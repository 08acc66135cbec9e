//! The double's time: a clock plus an offset that a test may move.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that a test can move forward or back.
#[derive(Debug, Default)]
pub struct Clock {
    runs: Runs,
    offset_ms: AtomicI64,
}

/// What a clock follows.
#[derive(Debug, Default)]
enum Runs {
    /// The machine's clock.
    #[default]
    WithTheMachine,
    /// The time of the tokio runtime, which a test may have paused.
    WithTokio { began: Timestamp, at: Instant },
}

impl Clock {
    /// A clock that shows `began` now and goes on as tokio's time does: not at all while that is paused and somebody has
    /// something to do.
    pub(crate) fn following_tokio(began: Timestamp) -> Self {
        Self {
            runs: Runs::WithTokio {
                began,
                at: Instant::now(),
            },
            offset_ms: AtomicI64::new(0),
        }
    }

    /// Now, as the double sees it.
    pub fn now(&self) -> Timestamp {
        let now = match &self.runs {
            Runs::WithTheMachine => Timestamp::now(),
            Runs::WithTokio { began, at } => {
                let since = SignedDuration::try_from(at.elapsed()).unwrap_or(SignedDuration::MAX);
                began.checked_add(since).unwrap_or(Timestamp::MAX)
            }
        };
        let offset = SignedDuration::from_millis(self.offset_ms.load(Ordering::Relaxed));
        now.checked_add(offset).unwrap_or(Timestamp::MAX)
    }

    /// Moves the clock by `by` (negative: back).
    pub fn advance(&self, by: SignedDuration) {
        self.offset_ms
            .fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_follows_tokio_stands_still_while_time_is_paused() {
        let began = Timestamp::from_second(1_800_000_000).unwrap();
        let clock = Clock::following_tokio(began);
        assert_eq!(clock.now(), began);
        tokio::time::sleep(Duration::from_hours(1)).await;
        assert_eq!(clock.now(), began + SignedDuration::from_hours(1));
        clock.advance(SignedDuration::from_mins(-1));
        assert_eq!(clock.now(), began + SignedDuration::from_mins(59));
    }
}
