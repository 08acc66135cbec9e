//! What a replica holds while it leads: a right that ends by itself.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Leadership, NotLeader, Permit};
use crate::memory::Locked;

/// The right to write, up to a moment of this process's own monotonic clock. Clones are the same claim.
///
/// # Guarantees
/// It ends by itself: whoever asks after its end is refused, whether or not the [`Elector`](super::Elector) has run
/// meanwhile. Once it was given up it never comes back.
///
/// # Assumptions
/// The clock (`CLOCK_MONOTONIC`) goes on while the process is stopped. It does not while the whole machine is suspended;
/// `docs/high-availability.md` says what that means.
#[derive(Debug, Clone, Default)]
pub struct Claim(Arc<Locked<State>>);

#[derive(Debug, Clone, Copy, Default)]
enum State {
    /// Not held yet.
    #[default]
    None,
    /// Held until then.
    Until(Instant),
    /// Given up or lost.
    Over,
}

impl Claim {
    /// When it ends, if it is held.
    pub fn until(&self) -> Option<Instant> {
        match *self.0.lock() {
            State::Until(until) if Instant::now() < until => Some(until),
            _ => None,
        }
    }

    /// Holds it until then; never shortens it.
    pub(super) fn extend(&self, until: Instant) {
        let mut state = self.0.lock();
        *state = match *state {
            State::None => State::Until(until),
            State::Until(before) => State::Until(before.max(until)),
            State::Over => State::Over,
        };
    }

    /// Gives it up for good.
    pub(super) fn give_up(&self) {
        *self.0.lock() = State::Over;
    }
}

impl Leadership for Claim {
    fn permit(&self) -> Result<Permit, NotLeader> {
        self.until().map(Permit::granted_until).ok_or(NotLeader)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_claim_ends_by_itself() {
        let claim = Claim::default();
        assert!(claim.permit().is_err(), "never held");
        let until = Instant::now() + SECOND;
        claim.extend(until);
        assert_eq!(claim.permit().unwrap().until(), Some(until));
        advance(Duration::from_millis(999)).await;
        assert!(claim.permit().is_ok());
        advance(Duration::from_millis(1)).await;
        assert_eq!(claim.permit().unwrap_err(), NotLeader);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_comes_late_does_not_shorten_a_claim_and_one_after_its_end_brings_nothing_back() {
        let claim = Claim::default();
        let until = Instant::now() + SECOND * 2;
        claim.extend(until);
        claim.extend(until - SECOND);
        assert_eq!(claim.until(), Some(until));
        claim.give_up();
        claim.extend(until + SECOND);
        assert_eq!(claim.until(), None);
    }
}
