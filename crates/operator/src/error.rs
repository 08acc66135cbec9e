//! Errors that end the process, and their text for the log.

use std::error::Error;

/// Why the operator cannot start or go on.
pub(crate) type Problem = Box<dyn Error + Send + Sync>;

/// An error with its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
