//! IAM shows a change only after a while, so what it does not show may be there all the same. Before something that is to be
//! removed counts as gone, and before something that is not looked at any more counts as harmless, so much time must have
//! passed that the last change to it would have been seen.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use irsa_pipeline::object::ObjectKey;

/// Between a change and the first read that surely shows it. IAM documents no bound ("changes … can take time", user guide,
/// troubleshooting); a minute is far beyond what is seen, and a call that we gave up may still take effect after.
const SHOWN_AFTER: Duration = Duration::from_secs(75);

/// When something may last have been made or changed for each object.
#[derive(Debug, Default)]
pub(crate) struct Propagation {
    /// Until then an earlier process may have made anything; `None`: long ago.
    started: Option<Instant>,
    /// `None`: this process has removed it since.
    made: Mutex<HashMap<ObjectKey, Option<Instant>>>,
}

impl Propagation {
    /// Those of a process that starts now, and knows nothing of the one before.
    pub(crate) fn from_now_on() -> Self {
        Self {
            started: Some(Instant::now()),
            made: Mutex::default(),
        }
    }

    /// Something may have been made or changed for this object until now.
    fn note(&self, key: &ObjectKey) {
        self.lock().insert(key.clone(), Some(Instant::now()));
    }

    /// Does what may change something (`writes`), and notes when that ended, however it did: a call that failed, or that
    /// is not waited for any more, may have taken effect.
    pub(crate) async fn during<T>(&self, key: &ObjectKey, writes: bool, work: impl Future<Output = T>) -> T {
        let _noted = writes.then(|| Propagating { propagation: self, key });
        work.await
    }

    /// What began before this proves nothing; `None`: anything does.
    pub(crate) fn shown_from(&self, key: &ObjectKey) -> Option<Instant> {
        let last = self.lock().get(key).copied().unwrap_or(self.started)?;
        Some(last + SHOWN_AFTER)
    }

    /// For how long yet a read proves nothing; a look that comes right after is worth the most.
    pub(crate) fn hidden_for(&self, key: &ObjectKey) -> Option<Duration> {
        let last = self.lock().get(key).copied().unwrap_or(self.started)?;
        SHOWN_AFTER.checked_sub(last.elapsed()).filter(|left| !left.is_zero())
    }

    /// What was made for this object was seen, and removed.
    pub(crate) fn removed(&self, key: &ObjectKey) {
        self.lock().insert(key.clone(), None);
    }

    /// Whether this process has removed it: reads may go on showing it, and there is nothing left to do.
    pub(crate) fn is_removed(&self, key: &ObjectKey) -> bool {
        self.lock().get(key) == Some(&None)
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Option<Instant>>> {
        // A poisoned lock means that another task panicked; the entries themselves are always whole.
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that is being made or changed.
struct Propagating<'a> {
    propagation: &'a Propagation,
    key: &'a ObjectKey,
}

impl Drop for Propagating<'_> {
    fn drop(&mut self) {
        self.propagation.note(self.key);
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

    #[tokio::test(start_paused = true)]
    async fn what_may_have_been_made_a_moment_ago_may_be_hidden_yet() {
        let propagation = Propagation::default();
        assert_eq!(propagation.hidden_for(&key("a")), None);
        propagation.note(&key("a"));
        tokio::time::sleep(Duration::from_secs(70)).await;
        assert_eq!(propagation.hidden_for(&key("a")), Some(Duration::from_secs(5)));
        assert_eq!(propagation.hidden_for(&key("b")), None);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(propagation.hidden_for(&key("a")), None);
        propagation.note(&key("a"));
        propagation.forget(&key("a"));
        assert_eq!(propagation.hidden_for(&key("a")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_creation_that_is_given_up_counts_from_then_on() {
        let propagation = Propagation::default();
        let a = key("a");
        let never = propagation.during(&a, true, std::future::pending::<()>());
        assert!(tokio::time::timeout(Duration::from_secs(100), never).await.is_err());
        assert_eq!(propagation.hidden_for(&a), Some(SHOWN_AFTER));
        propagation.during(&key("b"), false, async {}).await;
        assert_eq!(propagation.hidden_for(&key("b")), None, "nothing was made");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_process_does_not_know_what_the_one_before_has_just_made() {
        let propagation = Propagation::from_now_on();
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(propagation.hidden_for(&key("a")), Some(Duration::from_secs(15)));
        propagation.note(&key("b"));
        assert!(!propagation.is_removed(&key("c")));
        propagation.removed(&key("c"));
        assert!(propagation.is_removed(&key("c")) && !propagation.is_removed(&key("b")));
        assert_eq!(propagation.hidden_for(&key("c")), None);
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(propagation.hidden_for(&key("a")), None);
        assert_eq!(propagation.hidden_for(&key("b")), Some(Duration::from_secs(55)));
    }
}
