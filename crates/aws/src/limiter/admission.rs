//! One limiter: attempts wait for it, and it learns from how they end.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{
    adaptive::AdaptiveRate,
    queue::{Place, Priority, Queue},
    rate::Rate,
};

/// How busy one limiter is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Load {
    /// Attempts per second that it lets through now.
    pub per_second: f64,
    /// Attempts that wait for it.
    pub waiting: usize,
    /// Attempts that it has let through and that have not ended.
    pub under_way: usize,
}

/// The limiter of one service in one account.
///
/// **Guarantees.** First come, first served within one priority; a waiting write goes before all waiting reads. An
/// attempt that is cancelled while it waits takes no token. Never more than `burst + t × per_second` attempts of the
/// [`Rate`] in any `t` seconds. An attempt that goes wakes one that waits, however many there are.
#[derive(Debug)]
pub struct Limiter(Mutex<State>);

#[derive(Debug)]
struct State {
    rate: AdaptiveRate,
    queue: Queue,
    under_way: usize,
}

impl Limiter {
    /// One that knows nothing of AWS yet.
    pub fn new(most: Rate) -> Self {
        Self::with_seed(most, 0)
    }

    /// One whose attempts come at other times than those of a limiter with another seed, near a limit that both have found: two
    /// clusters of one account must not keep step.
    pub fn with_seed(most: Rate, seed: u64) -> Self {
        Self(Mutex::new(State {
            rate: AdaptiveRate::new(most, Instant::now()).with_seed(seed),
            queue: Queue::default(),
            under_way: 0,
        }))
    }

    /// Waits until an attempt may go. What is returned is to be told how it ended, and kept until then.
    pub async fn admit(&self, priority: Priority) -> Admitted<'_> {
        let waiter = {
            let mut state = self.state();
            let now = Instant::now();
            if state.queue.is_empty() && state.rate.try_take(now).is_ok() {
                return self.admitted(&mut state, false, now);
            }
            let (place, woken) = state.queue.enter(priority);
            Waiter {
                limiter: self,
                place,
                woken,
            }
        };
        loop {
            let wait = {
                let mut state = self.state();
                let now = Instant::now();
                let is_first = state.queue.is_first(waiter.place);
                match is_first.then(|| state.rate.try_take(now)) {
                    None => None,
                    Some(Ok(())) => {
                        state.queue.leave(waiter.place);
                        return self.admitted(&mut state, true, now);
                    }
                    Some(Err(wait)) => Some(wait),
                }
            };
            match wait {
                None => waiter.woken.notified().await,
                Some(wait) => {
                    // A nanosecond more, so that rounding does not cost a second round.
                    let _ = tokio::time::timeout(wait + Duration::from_nanos(1), waiter.woken.notified()).await;
                }
            }
        }
    }

    /// How busy it is.
    pub fn load(&self) -> Load {
        let state = self.state();
        Load {
            per_second: state.rate.per_second(),
            waiting: state.queue.len(),
            under_way: state.under_way,
        }
    }

    /// What AWS was found to bear, as a share of the most that we would call.
    pub(super) fn share(&self) -> f64 {
        self.state().rate.ratio()
    }

    fn admitted(&self, state: &mut State, waited: bool, since: Instant) -> Admitted<'_> {
        state.under_way += 1;
        Admitted {
            limiter: self,
            since,
            waited,
            event: state.rate.events(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that may go. The limiter learns from how it ended; from one that is dropped without a word it learns nothing.
#[derive(Debug)]
#[must_use]
pub struct Admitted<'a> {
    limiter: &'a Limiter,
    since: Instant,
    waited: bool,
    event: u64,
}

impl Admitted<'_> {
    /// AWS took it, whatever it said to it.
    pub fn accepted(self) {
        let mut state = self.limiter.state();
        let now = Instant::now();
        let round_trip = now.saturating_duration_since(self.since);
        state.rate.accepted(self.event, self.waited, round_trip, now);
        // Who is first has counted on the old rate.
        state.queue.wake_first();
    }

    /// AWS refused it because there were too many.
    pub fn throttled(self) {
        self.limiter.state().rate.throttled(self.event, Instant::now());
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.limiter.state().under_way -= 1;
    }
}

/// A place in the queue, left when dropped.
struct Waiter<'a> {
    limiter: &'a Limiter,
    place: Place,
    woken: Arc<Notify>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.limiter.state().queue.leave(self.place);
    }
}
