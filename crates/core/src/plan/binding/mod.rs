//! What a binding's role and its ServiceAccounts must be, what they are, and the steps between.
//!
//! **Order never widens.** A new role is created with trust, tags and boundary in one call. On an existing one:
//!
//! 1. the tags that prove it ours, where it was offered;
//! 2. the trust, narrowed to those whom the old and the new one let in, where anything is taken or put in another's place;
//! 3. a first boundary;
//! 4. everything that takes rights away;
//! 5. a boundary in another's place;
//! 6. the trust as wanted, where it was not narrowed;
//! 7. tags, description and session duration;
//! 8. everything that gives rights;
//! 9. the removal of a boundary of ours that is no longer wanted, and of its mark;
//! 10. the trust as wanted, where it was narrowed.
//!
//! So nobody ever has more than the old or the new state gives him, and there is never a policy without the boundary that is
//! wanted.
//!
//! **Refusals.** A step that AWS refuses holds up what its order protects, and nothing else ([`Order`]).
//!
//! **What others above us put there.** A boundary that we did not set, and what certainly only denies, stays ([`Kept`]).
//!
//! **Crashes.** Each step is one idempotent call, and every prefix of a plan leaves a role that the next plan starts
//! from.

mod account;
mod account_plan;
mod account_step;
mod accounts;
mod alter;
mod binding_plan;
mod fields;
mod kept;
mod order;
mod pods;
mod role;
mod step;
mod steps;
mod template;

pub use account::ObservedAccount;
pub use account_plan::{AccountPlan, AccountRefusal, MAX_CALLS};
pub use account_step::AccountStep;
pub use accounts::{AccountChange, DesiredAccount};
pub use binding_plan::{BindingPlan, BindingStep};
pub use fields::{AccountField, AccountFields};
pub use kept::Kept;
pub use order::{Effect, Order, subjects_after};
pub use pods::PodSettings;
pub use role::{DesiredRole, ObservedRole};
pub use step::RoleStep;
pub use steps::RoleRefusal;
pub use template::{AccountTemplate, TemplateError};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
