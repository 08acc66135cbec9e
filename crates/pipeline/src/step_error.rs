//! Why a pass over an object stops, and how a pass is reported.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use irsa_core::{
    outcome::{Aspect, Others, Outcome},
    vocabulary::{Class, ConditionType, Reason},
};
use tracing::debug;

use crate::{
    object::Managed,
    permit::NotLeader,
    report::{Report, Source},
    stage::chain,
};

/// A pass stops here: what is in the way, and which aspect it concerns.
#[derive(Debug, Clone)]
pub struct StepError {
    /// The aspect.
    pub aspect: ConditionType,
    /// The verdict on the whole object.
    pub reason: Reason,
    /// What is wrong and what to do.
    pub message: String,
    /// What it was seen by, for the log alone: a condition must stay still where an error's words do not.
    pub source: Option<Source>,
}

/// Two are the same when they say the same, whatever error it was seen by.
impl PartialEq for StepError {
    fn eq(&self, other: &Self) -> bool {
        let said = |failure: &Self| (failure.aspect, failure.reason);
        said(self) == said(other) && self.message == other.message
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for StepError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl StepError {
    /// Without an error behind it.
    pub fn new(aspect: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            aspect,
            reason,
            message: message.into(),
            source: None,
        }
    }

    /// The same with the error that it was seen by.
    #[must_use]
    pub fn because(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Arc::new(source)),
            ..self
        }
    }

    /// Another replica leads: nothing more is written, and the next leader goes on from here.
    pub fn not_leader(aspect: ConditionType, error: NotLeader) -> Self {
        Self::new(aspect, Reason::WriteConflict, format!("{error}."))
    }

    /// Whether somebody has to do something first, so that the same call would be answered the same, and another one need not
    /// be.
    pub const fn is_refusal(&self) -> bool {
        matches!(self.reason.class(), Class::Stalled | Class::Wait)
    }

    fn aspect(&self) -> Aspect {
        match self.reason.class() {
            Class::Retry | Class::Settling => Aspect::unknown(self.aspect, self.reason, &self.message),
            Class::Stalled | Class::Wait | Class::Done => Aspect::fails(self.aspect, self.reason, &self.message),
        }
    }
}

/// The first trouble is the verdict; of the others the log tells.
pub fn first_of(trouble: Option<StepError>, ended: Result<(), StepError>) -> Option<StepError> {
    let (Some(first), Err(another)) = (&trouble, &ended) else {
        return trouble.or(ended.err());
    };
    debug!(
        reason = another.reason.as_str(),
        error = chain(another),
        "beside {}",
        first.reason
    );
    trouble
}

/// What a pass has found so far.
#[derive(Debug)]
pub struct Draft<S> {
    /// The status so far.
    pub status: S,
    /// Look again after this at the latest.
    pub look_again: Option<Duration>,
    /// Nothing has changed since an earlier pass found out the aspects that this one does not look at.
    pub unchanged: bool,
    aspects: Vec<Aspect>,
    /// Found by a look of its own, whatever the step said that stopped the pass.
    looked_at: Option<Aspect>,
}

impl<S> Draft<S> {
    /// Nothing found yet: the status as it is.
    pub fn of<K: Managed<Status = S>>(object: &K) -> Self
    where
        S: Clone + Default,
    {
        Self {
            status: object.status().cloned().unwrap_or_default(),
            look_again: None,
            unchanged: false,
            aspects: Vec::new(),
            looked_at: None,
        }
    }

    /// Whether this pass has found out anything about an aspect.
    pub fn has(&self, kind: ConditionType) -> bool {
        self.aspects.iter().any(|aspect| aspect.kind == kind)
    }

    /// What a look of its own found, which nothing else in the pass overrules.
    pub fn looked(&mut self, found: Result<(ConditionType, String), &StepError>) {
        self.looked_at = Some(match found {
            Ok((aspect, message)) => Aspect::holds(aspect, message),
            Err(failure) => failure.aspect(),
        });
    }

