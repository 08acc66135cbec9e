//! How long IAM may hide a change, and when the last change to each object was.
//!
//! IAM shows a change only after a while, so what it does not show may be there all the same. Before something that is to be
//! removed counts as gone, and before something that is not looked at any more counts as harmless, so much time must have
//! passed that the last change to it would have been seen. IAM documents no bound ("changes … can take time", user guide,
//! troubleshooting), so each of the times below weighs what a wrong guess costs.

use std::time::Duration;

use irsa_pipeline::object::ObjectKey;
use tokio::time::Instant;

use super::per_object::PerObject;

/// Between our own write and the first read whose difference counts as drift. IAM shows nearly every change within seconds;
/// to take an old answer for drift costs a write that changes nothing.
pub(crate) const DRIFT_SHOWS_AFTER: Duration = Duration::from_secs(10);

/// Between a change and the first read that surely shows it. A minute is far beyond what is seen, and a call that we gave up
/// may still take effect after; to take something hidden for gone leaves a role behind.
pub(crate) const SHOWN_AFTER: Duration = Duration::from_secs(75);

/// Between our own write and the first listing of a whole account that counts. IAM shows a change within seconds, rarely only
/// after a minute [IAMUG-2023 troubleshoot_general#eventual-consistency, terraform-provider-aws 6566], and a listing of many
/// pages goes on for a while; to wait for the next one costs nothing but a read of the role by itself.
pub(crate) const LISTED_AFTER: Duration = Duration::from_mins(2);

/// When something may last have been made or changed for an object: a part of its record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum LastChange {
    /// Not by this process.
    #[default]
    Unknown,
    /// Then, or before.
    At(Instant),
    /// This process has removed it since.
    Removed,
}

/// When something may last have been made or changed for each object, in the records `R` of their kind.
#[derive(Debug)]
pub(crate) struct Propagation<R> {
    /// Until then an earlier process may have made anything; `None`: long ago.
    started: Option<Instant>,
    records: PerObject<R>,
}

impl<R: Default + AsRef<LastChange> + AsMut<LastChange>> Propagation<R> {
    /// That of a process that starts now, and knows nothing of the one before.
    pub(crate) fn from_now_on(records: &PerObject<R>) -> Self {
        Self {
            started: Some(Instant::now()),
            records: records.clone(),
        }
    }

    /// That of a process before which nothing was made for long.
    #[cfg(test)]
    pub(crate) fn since_long(records: &PerObject<R>) -> Self {
        Self {
            started: None,
            records: records.clone(),
        }
    }

    /// Does what may change something (`writes`), and notes when that ended, however it did: a call that failed, or that
    /// is not waited for any more, may have taken effect.
    pub(crate) async fn during<T>(&self, key: &ObjectKey, writes: bool, work: impl Future<Output = T>) -> T {
        let records = &self.records;
        let _noted = writes.then(|| Propagating { records, key });
        work.await
    }

    /// What began before this proves nothing; `None`: anything does.
    pub(crate) fn shown_from(&self, key: &ObjectKey) -> Option<Instant> {
        Some(self.last(key)? + SHOWN_AFTER)
    }

    /// For how long yet a read proves nothing; a look that comes right after is worth the most.
    pub(crate) fn hidden_for(&self, key: &ObjectKey) -> Option<Duration> {
        let left = SHOWN_AFTER.checked_sub(self.last(key)?.elapsed());
        left.filter(|left| !left.is_zero())
    }

    /// What was made for this object was seen, and removed.
    pub(crate) fn removed(&self, key: &ObjectKey) {
        self.records.with(key, |record| *record.as_mut() = LastChange::Removed);
    }

    /// Whether this process has removed it: reads may go on showing it, and there is nothing left to do.
    pub(crate) fn is_removed(&self, key: &ObjectKey) -> bool {
        self.change(key) == LastChange::Removed
    }

    fn last(&self, key: &ObjectKey) -> Option<Instant> {
        match self.change(key) {
            LastChange::Unknown => self.started,
            LastChange::At(last) => Some(last),
            LastChange::Removed => None,
        }
    }

    fn change(&self, key: &ObjectKey) -> LastChange {
        let change = self.records.peek(key, |record| Some(*record.as_ref()));
        change.unwrap_or_default()
    }
}

/// Something that is being made or changed.
struct Propagating<'a, R: Default + AsMut<LastChange>> {
    records: &'a PerObject<R>,
    key: &'a ObjectKey,
}

impl<R: Default + AsMut<LastChange>> Drop for Propagating<'_, R> {
    fn drop(&mut self) {
        let now = LastChange::At(Instant::now());
        self.records.with(self.key, |record| *record.as_mut() = now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Record(LastChange);

    impl AsRef<LastChange> for Record {
        fn as_ref(&self) -> &LastChange {
            &self.0
        }
    }

    impl AsMut<LastChange> for Record {
        fn as_mut(&mut self) -> &mut LastChange {
            &mut self.0
        }
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name, name)
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_have_been_made_a_moment_ago_may_be_hidden_yet() {
        let propagation = Propagation::<Record>::since_long(&PerObject::default());
        assert_eq!(propagation.hidden_for(&key("a")), None);
        propagation.during(&key("a"), true, async {}).await;
        tokio::time::sleep(Duration::from_secs(70)).await;
        assert_eq!(propagation.hidden_for(&key("a")), Some(Duration::from_secs(5)));
        assert_eq!(propagation.hidden_for(&key("b")), None);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(propagation.hidden_for(&key("a")), None);
        propagation.during(&key("a"), true, async {}).await;
        propagation.records.remove(&key("a"));
        assert_eq!(propagation.hidden_for(&key("a")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_creation_that_is_given_up_counts_from_then_on() {
        let propagation = Propagation::<Record>::since_long(&PerObject::default());
        let a = key("a");
        let never = propagation.during(&a, true, std::future::pending::<()>());
        assert!(tokio::time::timeout(Duration::from_secs(100), never).await.is_err());
        assert_eq!(propagation.hidden_for(&a), Some(SHOWN_AFTER));
        propagation.during(&key("b"), false, async {}).await;
        assert_eq!(propagation.hidden_for(&key("b")), None, "nothing was made");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_process_does_not_know_what_the_one_before_has_just_made() {
        let propagation = Propagation::<Record>::from_now_on(&PerObject::default());
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(propagation.hidden_for(&key("a")), Some(Duration::from_secs(15)));
        propagation.during(&key("b"), true, async {}).await;
        assert!(!propagation.is_removed(&key("c")));
        propagation.removed(&key("c"));
        assert!(propagation.is_removed(&key("c")) && !propagation.is_removed(&key("b")));
        assert_eq!(propagation.hidden_for(&key("c")), None);
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(propagation.hidden_for(&key("a")), None);
        assert_eq!(propagation.hidden_for(&key("b")), Some(Duration::from_secs(55)));
    }
}
