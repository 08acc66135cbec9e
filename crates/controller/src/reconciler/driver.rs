//! What the driver of a controller needs, and what it remembers of each object.

use std::{sync::Arc, time::Duration};

use irsa_pipeline::object::{Managed, ObjectKey};
use jiff::Timestamp;
use kube::Client;

use super::{last_report::LastReport, last_status::LastStatus, last_success::LastSuccess, rate_limit::RateLimit};
use crate::{
    clock::Clock,
    events::Events,
    leadership::{Leadership, NotLeader, Permit},
    memory::backoff::Backoff,
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
    pub(super) backoff: Backoff<ObjectKey>,
    pub(super) rate_limit: RateLimit,
    pub(super) last_success: LastSuccess,
    pub(super) last_report: LastReport,
    pub(super) last_status: LastStatus,
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
            backoff: Backoff::default(),
            rate_limit: RateLimit::default(),
            last_success: LastSuccess::since(now),
            last_report: LastReport::default(),
            last_status: LastStatus::default(),
        }
    }

    /// The same by another clock than the machine's, whose time the process starts at.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self {
            last_success: LastSuccess::since(clock.now()),
            clock,
            ..self
        }
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget<K: Managed>(&self, key: &ObjectKey) {
        self.metrics.objects.gone(K::KIND, key);
        self.backoff.forget(key);
        self.rate_limit.forget(key);
        self.last_success.forget(key);
        self.last_report.forget(key);
        self.last_status.forget(key);
    }

    /// The right to make one write now.
    pub fn permit(&self) -> Result<Permit, NotLeader> {
        self.leadership.permit()
    }
}
