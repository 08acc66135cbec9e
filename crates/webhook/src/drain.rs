//! The end of a replica: it answers on while the API servers learn that it is going.

use std::time::Duration;

use tokio::sync::watch;

/// Whether the replica is to end.
#[derive(Debug, Clone)]
pub(crate) struct Drain {
    stopped: watch::Receiver<bool>,
    /// From SIGTERM until no new connection is taken.
    delay: Duration,
}

/// Who says that it is.
#[derive(Debug)]
pub(crate) struct Stopper(watch::Sender<bool>);

/// Both ends. After the delay endpoints must be gone everywhere: until then a refused connection would be a pod without
/// credentials.
pub(crate) fn drain(delay: Duration) -> (Stopper, Drain) {
    let (sender, stopped) = watch::channel(false);
    (Stopper(sender), Drain { stopped, delay })
}

impl Stopper {
    /// The replica is to end.
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Drain {
    /// Whether answers are the last on their connections.
    pub(crate) fn has_begun(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Ends when no new connection is to be taken.
    pub(crate) async fn over(mut self) {
        // Nobody can stop what has lost its stopper.
        if self.stopped.wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(self.delay).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_over_a_while_after_it_has_begun() {
        let delay = Duration::from_secs(10);
        let (stopper, drain) = drain(delay);
        assert!(!drain.has_begun());
        let over = tokio::spawn(drain.clone().over());
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(!over.is_finished());
        let begin = Instant::now();
        stopper.stop();
        over.await.unwrap();
        assert!(drain.has_begun());
        assert_eq!(begin.elapsed(), delay);
    }
}
