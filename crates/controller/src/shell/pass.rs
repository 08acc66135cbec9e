//! One pass over one object.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use irsa_core::{
    outcome::Outcome,
    vocabulary::{Class, Reason},
};
use kube::{ResourceExt, runtime::controller::Action};
use tracing::{debug, warn};

use super::{Cleanup, Guarded, PassError, Reconciler, Report};
use crate::{
    metrics::PassResult,
    object::{Managed, ObjectKey},
};

/// What the shell's own calls to Kubernetes may take in a pass, besides the kind's work.
const CONCLUDING: Duration = Duration::from_secs(30);

/// One pass over one object, within the deadline.
pub async fn reconcile<R: Reconciler>(object: Arc<Guarded<R::Kind>>, reconciler: Arc<R>) -> Result<Action, PassError> {
    let object = match &object.0 {
        Ok(object) => object,
        Err(invalid) => {
            warn!(error = %invalid.error, name = invalid.metadata.name, "an object cannot be read and is left alone");
            return Ok(Action::await_change());
        }
    };
    let shell = reconciler.shell();
    let mut measurement = shell.metrics.pass(R::Kind::KIND);
    let object = shell.written.freshest(object);
    let whole = shell.deadline.saturating_add(CONCLUDING);
    let (action, result) = tokio::time::timeout(whole, pass(reconciler.as_ref(), &object))
        .await
        .map_err(|_| PassError::TimedOut(whole))??;
    measurement.ended(result);
    Ok(action)
}

/// When to look again at an object whose pass could not be concluded.
pub fn error_policy<R: Reconciler>(object: Arc<Guarded<R::Kind>>, error: &PassError, reconciler: Arc<R>) -> Action {
    let Ok(object) = &object.0 else {
        return Action::await_change();
    };
    debug!(%error, name = object.name_any(), namespace = object.namespace(), "a pass could not be concluded");
    Action::requeue(delay(reconciler.as_ref(), object, Class::Retry))
}

async fn pass<R: Reconciler>(reconciler: &R, object: &R::Kind) -> Result<(Action, PassResult), PassError> {
    if object.is_deleted() {
        return delete(reconciler, object).await;
    }
    if object.is_suspended() {
        let deadline = reconciler.shell().deadline;
        let report = tokio::time::timeout(deadline, reconciler.suspended(object)).await;
        let report = match report {
            Ok(report) => report.unwrap_or_else(|| suspended(object)),
            // Nothing is known, so nothing is said: what must go on is tried again.
            Err(_) => Report {
                look_again: Some(deadline),
                ..suspended(object)
            },
        };
        return conclude(reconciler, object, report).await;
    }
    let shell = reconciler.shell();
    // Before the status: the patch carries the observed resourceVersion, which a status write would move.
    shell.ensure_finalizer(object).await?;
    let begun = begin(reconciler, object).await?;
    let object = begun.as_ref().unwrap_or(object);
    let report = tokio::time::timeout(shell.deadline, reconciler.apply(object)).await;
    conclude(
        reconciler,
        object,
        report.unwrap_or_else(|_| too_slow(object, shell.deadline)),
    )
    .await
}

/// The first status of an object that has none yet, and the object with it: the rest of the pass goes on from what was
/// written, or the conditions' times would move again at its end.
async fn begin<R: Reconciler>(reconciler: &R, object: &R::Kind) -> Result<Option<R::Kind>, PassError> {
    if !object.conditions().is_empty() {
        return Ok(None);
    }
    let shell = reconciler.shell();
    let first = Outcome::new(Reason::Progressing, "Reconciliation has started.");
    shell
        .conclude(object, &first, current_status(object), reconciler.interval(object))
        .await?;
    Ok(Some(shell.written.freshest(object)))
}

async fn delete<R: Reconciler>(reconciler: &R, object: &R::Kind) -> Result<(Action, PassResult), PassError> {
    let shell = reconciler.shell();
    let key = ObjectKey::of(object);
    if !object.has_finalizer() {
        shell.forget::<R::Kind>(&key);
        return Ok((Action::await_change(), PassResult::Done));
    }
    let cleanup = tokio::time::timeout(shell.deadline, reconciler.cleanup(object)).await;
    match cleanup.unwrap_or_else(|_| Cleanup::Unfinished(too_slow(object, shell.deadline))) {
        Cleanup::Finished => {
            shell.remove_finalizer(object).await?;
            shell.forget::<R::Kind>(&key);
            Ok((Action::await_change(), PassResult::Done))
        }
        Cleanup::Unfinished(report) => conclude(reconciler, object, report).await,
    }
}

async fn conclude<R: Reconciler>(
    reconciler: &R,
    object: &R::Kind,
    report: Report<<R::Kind as Managed>::Status>,
) -> Result<(Action, PassResult), PassError> {
    let class = report.outcome.reason.class();
    let interval = reconciler.interval(object);
    reconciler
        .shell()
        .conclude(object, &report.outcome, report.status, interval)
        .await?;
    if report.outcome.reason == Reason::Suspended {
        let action = report.look_again.map_or_else(Action::await_change, Action::requeue);
        return Ok((action, PassResult::Done));
    }
    let delay = delay(reconciler, object, class);
    let sooner = report.look_again.map_or(delay, |limit| limit.min(delay));
    Ok((Action::requeue(sooner), result_of(class)))
}

fn delay<R: Reconciler>(reconciler: &R, object: &R::Kind, class: Class) -> Duration {
    let interval = reconciler.interval(object);
    reconciler.shell().backoff.next(
        ObjectKey::of(object),
        object.generation(),
        class,
        interval,
        random_unit(),
    )
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

const fn result_of(class: Class) -> PassResult {
    match class {
        Class::Stalled => PassResult::Stalled,
        Class::Wait => PassResult::Wait,
        Class::Settling => PassResult::Settling,
        Class::Retry => PassResult::Retry,
        Class::Done => PassResult::Done,
    }
}

/// A number in 0..1. The standard library seeds each `RandomState` anew, which is random enough to spread a schedule.
#[allow(clippy::cast_precision_loss)]
fn random_unit() -> f64 {
    (RandomState::new().hash_one(0_u8) >> 11) as f64 / (1_u64 << 53) as f64
}
