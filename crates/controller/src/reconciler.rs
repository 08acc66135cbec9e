//! The driver of both controllers, around what each kind does: decoding, first status, finalizer, deadline, conclusion, one status write, events.
//!
//! What a kind does in AWS is behind [`Reconciler`]; everything that must hold for every object of both kinds, and that
//! GitOps tools rely on, is here once:
//!
//! - a malformed object is one object's trouble, never the watch's;
//! - the first status is written before the first slow call;
//! - a pass has a deadline, so that a hung endpoint never holds a worker;
//! - status is written at most once more, and only when it differs;
//! - of metadata nothing but our finalizer is written, of spec nothing at all.

mod decode;
mod finalizer;
mod last_report;
mod last_status;
mod last_success;
mod pass;
mod rate_limit;
#[cfg(test)]
mod recorder;
mod status;

use std::{sync::Arc, time::Duration};

use irsa_core::{outcome::Outcome, refusal::ApiRequest};
use jiff::Timestamp;
use kube::Client;

#[cfg(test)]
pub(crate) use self::pass::in_time;
pub(crate) use self::pass::suspended;
pub use self::{
    decode::{Decoded, Lenient, Unreadable},
    pass::{clean_up, error_policy, reconcile},
};
use self::{last_report::LastReport, last_status::LastStatus, last_success::LastSuccess, rate_limit::RateLimit};
use crate::{
    backoff::Backoff,
    clock::Clock,
    events::Events,
    kube_errors::{self, CLUSTER_ROLE},
    leadership::{Leadership, NotLeader, Permit},
    metrics::Metrics,
    object::{Managed, ObjectKey},
};

/// What a pass found, for the driver to conclude.
#[derive(Debug)]
pub struct Report<S> {
    /// The verdict and the aspects.
    pub outcome: Outcome,
    /// The status with the kind's own fields filled in; conditions and generation are the driver's.
    pub status: S,
    /// Look again no later than this, whatever the verdict's class asks for.
    pub look_again: Option<Duration>,
    /// The error behind the verdict, for the log.
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl<S> Report<S> {
    /// A report with nothing special about when to look again.
    pub fn new(outcome: Outcome, status: S) -> Self {
        Self {
            outcome,
            status,
            look_again: None,
            source: None,
        }
    }
}

/// How far a cleanup came.
#[derive(Debug)]
pub enum Cleanup<S> {
    /// Nothing of ours is left (or it stays on purpose): the finalizer may go.
    Finished,
    /// Something is left: the finalizer stays and the report says what is in the way.
    Unfinished(Report<S>),
}

/// What one kind does. The driver calls it for one object at a time, never twice at once for the same object.
pub trait Reconciler: Send + Sync + 'static {
    /// The kind.
    type Kind: Managed;
    /// Who may write.
    type Leadership: Leadership;

    /// The driver's own means.
    fn driver(&self) -> &Driver<Self::Leadership>;

    /// The object's interval between checks of an unchanged world.
    fn interval(&self, object: &Self::Kind) -> Duration;

    /// Makes the object's spec true. Our finalizer is on the object.
    fn apply(&self, object: &Self::Kind) -> impl Future<Output = Report<<Self::Kind as Managed>::Status>> + Send;

    /// The report on a pass that was cut off at its deadline, beginning with this one. Whatever is still looked at must end by
    /// itself.
    fn cut_off(
        &self,
        _object: &Self::Kind,
        report: Report<<Self::Kind as Managed>::Status>,
    ) -> impl Future<Output = Report<<Self::Kind as Managed>::Status>> + Send {
        std::future::ready(report)
    }

    /// What must go on although `spec.suspend` is true. `None`: nothing had to be done, and the object is reported as
    /// suspended.
    fn suspended(
        &self,
        _object: &Self::Kind,
    ) -> impl Future<Output = Option<Report<<Self::Kind as Managed>::Status>>> + Send {
        std::future::ready(None)
    }

    /// What becomes of an object that cannot be read, for this reason. `object` is what could be saved of it. `None`: it is
    /// left alone.
    fn unreadable(
        &self,
        _object: &Self::Kind,
        _error: &str,
    ) -> impl Future<Output = Option<Report<<Self::Kind as Managed>::Status>>> + Send {
        std::future::ready(None)
    }

    /// Removes what the object's spec made. The spec may be invalid; the tags in AWS are to be trusted.
    fn cleanup(&self, object: &Self::Kind) -> impl Future<Output = Cleanup<<Self::Kind as Managed>::Status>> + Send;

    /// Whether this process has cleaned up after this object, so that nothing is left to do for one that somebody else's
    /// finalizer still holds.
    fn has_released(&self, object: &Self::Kind) -> bool;

    /// Whether it is not known yet if what a cleanup would leave behind is this cluster's, so that giving up must wait.
    fn is_in_doubt(&self, _object: &Self::Kind) -> impl Future<Output = bool> + Send {
        std::future::ready(false)
    }

    /// Records where people find it that a cleanup is given up on request, and what may be left in AWS. `why` is what was in
    /// the way.
    fn abandon(&self, object: &Self::Kind, why: &Outcome) -> impl Future<Output = ()> + Send;
}

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
    backoff: Backoff<ObjectKey>,
    rate_limit: RateLimit,
    last_success: LastSuccess,
    last_report: LastReport,
    last_status: LastStatus,
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

/// What the driver writes itself.
const fn request(action: &'static str, object: &'static str) -> ApiRequest<'static> {
    ApiRequest {
        action,
        object,
        role: CLUSTER_ROLE,
        remedy: Some("that rule must let it"),
    }
}

/// Why a pass could not even be concluded.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// Another replica leads.
    #[error(transparent)]
    NotLeader(#[from] NotLeader),
    /// The Kubernetes API refused a write of the driver's own, or could not be reached.
    #[error("{}", kube_errors::refusal(source).in_words(.request))]
    Kubernetes {
        /// What was asked for.
        request: ApiRequest<'static>,
        /// The answer.
        source: kube::Error,
    },
    /// The pass was cut off.
    #[error("the pass took longer than {0:?}")]
    TimedOut(Duration),
}
