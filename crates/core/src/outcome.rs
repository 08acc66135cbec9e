//! Conditions: what people and GitOps tools read of what a pass found.
//!
//! The rules are the class table of the design and the ten rules that Flux's and Argo CD's own code impose: `Ready` is
//! always present, `Reconciling` and `Stalled` only while true and never both, `Ready=False` always with exactly one of
//! them, and `lastTransitionTime` moves on a flip of the status only. Nothing here reads a clock: time is an argument,
//! so an unchanged world concludes to equal conditions and no write.

use jiff::{SignedDuration, Timestamp};

use crate::vocabulary::{Class, ConditionType, Reason};

/// Longest condition message in characters; Kubernetes allows 32,768, people read far less.
const MAX_MESSAGE: usize = 1024;

/// After this many intervals without a good check, what we last knew is no longer vouched for.
const STALE_AFTER_INTERVALS: i32 = 3;

/// Status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// Not known (yet, or any more).
    Unknown,
}

impl Status {
    /// The string that the Kubernetes API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }

    /// Reads the Kubernetes API's string; anything else counts as unknown.
    pub fn parse(text: &str) -> Self {
        match text {
            "True" => Self::True,
            "False" => Self::False,
            _ => Self::Unknown,
        }
    }
}

/// One condition, as stored in an object's status. Mirrors meta/v1 without depending on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The type as a string: conditions read back may be from an older version of the vocabulary.
    pub kind: String,
    /// Its status.
    pub status: Status,
    /// A `PascalCase` reason.
    pub reason: String,
    /// One or two sentences for people.
    pub message: String,
    /// The generation that the condition speaks about.
    pub observed_generation: i64,
    /// When the status last flipped, in whole seconds.
    pub last_transition: Timestamp,
}

/// The condition of this type, if there is one.
pub fn find(conditions: &[Condition], kind: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.kind == kind.as_str())
}

/// Whether the condition of this type is there and true, of whatever generation.
pub fn is_true(conditions: &[Condition], kind: ConditionType) -> bool {
    find(conditions, kind).is_some_and(|condition| condition.status == Status::True)
}

/// What a pass found about one aspect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aspect {
    /// Which aspect.
    pub kind: ConditionType,
    /// Whether it holds.
    pub status: Status,
    /// Why.
    pub reason: Reason,
    /// What is wrong and what to do, without request ids or times.
    pub message: String,
}

impl Aspect {
    /// An aspect that holds.
    pub fn holds(kind: ConditionType, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: Status::True,
            reason: Reason::Succeeded,
            message: message.into(),
        }
    }

    /// An aspect that does not hold.
    pub fn fails(kind: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: Status::False,
            reason,
            message: message.into(),
        }
    }

    /// An aspect that could not be determined in this pass.
    pub fn unknown(kind: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: Status::Unknown,
            reason,
            message: message.into(),
        }
    }
}

/// The outcome of one pass: the verdict on the whole object, and on each aspect that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict; its class decides about `Ready`, `Reconciling` and `Stalled`.
    pub reason: Reason,
    /// What is wrong and what to do, or what is now true.
    pub message: String,
    /// The aspects that this pass looked at.
    pub aspects: Vec<Aspect>,
    /// What becomes of the others.
    pub others: Others,
}

/// What becomes of aspects that a pass did not look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// An earlier pass confirmed them, and nothing that it rested on has changed: they keep their condition.
    Stand,
    /// Nobody vouches for them: they become Unknown, whatever was said of them before.
    NotChecked,
}

impl Outcome {
    /// An outcome with this verdict and no aspects yet: of a pass that ended early, unless it succeeded.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let others = match reason {
            Reason::Succeeded => Others::Stand,
            _ => Others::NotChecked,
        };
        Self {
            reason,
            message: message.into(),
            aspects: Vec::new(),
            others,
        }
    }

    /// The same with one more aspect.
    #[must_use]
    pub fn with(mut self, aspect: Aspect) -> Self {
        self.aspects.push(aspect);
        self
    }
}