    /// One aspect is as it must be.
    pub fn holds(&mut self, aspect: ConditionType, message: impl Into<String>) {
        self.aspects.push(Aspect::holds(aspect, message));
    }

    /// One aspect is not as it must be, and the pass goes on all the same.
    pub fn note(&mut self, failure: &StepError) {
        self.aspects.push(failure.aspect());
    }

    /// Whether an aspect is as it must be cannot be found out, and the pass goes on all the same.
    pub fn cannot_tell(&mut self, aspect: ConditionType, reason: Reason, message: impl Into<String>) {
        self.aspects.push(Aspect::unknown(aspect, reason, message));
    }

    /// The report of a pass that ended like this.
    pub fn report(self, ended: Result<String, StepError>) -> Report<S> {
        let mut source = None;
        let outcome = match ended {
            Ok(message) => Outcome {
                aspects: self.aspects,
                ..Outcome::new(Reason::Succeeded, message)
            },
            Err(failure) => {
                // What stands in the way may show late that an aspect does not hold after all.
                let others = self.aspects.into_iter().filter(|aspect| aspect.kind != failure.aspect);
                let aspects: Vec<Aspect> = others.chain([failure.aspect()]).collect();
                let looked_at = self.looked_at;
                let is_overruled = |aspect: &Aspect| looked_at.as_ref().is_some_and(|found| found.kind == aspect.kind);
                let kept = aspects.into_iter().filter(|aspect| !is_overruled(aspect));
                let aspects = kept.chain(looked_at.clone()).collect();
                source = failure.source;
                Outcome {
                    aspects,
                    others: if self.unchanged {
                        Others::Stand
                    } else {
                        Others::NotChecked
                    },
                    ..Outcome::new(failure.reason, failure.message)
                }
            }
        };
        Report {
            outcome,
            status: self.status,
            look_again: self.look_again,
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use irsa_api::IamRoleBindingStatus;
    use irsa_core::outcome::Status;

    use super::*;

    fn draft() -> Draft<IamRoleBindingStatus> {
        let mut draft = Draft {
            status: IamRoleBindingStatus::default(),
            look_again: None,
            unchanged: false,
            aspects: Vec::new(),
            looked_at: None,
        };
        draft.holds(ConditionType::FederationReady, "yes");
        draft
    }

    #[test]
    fn a_halt_is_the_verdict_and_fails_its_aspect() {
        let failure = StepError::new(ConditionType::Admitted, Reason::PolicyNotAllowed, "no");
        let outcome = draft().report(Err(failure)).outcome;
        assert_eq!(
            (outcome.reason, outcome.message.as_str()),
            (Reason::PolicyNotAllowed, "no")
        );
        let aspects: Vec<_> = outcome
            .aspects
            .iter()
            .map(|aspect| (aspect.kind, aspect.status))
            .collect();
        assert_eq!(
            aspects,
            [
                (ConditionType::FederationReady, Status::True),
                (ConditionType::Admitted, Status::False)
            ]
        );
    }

    #[test]
    fn a_halt_takes_back_what_was_said_of_its_aspect() {
        let failure = StepError::new(ConditionType::FederationReady, Reason::FederationNotReady, "gone");
        let outcome = draft().report(Err(failure)).outcome;
        assert_eq!(outcome.aspects.len(), 1);
        assert_eq!(outcome.aspects[0].status, Status::False);
    }

    #[test]
    fn what_could_not_be_found_out_is_unknown() {
        let failure = StepError::new(ConditionType::RoleSynced, Reason::Throttled, "later");
        assert_eq!(draft().report(Err(failure)).outcome.aspects[1].status, Status::Unknown);
    }

    #[test]
    fn a_pass_without_a_halt_succeeded() {
        let outcome = draft().report(Ok("done".to_owned())).outcome;
        assert_eq!((outcome.reason, outcome.aspects.len()), (Reason::Succeeded, 1));
    }
}
