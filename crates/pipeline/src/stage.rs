//! What the lines of one pass have in common, and what it changed in a sentence.
//!
//! Every line of a pass is inside the span of the pass (`kind`, `object`, `reconcile`) and of one of its steps (`step`).
//! The spans have the level of errors, so that no filter takes a line's fields away and leaves the line.

use std::{
    cell::RefCell,
    fmt,
    hash::{BuildHasher, RandomState},
};

use kube::ResourceExt;
use tracing::{Instrument, Span, error_span};

use crate::object::Managed;

/// A step of a pass: the five of a kind's own work, and the driver's around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// What there is: in the cluster, at the API servers, in AWS.
    Observe,
    /// Whether the spec can be and may be.
    Validate,
    /// What has to be done.
    Plan,
    /// Doing it.
    Execute,
    /// Whether STS says so, too.
    Verify,
    /// What came of it.
    Conclude,
    /// What goes on although the object is suspended.
    Suspended,
    /// Removing what the object's spec made.
    Cleanup,
    /// Putting our finalizer on, or taking it off.
    Finalizer,
    /// Writing the status, and the events that go with it.
    Status,
}

impl Stage {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Validate => "validate",
            Self::Plan => "plan",
            Self::Execute => "execute",
            Self::Verify => "verify",
            Self::Conclude => "conclude",
            Self::Suspended => "suspended",
            Self::Cleanup => "cleanup",
            Self::Finalizer => "finalizer",
            Self::Status => "status",
        }
    }

    fn span(self) -> Span {
        error_span!("step", step = self.as_str())
    }

    /// Does this as part of the step.
    pub async fn run<F: Future>(self, work: F) -> F::Output {
        work.instrument(self.span()).await
    }

    /// Does this, which waits for nothing, as part of the step.
    pub fn of<T>(self, work: impl FnOnce() -> T) -> T {
        self.span().in_scope(work)
    }
}

/// The span of one pass over an object.
pub fn pass_span<K: Managed>(object: &K) -> Span {
    let name = object.name_any();
    let object = match object.namespace() {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name,
    };
    // The standard library seeds each `RandomState` anew: enough to tell passes apart.
    let reconcile = format!("{:016x}", RandomState::new().hash_one(0_u8));
    error_span!("pass", kind = K::KIND.as_str(), object, reconcile)
}

/// An error with its causes, each once: several libraries repeat what their cause says.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut told: Vec<String> = Vec::new();
    for cause in causes.map(ToString::to_string) {
        if told.last().is_none_or(|before| !before.contains(&cause)) {
            told.push(cause);
        }
    }
    told.join(": ")
}

tokio::task_local! {
    static CHANGES: RefCell<Vec<String>>;
}

/// Notes what this pass has just changed, in AWS or in Kubernetes, for the one line that tells of it.
pub fn changed(what: impl fmt::Display) {
    let what = what.to_string();
    // Without a pass around it, as in a test of a part, nobody wants to know.
    let _ = CHANGES.try_with(|changes| changes.borrow_mut().push(what));
}

/// Runs a pass; what it says it changed comes with its result, also when it was cut off.
///
/// Kept beside the task and not in what the steps return, because a pass that is cut off returns nothing.
pub async fn noting_changes<F: Future>(pass: F) -> (F::Output, Vec<String>) {
    let noted = async {
        let ended = pass.await;
        (ended, CHANGES.with(RefCell::take))
    };
    CHANGES.scope(RefCell::default(), noted).await
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Duration};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pass_that_is_cut_off_tells_what_it_had_changed() {
        let pass = async {
            changed("the role was created");
            pending::<()>().await;
        };
        let (ended, changes) = noting_changes(tokio::time::timeout(Duration::from_secs(1), pass)).await;
        assert!(ended.is_err());
        assert_eq!(changes, ["the role was created"]);
    }

    #[tokio::test]
    async fn passes_beside_each_other_do_not_mix() {
        let pass = |what: &'static str| {
            noting_changes(async move {
                tokio::task::yield_now().await;
                changed(what);
            })
        };
        let (one, other) = tokio::join!(pass("one"), pass("other"));
        assert_eq!((one.1, other.1), (vec!["one".to_owned()], vec!["other".to_owned()]));
        changed("outside of a pass");
    }
}