/// What concluding needs to know besides the outcome.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The conditions in the object's status now.
    pub previous: &'a [Condition],
    /// The kind's aspects in order: all of them appear from the first status on.
    pub aspects: &'a [ConditionType],
    /// `metadata.generation`.
    pub generation: i64,
    /// When a pass of this object last found everything as it should be; before the first one since the process
    /// started, the start of the process.
    pub last_good: Timestamp,
    /// The object's interval between checks.
    pub interval: SignedDuration,
    /// The time of this pass.
    pub now: Timestamp,
}

/// The conditions that follow from an outcome, `Ready` first.
pub fn conclude(outcome: &Outcome, given: &Circumstances<'_>) -> Vec<Condition> {
    if outcome.reason.class() == Class::Retry && rides_out(given) {
        let ready = given.find(ConditionType::Ready).cloned();
        let aspects = given.aspects.iter().map(|kind| ridden_out(*kind, outcome, given));
        return ready.into_iter().chain(aspects).collect();
    }
    let judged = judge(outcome, given);
    let mut conditions = vec![given.condition(ConditionType::Ready, judged.ready, &judged.reason, &judged.message)];
    if let Some(kind) = judged.flag {
        conditions.push(given.condition(kind, Status::True, outcome.reason.as_str(), &outcome.message));
    }
    conditions.extend(given.aspects.iter().map(|kind| aspect_condition(*kind, outcome, given)));
    conditions
}

/// Whether a healthy object rides out our own trouble: Ready is about the world, not about us.
fn rides_out(given: &Circumstances<'_>) -> bool {
    let settled = given
        .find(ConditionType::Ready)
        .is_some_and(|ready| ready.status == Status::True && ready.observed_generation == given.generation);
    settled && given.find(ConditionType::Reconciling).is_none() && !is_stale(given)
}

fn is_stale(given: &Circumstances<'_>) -> bool {
    let tolerated = given
        .interval
        .checked_mul(STALE_AFTER_INTERVALS)
        .unwrap_or(SignedDuration::MAX);
    given.now.duration_since(given.last_good) > tolerated
}

struct Judged {
    ready: Status,
    reason: String,
    message: String,
    flag: Option<ConditionType>,
}

fn judge(outcome: &Outcome, given: &Circumstances<'_>) -> Judged {
    let says = |ready, flag| Judged {
        ready,
        reason: outcome.reason.as_str().to_owned(),
        message: outcome.message.clone(),
        flag,
    };
    let was_ready = given
        .find(ConditionType::Ready)
        .filter(|ready| ready.status == Status::True);
    match outcome.reason.class() {
        Class::Stalled => says(Status::False, Some(ConditionType::Stalled)),
        Class::Wait => says(Status::False, Some(ConditionType::Reconciling)),
        Class::Settling => match was_ready {
            Some(ready) => Judged {
                ready: Status::True,
                reason: ready.reason.clone(),
                message: ready.message.clone(),
                flag: Some(ConditionType::Reconciling),
            },
            None => says(Status::Unknown, Some(ConditionType::Reconciling)),
        },
        Class::Retry => judge_retry(outcome, given, was_ready),
        Class::Done if outcome.reason == Reason::Suspended => judge_suspended(outcome, given),
        Class::Done => says(Status::True, None),
    }
}

fn judge_retry(outcome: &Outcome, given: &Circumstances<'_>, was_ready: Option<&Condition>) -> Judged {
    let unconfirmed = given
        .find(ConditionType::Ready)
        .is_some_and(|ready| ready.status == Status::Unknown && ready.reason == Reason::Unconfirmed.as_str());
    match was_ready {
        Some(ready) if !is_stale(given) => Judged {
            ready: Status::True,
            reason: ready.reason.clone(),
            message: ready.message.clone(),
            flag: Some(ConditionType::Reconciling),
        },
        Some(_) => unconfirmed_because(outcome),
        None if unconfirmed => unconfirmed_because(outcome),
        None => Judged {
            ready: Status::False,
            reason: outcome.reason.as_str().to_owned(),
            message: outcome.message.clone(),
            flag: Some(ConditionType::Reconciling),
        },
    }
}

