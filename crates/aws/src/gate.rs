//! The gate before writes: whether this process may write at this moment, asked when a write is about to be sent.
//!
//! A controller asks for leadership before each step, but between the step and the wire are the limiter's queue, the
//! SDK's retries, a connection to be made, and perhaps a process that is stopped for a while. So whoever sends asks
//! again: [`SdkConnect`](crate::SdkConnect) for each attempt of a write.

use std::{
    error::Error,
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

type BoxError = Box<dyn Error + Send + Sync>;

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
/// # Guarantees
/// The clock is looked at before each poll, unlike [`tokio::time::timeout_at`] does: after a long stop nothing more is
/// done, not even once.
///
/// # Errors
/// [`Closed`] when the time has come. Whether what was begun has had its effect is not known.
pub async fn within<F: Future>(until: impl Into<Option<Instant>>, future: F) -> Result<F::Output, Closed> {
    let Some(until) = until.into() else {
        return Ok(future.await);
    };
    let mut future = pin!(future);
    let mut end = pin!(sleep_until(until));
    poll_fn(|context| {
        if is_past(until) {
            return Poll::Ready(Err(Closed));
        }
        if let Poll::Ready(value) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(value));
        }
        end.as_mut().poll(context).map(|()| Err(Closed))
    })
    .await
}

/// The body of a request that must not be sent after `until`.
///
/// A request is handed over to the task of its connection, which takes it when it is scheduled: on a busy machine, or in a
/// process that is stopped in between, much later. hyper asks the body whether there is one, how long it is, and for its
/// bytes in the same poll in which it writes, after the head was put into its buffer and before that is sent. So
/// this is the last moment, and a body that fails then takes the head with it.
///
/// # Guarantees
/// No complete request is written once the time has come, also of one without content.
///
/// # Assumptions
/// HTTP/1 by hyper 1, whose `poll_write` does as described. AWS does not act on a request whose body is not complete.
#[derive(Debug)]
pub struct TimedBody<B> {
    body: B,
    until: Option<Instant>,
}

impl<B> TimedBody<B> {
    /// This body, up to then; for ever without a time.
    pub fn new(body: B, until: impl Into<Option<Instant>>) -> Self {
        Self {
            body,
            until: until.into(),
        }
    }

    fn is_late(&self) -> bool {
        self.until.is_some_and(is_past)
    }
}

impl<B> Body for TimedBody<B>
where
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        if self.is_late() {
            return Poll::Ready(Some(Err(Closed.into())));
        }
        let frame = Pin::new(&mut self.body).poll_frame(context);
        frame.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        // Not without a look at what would have come: the failure.
        !self.is_late() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_late() {
            return SizeHint::default();
        }
        self.body.size_hint()
    }
}

fn is_past(until: Instant) -> bool {
    Instant::now() >= until
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

    #[tokio::test(start_paused = true)]
    async fn what_is_begun_in_time_may_end_in_time() {
        let until = Instant::now() + SECOND;
        assert_eq!(within(until, sleep(SECOND / 2)).await, Ok(()));
        assert_eq!(within(None, sleep(SECOND * 3600)).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_longer_is_dropped_and_what_is_too_late_is_not_begun() {
        let start = Instant::now();
        let until = start + SECOND;
        assert_eq!(within(until, sleep(SECOND * 9)).await, Err(Closed));
        assert_eq!(start.elapsed(), SECOND);
        let begun = AtomicUsize::new(0);
        let write = async { begun.fetch_add(1, Ordering::Relaxed) };
        assert_eq!(within(until, write).await, Err(Closed));
        assert_eq!(begun.into_inner(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_wakes_up_too_late_does_not_go_on() {
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
        let (result, ()) = tokio::join!(within(Instant::now() + SECOND, write), stop);
        assert_eq!(result, Err(Closed));
        assert_eq!(sent.into_inner(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_whole_before_its_time_and_fails_after_it_even_when_it_is_empty() {
        use aws_smithy_types::body::SdkBody;
        let next = async |body: &mut TimedBody<SdkBody>| {
            let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
            frame.map(|frame| {
                frame
                    .map(|frame| frame.into_data().unwrap())
                    .map_err(|error| error.to_string())
            })
        };
        let until = Instant::now() + SECOND;
        let mut full = TimedBody::new(SdkBody::from("text"), until);
        let mut empty = TimedBody::new(SdkBody::empty(), until);
        assert!(!full.is_end_stream() && empty.is_end_stream());
        assert_eq!(
            (full.size_hint().exact(), empty.size_hint().exact()),
            (Some(4), Some(0))
        );
        assert_eq!(next(&mut full).await.unwrap().unwrap(), "text");
        advance(SECOND).await;
        for body in [&mut full, &mut empty] {
            assert!(!body.is_end_stream() && body.size_hint().exact().is_none());
            assert_eq!(next(body).await, Some(Err(Closed.to_string())));
        }
    }
}
