//! What a pass over an object found, for whoever concludes it.

use std::{error::Error, sync::Arc, time::Duration};

use irsa_core::{outcome::Outcome, vocabulary::EventReason};

/// The error behind a verdict.
pub type Source = Arc<dyn Error + Send + Sync>;

/// What a pass found.
#[derive(Debug)]
pub struct Report<S> {
    /// The verdict and the aspects.
    pub outcome: Outcome,
    /// The status with the kind's own fields filled in; conditions and generation are set when it is concluded.
    pub status: S,
    /// Look again no later than this, whatever the verdict's class asks for.
    pub look_again: Option<Duration>,
    /// The error behind the verdict, for the log.
    pub source: Option<Source>,
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

/// Something that an event tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The event's reason.
    pub reason: EventReason,
    /// Whether a person should look at it.
    pub warning: bool,
    /// What happened, in a sentence.
    pub note: String,
}

impl Announcement {
    /// Something went as it should.
    pub fn normal(reason: EventReason, note: impl Into<String>) -> Self {
        Self {
            reason,
            warning: false,
            note: note.into(),
        }
    }

    /// Something that a person should look at.
    pub fn warning(reason: EventReason, note: impl Into<String>) -> Self {
        Self {
            warning: true,
            ..Self::normal(reason, note)
        }
    }
}
