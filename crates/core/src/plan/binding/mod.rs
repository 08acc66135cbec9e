//! What a binding's role must be, what it is, and the steps between.
//!
//! **Order never widens.** A new role is created with trust, tags and boundary in one call. On an existing one the
//! boundary comes first, then everything that takes rights away, then trust, then everything that gives rights; a
//! boundary that is no longer wanted goes last. So no state in between grants more than the old or the new state does:
//! nobody who is newly trusted meets an old attachment, and there is never a policy without the boundary that is wanted.
//! The one exception is an inline policy whose text changes: it is replaced in one call after the trust.
//!
//! **Crashes.** Each step is one idempotent call, and every prefix of a plan leaves a role that the next plan starts
//! from.

mod accounts;
mod role;
mod steps;

pub use accounts::{Account, AccountKeys, AccountPlan, AccountRemoval, DesiredAccount};
pub use role::{DesiredRole, Fingerprint, ObservedRole};
pub use steps::{BindingStep, Cause, Plan, RoleRefusal};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
