//! Whether this process may write at this moment, asked when a write is about to be sent.
//!
//! A controller asks for leadership before each step, but between the step and the wire are the limiter's queue, the
//! SDK's retries, a connection to be made, and perhaps a process that is stopped for a while. So whoever sends asks
//! again: [`SdkConnect`](crate::SdkConnect) for each attempt of a write.

use std::{fmt, future::poll_fn, pin::pin, sync::Arc, task::Poll};

use tokio::time::{Instant, sleep_until};

/// This process may not write, or may not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this replica may not write: it is not the leader")]
pub struct Closed;

type Ask = dyn Fn() -> Result<Option<Instant>, Closed> + Send + Sync;

/// Asked each time that a write is about to be sent. Clones ask the same.
#[derive(Clone)]
pub struct WriteGate(Arc<Ask>);

impl WriteGate {
    /// A gate that `ask` keeps. It answers until when the write must be over (`None`: no limit), from memory and at once.
    pub fn new(ask: impl Fn() -> Result<Option<Instant>, Closed> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// Until when a write that is sent now must be over; `None`: no limit.
    ///
    /// # Errors
    /// [`Closed`]: nothing may be sent.
    pub fn ask(&self) -> Result<Option<Instant>, Closed> {
        (self.0)()
    }

    /// Lets `write` happen, if and as long as the gate is open.
    ///
    /// # Guarantees
    /// The gate is asked when the future is first polled. `write` is not polled at or after the time that the gate named:
    /// a process that was stopped in the middle and wakes up later does not go on with it, it drops it.
    ///
    /// # Errors
    /// [`Closed`]: nothing was sent if the gate was closed at first; whether a write that was dropped has had its effect
    /// is not known.
    pub async fn guard<F: Future>(&self, write: F) -> Result<F::Output, Closed> {
        let Some(until) = self.ask()? else {
            return Ok(write.await);
        };
        within(until, write).await
    }
}

impl Default for WriteGate {
    /// Always open: the only process there is.
    fn default() -> Self {
        Self::new(|| Ok(None))
    }
}

impl fmt::Debug for WriteGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriteGate(…)")
    }
}

/// The future's value, unless it has none before `until`.
///
/// Unlike [`tokio::time::timeout_at`] this looks at the clock first and polls afterwards: after a long stop nothing more
/// is done, not even once.
///
/// # Errors
/// [`Closed`] when the time has come.
pub async fn within<F: Future>(until: Instant, future: F) -> Result<F::Output, Closed> {
    let mut future = pin!(future);
    let mut end = pin!(sleep_until(until));
    poll_fn(|context| {
        if Instant::now() >= until {
            return Poll::Ready(Err(Closed));
        }
        if let Poll::Ready(value) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(value));
        }
        end.as_mut().poll(context).map(|()| Err(Closed))
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use tokio::time::{advance, sleep};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn open_for(time: Duration) -> WriteGate {
        let until = Instant::now() + time;
        WriteGate::new(move || {
            if Instant::now() < until {
                Ok(Some(until))
            } else {
                Err(Closed)
            }
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_passes_an_open_gate_and_none_a_closed_one() {
        let gate = open_for(SECOND);
        assert_eq!(gate.guard(async { 1 }).await, Ok(1));
        advance(SECOND).await;
        let begun = AtomicUsize::new(0);
        let write = async { begun.fetch_add(1, Ordering::Relaxed) };
        assert_eq!(gate.guard(write).await, Err(Closed));
        assert_eq!(begun.into_inner(), 0);
        assert_eq!(WriteGate::default().guard(sleep(SECOND * 3600)).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_takes_its_time_is_dropped_when_the_gate_closes() {
        let start = Instant::now();
        let gate = open_for(SECOND);
        assert_eq!(gate.guard(sleep(SECOND / 2)).await, Ok(()));
        assert_eq!(gate.guard(sleep(SECOND * 9)).await, Err(Closed));
        assert_eq!(start.elapsed(), SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_wakes_up_too_late_does_not_go_on() {
        let gate = open_for(SECOND);
        let (resume, resumed) = tokio::sync::oneshot::channel::<()>();
        let sent = AtomicUsize::new(0);
        let write = async {
            let _ = resumed.await;
            sent.fetch_add(1, Ordering::Relaxed);
        };
        // Connected just when the process is stopped; it runs again long after.
        let stop = async {
            advance(SECOND * 60).await;
            let _ = resume.send(());
        };
        let (result, ()) = tokio::join!(gate.guard(write), stop);
        assert_eq!(result, Err(Closed));
        assert_eq!(sent.into_inner(), 0);
    }
}
