//! What the driver of a controller needs, and what it remembers of each object.

use std::{sync::Arc, time::Duration};

use irsa_aws::Load;
use irsa_pipeline::object::{Managed, ObjectKey};
use jiff::Timestamp;
use kube::Client;

use super::{pass_end::PassEnd, turns::Turns};
use crate::{
    clock::Clock,
    events::Events,
    leadership::{Leadership, NotLeader, Permit},
    memory::{ObjectRecord, PerObject},
    metrics::Metrics,
};

/// What the driver needs.
pub struct Driver<L> {
    /// The Kubernetes client.
    pub client: Client,
    /// Asked before every write.
    pub leadership: Arc<L>,
    /// Counters.
    pub metrics: Metrics,
    /// Events.
    pub events: Events,
    /// Longest that one pass may take.
    pub deadline: Duration,
    clock: Clock,
    /// Start of the process, or when it began again; nothing was seen before.
    started: Timestamp,
    pub(super) records: PerObject<ObjectRecord>,
    pub(super) turns: Arc<Turns>,
}

impl<L: Leadership> Driver<L> {
    /// A driver; `now` is the start of the process.
    pub fn new(client: Client, leadership: Arc<L>, metrics: Metrics, events: Events, now: Timestamp) -> Self {
        Self {
            client,
            leadership,
            metrics,
            events,
            deadline: Duration::from_mins(2),
            clock: Clock::default(),
            started: now,
            records: PerObject::default(),
            turns: Arc::default(),
        }
    }

    /// The same by another clock than the machine's, whose time the process starts at.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self {
            started: clock.now(),
            clock,
            ..self
        }
    }

    /// The same with so many passes at a time as the calls to AWS, whose load is asked for, can serve.
    #[must_use]
    pub fn with_load(self, load: impl Fn() -> Load + Send + Sync + 'static) -> Self {
        Self {
            turns: Arc::new(Turns::by(Arc::new(load))),
            ..self
        }
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets no pass begin from now on, because the process ends; those under way go on.
    pub(crate) fn close(&self) {
        self.turns.close();
    }

    /// Whether no pass is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.turns.is_idle()
    }

    /// Lets no pass begin from now on if none is under way, and says whether that is so: for whoever else ends only then.
    pub fn close_if_idle(&self) -> impl Fn() -> bool + Send + Sync + use<L> {
        let turns = Arc::clone(&self.turns);
        move || turns.close_if_idle()
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget<K: Managed>(&self, key: &ObjectKey) {
        self.metrics.objects.gone(K::KIND, key);
        self.records.remove(key);
    }

    /// The object with the status that we wrote last, where the watch does not show it yet.
    pub(super) fn freshest<K: Managed>(&self, mut object: K) -> K {
        let key = ObjectKey::of(&object);
        if let Some(status) = self.records.take(&key, |record| record.last_status.newer_than(&object)) {
            object.set_status(status);
        }
        object
    }

    /// When an object was last as it should be; until its first good pass the start of the process counts.
    pub(super) fn last_good(&self, key: &ObjectKey) -> Timestamp {
        let last = self.records.peek(key, |record| record.last_success.at());
        last.unwrap_or(self.started)
    }

    /// Tells how a pass ended.
    pub(super) fn tell(&self, key: &ObjectKey, end: &PassEnd<'_>, changes: &[String]) {
        let trouble = end.trouble();
        let news = self.records.with(key, |record| record.last_report.turns(trouble));
        end.tell(news, changes);
    }

    /// One record for each object.
    #[cfg(test)]
    pub(crate) fn records(&self) -> &PerObject<ObjectRecord> {
        &self.records
    }

    /// The right to make one write now.
    pub fn permit(&self) -> Result<Permit, NotLeader> {
        self.leadership.permit()
    }
}
