//! How many passes are under way: as many as the pace of calls to AWS can serve.
//!
//! More would not be done sooner. They would only share the pace, until each took longer than a pass may.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use irsa_aws::Load;
use tokio::sync::Notify;

use crate::memory::Locked;

/// So many passes may always be under way.
const AT_LEAST: usize = 8;
/// Passes under way for each call per second, where calls wait for their turn. A new binding takes about four calls, so each waits
/// for some seconds.
const FOR_EACH_CALL: f64 = 2.0;
/// How often it is looked whether the pace has changed.
const LOOK: Duration = Duration::from_millis(250);

/// Asked how busy the calls to AWS are.
pub(super) type AskLoad = Arc<dyn Fn() -> Load + Send + Sync>;

/// The passes under way.
///
/// # Guarantees
/// While calls to AWS wait for each other, no pass begins that makes more than [`AT_LEAST`] or [`FOR_EACH_CALL`] times the pace,
/// besides those whose call AWS is about to answer: one that hangs holds up no others. A pass that ends, or is cancelled, makes
/// room. Once closed, no pass begins any more, not even one that waits already.
pub(super) struct Turns {
    under_way: Locked<usize>,
    closed: AtomicBool,
    freed: Notify,
    load: AskLoad,
}

impl Default for Turns {
    /// Nothing holds passes up.
    fn default() -> Self {
        Self::by(Arc::new(Load::default))
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Turns({})", self.under_way.lock())
    }
}

impl Turns {
    pub(super) fn by(load: AskLoad) -> Self {
        Self {
            under_way: Locked::default(),
            closed: AtomicBool::new(false),
            freed: Notify::new(),
            load,
        }
    }

    /// Waits until one more pass may begin. It is under way until what is returned is dropped. `None`: none may any more.
    pub(super) async fn begin(&self) -> Option<Turn<'_>> {
        loop {
            // Created before the look, so that no change between the look and the wait is missed.
            let freed = self.freed.notified();
            if self.closed.load(Ordering::Acquire) {
                return None;
            }
            if let Some(turn) = self.try_begin() {
                return Some(turn);
            }
            // Whether it came or not, it is looked again.
            let _ = tokio::time::timeout(LOOK, freed).await;
        }
    }

    /// Lets no pass begin from now on: the process ends.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.freed.notify_waiters();
    }

    /// The same if no pass is under way; whether none is.
    pub(super) fn close_if_idle(&self) -> bool {
        let under_way = self.under_way.lock();
        let idle = *under_way == 0;
        if idle {
            self.closed.store(true, Ordering::Release);
        }
        idle
    }

    /// Whether no pass is under way.
    pub(super) fn is_idle(&self) -> bool {
        *self.under_way.lock() == 0
    }

    fn try_begin(&self) -> Option<Turn<'_>> {
        let allowed = self.allowed();
        let mut under_way = self.under_way.lock();
        // Looked at under the lock, so that none begins after `close_if_idle`.
        let open = !self.closed.load(Ordering::Acquire);
        (open && *under_way < allowed).then(|| {
            *under_way += 1;
            Turn(self)
        })
    }

    fn allowed(&self) -> usize {
        let load = (self.load)();
        if load.waiting == 0 {
            return usize::MAX;
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small number that is not negative"
        )]
        let served = (load.per_second * FOR_EACH_CALL).max(0.0) as usize;
        served.max(AT_LEAST).saturating_add(load.under_way)
    }
}

/// A pass that is under way.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut under_way = self.0.under_way.lock();
        *under_way = under_way.saturating_sub(1);
        drop(under_way);
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::{FutureExt, future::join_all};

    use super::*;

    fn busy(load: &Arc<Mutex<Load>>) -> Turns {
        let load = Arc::clone(load);
        Turns::by(Arc::new(move || *load.lock().unwrap()))
    }

    #[tokio::test(start_paused = true)]
    async fn while_calls_wait_so_many_passes_are_under_way_as_the_pace_serves() {
        let load = Arc::new(Mutex::new(Load {
            per_second: 6.0,
            waiting: 3,
            under_way: 0,
        }));
        let turns = busy(&load);
        let mut begun = join_all((0..12).map(|_| turns.begin())).await;
        assert!(turns.begin().now_or_never().is_none(), "twelve are enough");
        drop(begun.pop());
        assert!(turns.begin().now_or_never().is_some(), "one has made room");

        load.lock().unwrap().per_second = 0.5;
        begun.truncate(8);
        assert!(turns.begin().now_or_never().is_none());
        begun.pop();
        begun.push(turns.begin().now_or_never().expect("a few always may"));
        assert!(turns.begin().now_or_never().is_none());
        load.lock().unwrap().under_way = 2;
        assert!(
            turns.begin().now_or_never().is_some(),
            "what AWS is about to answer waits for nothing of ours"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn when_no_call_waits_any_more_nothing_holds_passes_up() {
        let load = Arc::new(Mutex::new(Load {
            per_second: 1.0,
            waiting: 1,
            under_way: 0,
        }));
        let turns = busy(&load);
        let _begun = join_all((0..AT_LEAST).map(|_| turns.begin())).await;
        let relieved = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            load.lock().unwrap().waiting = 0;
        };
        let (_turn, ()) = tokio::join!(turns.begin(), relieved);
        assert_eq!(*turns.under_way.lock(), AT_LEAST + 1);
    }

    #[tokio::test]
    async fn it_is_closed_by_whoever_asks_only_while_nothing_is_under_way() {
        let turns = Turns::default();
        let under_way = turns.begin().await;
        assert!(!turns.close_if_idle());
        drop(under_way);
        drop(turns.begin().await.expect("it is open still"));
        assert!(turns.close_if_idle());
        assert!(turns.begin().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn once_closed_those_that_wait_never_begin_and_those_under_way_go_on() {
        let load = Arc::new(Mutex::new(Load {
            per_second: 1.0,
            waiting: 1,
            under_way: 0,
        }));
        let turns = busy(&load);
        let begun = join_all((0..AT_LEAST).map(|_| turns.begin())).await;
        let close = async { turns.close() };
        let (waited, ()) = tokio::join!(turns.begin(), close);
        assert!(waited.is_none());
        assert!(begun.iter().all(Option::is_some));
        assert_eq!(*turns.under_way.lock(), AT_LEAST);
        load.lock().unwrap().waiting = 0;
        assert!(turns.begin().await.is_none(), "not when nothing holds them up either");
    }
}