fn unconfirmed_because(outcome: &Outcome) -> Judged {
    Judged {
        ready: Status::Unknown,
        reason: Reason::Unconfirmed.as_str().to_owned(),
        message: format!(
            "The last good check is older than {STALE_AFTER_INTERVALS} intervals: {}",
            outcome.message
        ),
        flag: Some(ConditionType::Reconciling),
    }
}

/// A suspended object keeps what was last known. `Ready=False` must come with `Reconciling` or `Stalled`, and a
/// suspended object does not reconcile: what was False for a reason outside the spec becomes Unknown.
fn judge_suspended(outcome: &Outcome, given: &Circumstances<'_>) -> Judged {
    let previous = given.find(ConditionType::Ready);
    let edited_while_suspended = previous.is_some_and(|ready| {
        ready.reason == Reason::Suspended.as_str() && ready.observed_generation != given.generation
    });
    let stalled = given.find(ConditionType::Stalled).is_some() && !edited_while_suspended;
    let ready = match previous.map(|ready| ready.status) {
        Some(Status::True) if !edited_while_suspended => Status::True,
        Some(Status::False) if stalled => Status::False,
        _ => Status::Unknown,
    };
    Judged {
        ready,
        reason: Reason::Suspended.as_str().to_owned(),
        message: outcome.message.clone(),
        flag: stalled.then_some(ConditionType::Stalled),
    }
}

fn aspect_condition(kind: ConditionType, outcome: &Outcome, given: &Circumstances<'_>) -> Condition {
    if let Some(aspect) = outcome.aspects.iter().find(|aspect| aspect.kind == kind) {
        return given.condition(kind, aspect.status, aspect.reason.as_str(), &aspect.message);
    }
    let unknown = |reason: Reason, message: &str| given.condition(kind, Status::Unknown, reason.as_str(), message);
    let stands = match outcome.reason {
        Reason::Suspended => false,
        _ => outcome.others == Others::Stand || kind.is_found_elsewhere(),
    };
    match given.find(kind) {
        Some(previous) if stands => previous.clone(),
        None if stands || outcome.reason == Reason::Progressing => unknown(Reason::Progressing, "Not checked yet."),
        _ if outcome.reason == Reason::Suspended => {
            unknown(Reason::Suspended, "Not checked while spec.suspend is true.")
        }
        _ => unknown(Reason::NotChecked, &not_checked(outcome.reason)),
    }
}

fn not_checked(because: Reason) -> String {
    format!("Not checked: the last pass ended with {because} before it came to this.")
}

/// An aspect of a healthy object in our own trouble. What one of several tries could not confirm stays Unknown until the trouble
/// is over: each try fails somewhere else, and a status that follows them would be written with every one.
fn ridden_out(kind: ConditionType, outcome: &Outcome, given: &Circumstances<'_>) -> Condition {
    let next = aspect_condition(kind, outcome, given);
    let same_trouble = |previous: &&Condition| {
        previous.status == Status::Unknown
            && previous.observed_generation == given.generation
            && (previous.reason == outcome.reason.as_str() || previous.message == not_checked(outcome.reason))
    };
    match given.find(kind).filter(same_trouble) {
        Some(previous) if next.status != Status::False => previous.clone(),
        _ => next,
    }
}

impl Circumstances<'_> {
    fn find(&self, kind: ConditionType) -> Option<&Condition> {
        find(self.previous, kind)
    }

    fn condition(&self, kind: ConditionType, status: Status, reason: &str, message: &str) -> Condition {
        let unflipped = self.find(kind).filter(|previous| previous.status == status);
        Condition {
            kind: kind.as_str().to_owned(),
            status,
            reason: reason.to_owned(),
            message: truncate(message),
            observed_generation: self.generation,
            last_transition: unflipped.map_or_else(|| whole_seconds(self.now), |previous| previous.last_transition),
        }
    }
}

/// Kubernetes stores times in whole seconds; anything finer would differ when read back.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn truncate(message: &str) -> String {
    if message.chars().count() <= MAX_MESSAGE {
        return message.to_owned();
    }
    message.chars().take(MAX_MESSAGE - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
