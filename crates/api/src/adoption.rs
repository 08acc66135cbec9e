//! `adopt`: whether the operator takes over what somebody else made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether something in AWS is taken over that somebody else made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum Adoption {
    /// No.
    #[default]
    Never,
    /// If an AWS administrator offers it by its tag `irsa-anywhere.dev/adopt`.
    IfTagged,
}
