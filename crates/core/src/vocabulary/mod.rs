//! The one vocabulary of irsa-anywhere: every condition type, reason, event reason, finalizer, label, annotation, tag
//! and field manager that users, Git repositories or AWS accounts ever see.
//!
//! Nothing else in the workspace spells one of these strings. They are API: renaming one breaks alerts, health checks
//! and ownership in AWS accounts that exist already.

mod names;
mod reasons;

pub use names::*;
pub use reasons::*;
