//! One pass over one object.

use std::{
    hash::{BuildHasher, RandomState},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use irsa_core::{
    outcome::Outcome,
    vocabulary::{Class, FORCE_DELETE, Reason},
};
use irsa_pipeline::{
    kube_errors,
    object::{Managed, ObjectKey},
    report::{Cleanup, Report, Source},
    stage::{self, Stage},
};
use kube::{
    ResourceExt,
    runtime::{controller::Action, reflector::ObjectRef},
};
use tokio::time::Instant;
use tracing::{Instrument, warn};

use super::{error::PassError, finalizer::is_abandoned, kind::Reconciler, pass_end::PassEnd};
use crate::{memory::ObjectRecord, metrics::PassResult, watch::Decoded};

/// What the driver's own calls to Kubernetes may take in a pass, besides the kind's work.
const CONCLUDING: Duration = Duration::from_secs(30);

/// How long an object may be without any status while the kind works on it.
const SLOW: Duration = Duration::from_secs(2);

/// One pass over one object, when its turn comes and within the deadline.
pub async fn reconcile<R: Reconciler>(object: Arc<Decoded<R::Kind>>, reconciler: Arc<R>) -> Result<Action, PassError> {
    let driver = reconciler.driver();
    let admitted = |record: &mut ObjectRecord| record.rate_limit.admit(Instant::now());
    if let Some(object) = object.outline()
        && let Err(wait) = driver.records.with(&ObjectKey::of(object), admitted)
    {
        return Ok(Action::requeue(wait));
    }
    let Some(_turn) = driver.turns.begin().await else {
        return Ok(Action::await_change());
    };
    // A turn may be long in coming: what is made true is what is wanted by then.
    let Some(object) = reconciler.store().get(&ObjectRef::from_obj(object.as_ref())) else {
        return Ok(Action::await_change());
    };
    let error = object.error();
    let Some(whole) = object.whole() else {
        warn!(
            error,
            name = object.name_any(),
            "an object cannot be read and is left alone"
        );
        return Ok(Action::await_change());
    };
    let span = stage::pass_span(&whole);
    whole_pass(whole, error, reconciler.as_ref()).instrument(span).await
}

async fn whole_pass<R: Reconciler>(object: R::Kind, error: Option<&str>, reconciler: &R) -> Result<Action, PassError> {
    let driver = reconciler.driver();
    let objects = &driver.metrics.objects;
    let mut measurement = driver.metrics.pass(R::Kind::KIND);
    let object = driver.freshest(object);
    let key = ObjectKey::of(&object);
    let whole = driver.deadline.saturating_add(CONCLUDING);
    // On the heap, because the compiler gives up on computing how large all that is within it is.
    let limited = tokio::time::timeout(whole, Box::pin(pass(reconciler, &object, error)));
    let (ended, changes) = driver.events.after(stage::noting_changes(limited)).await;
    let ended = ended.unwrap_or(Err(PassError::TimedOut(whole)));
    let verdict = match &ended {
        Ok(ended) => PassEnd::Concluded(ended.reason, &ended.message, ended.source.as_deref()),
        Err(error) => PassEnd::Failed(error),
    };
    Stage::Conclude.of(|| driver.tell(&key, &verdict, &changes));
    let ended = ended.inspect_err(|error| match error {
        // Somebody else's figures tell of it.
        PassError::NotLeader(_) => objects.gone(R::Kind::KIND, &key),
        PassError::Kubernetes { .. } | PassError::TimedOut(_) => {
            objects.failed(R::Kind::KIND, key.clone(), driver.now());
        }
    })?;
    measurement.ended(PassResult::of(ended.reason.class()));
    if ended.gone {
        driver.forget::<R::Kind>(&key);
    } else {
        objects.due(R::Kind::KIND, key, ended.look_again, driver.now());
    }
    Ok(ended.look_again.map_or_else(Action::await_change, Action::requeue))
}

/// When to look again at an object whose pass could not be concluded.
pub fn error_policy<R: Reconciler>(object: Arc<Decoded<R::Kind>>, _: &PassError, reconciler: Arc<R>) -> Action {
    let Some(object) = object.outline() else {
        return Action::await_change();
    };
    let delay = delay(reconciler.as_ref(), object, Class::Retry);
    let driver = reconciler.driver();
    let objects = &driver.metrics.objects;
    objects.due(R::Kind::KIND, ObjectKey::of(object), Some(delay), driver.now());
    Action::requeue(delay)
}

/// How a pass ended.
pub(crate) struct Ended {
    reason: Reason,
    message: String,
    /// The error behind it.
    source: Option<Source>,
    /// Nothing of ours is left of the object.
    gone: bool,
    /// When to look again; without a time, when something happens.
    look_again: Option<Duration>,
}

impl Ended {
    fn gone() -> Self {
        Self {
            reason: Reason::Succeeded,
            message: "Nothing of ours is left of it.".to_owned(),
            source: None,
            gone: true,
            look_again: None,
        }
    }
}

/// `error` says why the object could not be read, if it could not.
///
/// What the kind does is on the heap, here and below: this future would be as large as the largest way otherwise, and there are
/// as many of it as there are passes under way.
pub(crate) async fn pass<R: Reconciler>(
    reconciler: &R,
    object: &R::Kind,
    error: Option<&str>,
) -> Result<Ended, PassError> {
    if object.is_deleted() {
        return Box::pin(delete(reconciler, object)).await;
    }
    if let Some(error) = error {
        return Box::pin(unreadable(reconciler, object, error)).await;
    }
    if object.is_suspended() {
        return Box::pin(suspend(reconciler, object)).await;
    }
    let driver = reconciler.driver();
    // Before the status: the patch carries the observed resourceVersion, which a status write would move.
    if let Err(error) = Stage::Finalizer.run(driver.ensure_finalizer(object)).await {
        return refused(reconciler, object, error).await;
    }
    let (report, begun) = Box::pin(work(reconciler, object)).await?;
    conclude(reconciler, begun.as_ref().unwrap_or(object), report).await
}

async fn suspend<R: Reconciler>(reconciler: &R, object: &R::Kind) -> Result<Ended, PassError> {
    let deadline = reconciler.driver().deadline;
    let work = Stage::Suspended.run(reconciler.suspended(object));
    let report = tokio::time::timeout(deadline, work).await;
    let report = match report {
        Ok(report) => report.unwrap_or_else(|| suspended(object)),
        // Nothing is known, so nothing is said: what must go on is tried again.
        Err(_) => Report {
            look_again: Some(deadline),
            ..suspended(object)
        },
    };
    conclude(reconciler, object, report).await
}

/// The kind's work; and beside it the first status, where the object has none and the work takes a while.
async fn work<R: Reconciler>(
    reconciler: &R,
    object: &R::Kind,
) -> Result<(Report<<R::Kind as Managed>::Status>, Option<R::Kind>), PassError> {
    let mut working = pin!(in_time(reconciler, object));
    if object.conditions().is_empty() {
        if let Ok(report) = tokio::time::timeout(SLOW, &mut working).await {
            return Ok((report, None));
        }
        let beginning = Stage::Status.run(begin(reconciler, object));
        let (report, begun) = tokio::join!(working, beginning);
        return Ok((report, Some(begun?)));
    }
    Ok((working.await, None))
}

/// What the kind itself does in a pass, within the deadline; and what it still looks at where that cut it off.
pub(crate) async fn in_time<R: Reconciler>(reconciler: &R, object: &R::Kind) -> Report<<R::Kind as Managed>::Status> {
    let deadline = reconciler.driver().deadline;
    match tokio::time::timeout(deadline, Box::pin(reconciler.apply(object))).await {
        Ok(report) => report,
        Err(_) => Box::pin(reconciler.cut_off(object, too_slow(object, deadline))).await,
    }
}

/// The first status of an object, and the object with it: the pass is concluded from what was written, or the conditions' times
/// would move again at its end.
async fn begin<R: Reconciler>(reconciler: &R, object: &R::Kind) -> Result<R::Kind, PassError> {
    let driver = reconciler.driver();
    let first = Outcome::new(Reason::Progressing, "Reconciliation has started.");
    driver
        .conclude(object, &first, current_status(object), reconciler.interval(object))
        .await?;
    Ok(driver.freshest(object.clone()))
}

/// A write of the driver's own that the Kubernetes API refused: said in the status where somebody must do something about it.
async fn refused<R: Reconciler>(reconciler: &R, object: &R::Kind, error: PassError) -> Result<Ended, PassError> {
    let PassError::Kubernetes { request, source } = error else {
        return Err(error);
    };
    let Some((reason, message)) = kube_errors::verdict(&request, &source) else {
        return Err(PassError::Kubernetes { request, source });
    };
    let report = Report {
        source: Some(Arc::new(source)),
        ..Report::new(Outcome::new(reason, message), current_status(object))
    };
    conclude(reconciler, object, report).await
}

async fn unreadable<R: Reconciler>(reconciler: &R, object: &R::Kind, error: &str) -> Result<Ended, PassError> {
    let deadline = reconciler.driver().deadline;
    let report = tokio::time::timeout(deadline, Stage::Validate.run(reconciler.unreadable(object, error))).await;
    if let Some(report) = report.unwrap_or_else(|_| Some(too_slow(object, deadline))) {
        return conclude(reconciler, object, report).await;
    }
    Ok(Ended {
        reason: Reason::InvalidSpec,
        message: format!("The object cannot be read and is left alone: {error}"),
        source: None,
        gone: false,
        look_again: None,
    })
}

/// A cleanup within the deadline. One that failed is given up where that is asked for, whatever it failed for: a hung
/// endpoint must not hold a namespace for ever.
pub async fn clean_up<R: Reconciler>(reconciler: &R, object: &R::Kind) -> Cleanup<<R::Kind as Managed>::Status> {
    let driver = reconciler.driver();
    let cleanup = tokio::time::timeout(driver.deadline, Box::pin(reconciler.cleanup(object))).await;
    match cleanup.unwrap_or_else(|_| Cleanup::Unfinished(too_slow(object, driver.deadline))) {
        Cleanup::Unfinished(report) => {
            let forced = object.annotations().contains_key(FORCE_DELETE);
            let in_doubt = forced && reconciler.is_in_doubt(object).await;
            if !is_abandoned(object, report.outcome.reason, in_doubt, driver.now()) {
                return Cleanup::Unfinished(report);
            }
            driver.metrics.count_abandoned(R::Kind::KIND);
            Box::pin(reconciler.abandon(object, &report.outcome)).await;
            Cleanup::Finished
        }
        Cleanup::Finished => Cleanup::Finished,
    }
}

async fn delete<R: Reconciler>(reconciler: &R, object: &R::Kind) -> Result<Ended, PassError> {
    let driver = reconciler.driver();
    // That our finalizer is not there proves nothing: whoever may write the object may take it off, and hold the object by one
    // of his own.
    if !object.has_finalizer() && reconciler.has_released(object) {
        return Ok(Ended::gone());
    }
    match Stage::Cleanup.run(clean_up(reconciler, object)).await {
        Cleanup::Finished => {
            if object.has_finalizer() {
                let removed = Stage::Finalizer.run(driver.remove_finalizer(object)).await;
                if let Err(error) = removed {
                    return refused(reconciler, object, error).await;
                }
            }
            Ok(Ended::gone())
        }
        Cleanup::Unfinished(report) => conclude(reconciler, object, report).await,
    }
}

async fn conclude<R: Reconciler>(
    reconciler: &R,
    object: &R::Kind,
    report: Report<<R::Kind as Managed>::Status>,
) -> Result<Ended, PassError> {
    let Report {
        outcome,
        status,
        look_again,
        source,
    } = report;
    let interval = reconciler.interval(object);
    let concluding = reconciler.driver().conclude(object, &outcome, status, interval);
    Stage::Status.run(concluding).await?;
    let look_again = if outcome.reason == Reason::Suspended {
        look_again
    } else {
        let delay = delay(reconciler, object, outcome.reason.class());
        Some(look_again.map_or(delay, |limit| limit.min(delay)))
    };
    Ok(Ended {
        reason: outcome.reason,
        message: outcome.message,
        source,
        gone: false,
        look_again,
    })
}

fn delay<R: Reconciler>(reconciler: &R, object: &R::Kind, class: Class) -> Duration {
    let interval = reconciler.interval(object);
    reconciler.driver().records.with(&ObjectKey::of(object), |record| {
        record.backoff.next(object.generation(), class, interval, random_unit())
    })
}

/// A hung endpoint: the steps that were done stay done, and the next pass goes on from there.
fn too_slow<K: Managed>(object: &K, deadline: Duration) -> Report<K::Status> {
    let message = format!(
        "AWS did not answer within {} s; the next pass goes on.",
        deadline.as_secs()
    );
    Report::new(Outcome::new(Reason::AwsUnavailable, message), current_status(object))
}

/// The report on an object that is suspended, and of which nothing else is to be said.
pub(crate) fn suspended<K: Managed>(object: &K) -> Report<K::Status> {
    let message = "spec.suspend is true: nothing is checked or repaired until it is false again.";
    Report::new(Outcome::new(Reason::Suspended, message), current_status(object))
}

fn current_status<K: Managed>(object: &K) -> K::Status {
    object.status().cloned().unwrap_or_default()
}

/// A number in 0..1. The standard library seeds each `RandomState` anew, which is random enough to spread a schedule.
#[allow(clippy::cast_precision_loss)]
fn random_unit() -> f64 {
    (RandomState::new().hash_one(0_u8) >> 11) as f64 / (1_u64 << 53) as f64
}
