//! Errors that end the process.

use std::error::Error;

/// Why the operator cannot start or go on.
pub(crate) type Problem = Box<dyn Error + Send + Sync>;
