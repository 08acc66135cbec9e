//! How fast we may call one AWS account.
//!
//! IAM throttles per account by numbers that are published nowhere and that nobody can raise (re:Post "IAM and STS
//! throttling"), and other tools in the account share them. So all reconciles of one account share one token bucket,
//! which slows down when AWS refuses and takes its pace again afterwards.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// One token bucket's size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Attempts per second when AWS does not complain.
    pub per_second: f64,
    /// Attempts at once after a quiet while.
    pub burst: f64,
}

impl Rate {
    /// So many per second, and twice as many at once.
    pub fn of(per_second: f64) -> Self {
        Self {
            per_second,
            burst: 2.0 * per_second,
        }
    }
}

impl Default for Rate {
    /// Ten per second: a choice of ours, as AWS publishes no numbers.
    fn default() -> Self {
        Self::of(10.0)
    }
}

/// Who goes first when attempts must wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Priority {
    /// Changes something: goes before every read that waits.
    Write,
    /// Changes nothing.
    Read,
}

/// Never slower than this, in attempts per second: one probe every two seconds finds out when AWS relents.
const SLOWEST: f64 = 0.5;
/// Refusals within this time are one event: the attempts were under way together.
const ONE_EVENT: Duration = Duration::from_secs(1);
/// From a standstill the full pace is reached after so many seconds.
const RECOVERY_SECONDS: f64 = 60.0;

/// The token bucket of one account.
///
/// **Guarantees.** First come, first served within one priority; a waiting write goes before all waiting reads. An
/// attempt that is cancelled while it waits takes no token. Never more than `burst + t × per_second` attempts in any
/// `t` seconds.
#[derive(Debug)]
pub struct Limiter {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    full: Rate,
    per_second: f64,
    tokens: f64,
    updated: Instant,
    last_cut: Option<Instant>,
    next_ticket: u64,
    writes: VecDeque<u64>,
    reads: VecDeque<u64>,
}

impl Limiter {
    /// A full bucket.
    pub fn new(rate: Rate) -> Self {
        let full = Rate {
            per_second: rate.per_second.max(SLOWEST),
            burst: rate.burst.max(1.0),
        };
        let state = State {
            full,
            per_second: full.per_second,
            tokens: full.burst,
            updated: Instant::now(),
            last_cut: None,
            next_ticket: 0,
            writes: VecDeque::new(),
            reads: VecDeque::new(),
        };
        Self {
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// Waits for a token and takes it.
    pub async fn admit(&self, priority: Priority) {
        let place = self.queue(priority);
        loop {
            // Created before the look, so that no change between the look and the wait is missed.
            let changed = self.changed.notified();
            let taken = self.state().try_take(&place, Instant::now());
            match taken {
                Turn::Taken => return,
                Turn::In(wait) => {
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = changed => {}
                    }
                }
                Turn::NotYet => changed.await,
            }
        }
    }

    /// AWS refused an attempt because there were too many: halves the pace and empties the bucket.
    pub fn throttled(&self) {
        let now = Instant::now();
        let mut state = self.state();
        state.refill(now);
        state.tokens = 0.0;
        if state.last_cut.is_none_or(|last| now.duration_since(last) >= ONE_EVENT) {
            state.last_cut = Some(now);
            state.per_second = (state.per_second / 2.0).max(SLOWEST);
        }
    }

    /// Today's pace, in attempts per second.
    pub fn per_second(&self) -> f64 {
        let mut state = self.state();
        state.refill(Instant::now());
        state.per_second
    }

    /// Today's pace as a share of the full one.
    fn share(&self) -> f64 {
        let mut state = self.state();
        state.refill(Instant::now());
        state.per_second / state.full.per_second
    }

    fn queue(&self, priority: Priority) -> Place<'_> {
        let mut state = self.state();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.queue(priority).push_back(ticket);
        Place {
            limiter: self,
            priority,
            ticket,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a queue, left when dropped.
struct Place<'a> {
    limiter: &'a Limiter,
    priority: Priority,
    ticket: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let ticket = self.ticket;
        self.limiter
            .state()
            .queue(self.priority)
            .retain(|waiting| *waiting != ticket);
        self.limiter.changed.notify_waiters();
    }
}

enum Turn {
    Taken,
    In(Duration),
    NotYet,
}

impl State {
    fn queue(&mut self, priority: Priority) -> &mut VecDeque<u64> {
        match priority {
            Priority::Write => &mut self.writes,
            Priority::Read => &mut self.reads,
        }
    }

