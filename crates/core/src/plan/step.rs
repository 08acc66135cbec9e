//! [`Step`] and [`Plan`]: what the plans of both kinds have in common.

use std::fmt;

use super::Cause;
use crate::vocabulary::ConditionType;

/// One write, described and not made. Displayed it names what it is about: `trust policy`.
pub trait Step: fmt::Display {
    /// What it does to that, as a verb: `create`.
    fn action(&self) -> &'static str;

    /// The condition that tells whether it succeeded.
    fn aspect(&self) -> ConditionType;
}

/// Steps in order, and why there are any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<S> {
    /// Why.
    pub cause: Cause,
    /// Empty for what is as it must be.
    pub steps: Vec<S>,
}

impl<S> Plan<S> {
    /// An empty plan.
    pub const fn nothing() -> Self {
        Self {
            cause: Cause::Spec,
            steps: Vec::new(),
        }
    }
}

/// What is to be done, a line for each call in the order in which they are made: `create role`.
impl<S: Step> fmt::Display for Plan<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| write_line(f, step))
    }
}

/// `create role`.
pub(super) fn write_line(f: &mut fmt::Formatter<'_>, step: &impl Step) -> fmt::Result {
    writeln!(f, "{} {step}", step.action())
}
