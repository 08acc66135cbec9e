//! What keeps a command from doing what it was asked for.

use std::error::Error;

/// Anything that went wrong, as a sentence.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;