    fn try_take(&mut self, place: &Place<'_>, now: Instant) -> Turn {
        self.refill(now);
        if self.writes.front().or_else(|| self.reads.front()) != Some(&place.ticket) {
            return Turn::NotYet;
        }
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Turn::Taken;
        }
        // A millisecond more than needed, so that rounding does not cost a second round.
        let seconds = (1.0 - self.tokens) / self.per_second;
        Turn::In(Duration::from_secs_f64(seconds) + Duration::from_millis(1))
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.updated).as_secs_f64();
        self.updated = now;
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.full.burst);
        let recovered = self.per_second + elapsed * self.full.per_second / RECOVERY_SECONDS;
        self.per_second = recovered.min(self.full.per_second);
    }
}

/// The limiters of all accounts.
#[derive(Debug, Default)]
pub struct Limiters {
    rate: Rate,
    by_account: Mutex<HashMap<String, Arc<Limiter>>>,
}

impl Limiters {
    /// None yet; each starts with this rate.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            by_account: Mutex::default(),
        }
    }

    /// The one limiter of an account.
    pub fn of(&self, account: &str) -> Arc<Limiter> {
        let mut limiters = self.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        let limiter = limiters
            .entry(account.to_owned())
            .or_insert_with(|| Arc::new(Limiter::new(self.rate)));
        Arc::clone(limiter)
    }

    /// The pace of the account that AWS slows down most, as a share of the full one; 1 when it slows none.
    pub fn slowest_share(&self) -> f64 {
        let limiters = self.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        limiters.values().map(|limiter| limiter.share()).fold(1.0, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_second: 4.0,
        burst: 2.0,
    };

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 0.1
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_burst_attempts_go_at_the_pace() {
        let limiter = Limiter::new(RATE);
        let start = Instant::now();
        for _ in 0..10 {
            limiter.admit(Priority::Read).await;
        }
        assert!(close(start.elapsed().as_secs_f64(), 2.0), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_write_goes_before_reads_that_came_earlier() {
        let limiter = Arc::new(Limiter::new(RATE));
        limiter.admit(Priority::Read).await;
        limiter.admit(Priority::Read).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (name, priority) in [
            ("read 1", Priority::Read),
            ("read 2", Priority::Read),
            ("write 1", Priority::Write),
            ("write 2", Priority::Write),
        ] {
            let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                limiter.admit(priority).await;
                order.lock().unwrap().push(name);
            }));
            tokio::task::yield_now().await;
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["write 1", "write 2", "read 1", "read 2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_halves_the_pace_once_per_event_and_it_recovers() {
        let limiter = Limiter::new(RATE);
        limiter.throttled();
        limiter.throttled();
        assert!(close(limiter.per_second(), 2.0), "one event is one cut");
        let start = Instant::now();
        limiter.admit(Priority::Write).await;
        assert!(start.elapsed() >= Duration::from_millis(490), "the bucket was emptied");
        tokio::time::advance(Duration::from_secs(2)).await;
        limiter.throttled();
        let cut = limiter.per_second();
        assert!(cut < 1.2, "{cut}");
        for _ in 0..10 {
            tokio::time::advance(Duration::from_secs(2)).await;
            limiter.throttled();
        }
        assert!(limiter.per_second() >= SLOWEST);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(close(limiter.per_second(), 4.0));
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_is_cancelled_leaves_the_queue_and_takes_nothing() {
        let limiter = Limiter::new(RATE);
        limiter.admit(Priority::Read).await;
        limiter.admit(Priority::Read).await;
        let impatient = tokio::time::timeout(Duration::from_millis(10), limiter.admit(Priority::Write)).await;
        assert!(impatient.is_err());
        let start = Instant::now();
        limiter.admit(Priority::Read).await;
        assert!(start.elapsed() < Duration::from_millis(250), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn accounts_do_not_slow_each_other() {
        let limiters = Limiters::new(RATE);
        limiters.of("111111111111").throttled();
        assert!(close(limiters.of("222222222222").per_second(), 4.0));
        assert!(close(limiters.of("111111111111").per_second(), 2.0));
        assert!(close(limiters.slowest_share(), 0.5), "{}", limiters.slowest_share());
    }
}
