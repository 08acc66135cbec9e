//! The driver of both controllers, around what each kind does: finalizer, deadline, conclusion, one status write, events.
//!
//! What a kind does in AWS is behind [`Reconciler`]; everything that must hold for every object of both kinds, and that
//! GitOps tools rely on, is here once:
//!
//! - a malformed object is one object's trouble, never the watch's;
//! - an object that is worked on for more than a second has a status by then;
//! - a pass has a deadline, so that a hung endpoint never holds a worker;
//! - status is written at most once more, and only when it differs;
//! - of metadata nothing but our finalizer is written, of spec nothing at all.

mod driver;
mod error;
mod finalizer;
mod kind;
mod pass;
mod pass_end;
#[cfg(test)]
mod recorder;
mod status;
#[cfg(test)]
mod tests;
mod turns;

pub(crate) use self::pass::suspended;
#[cfg(test)]
pub(crate) use self::pass::{in_time, pass};
pub use self::{
    driver::Driver,
    error::PassError,
    kind::Reconciler,
    pass::{clean_up, error_policy, reconcile},
};
