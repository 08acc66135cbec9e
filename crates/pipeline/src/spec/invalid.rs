//! What the API server's schema cannot refuse of a federation's spec.

use irsa_core::vocabulary::{ConditionType, Reason};

use crate::step_error::StepError;

/// Something in the spec that the API server's schema could not refuse.
pub fn invalid(message: &str) -> StepError {
    StepError::new(ConditionType::Published, Reason::InvalidSpec, message)
}
