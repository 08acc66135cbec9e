//! The two controllers. Each is thin: observe → validate → plan → execute → conclude; the judgement is `irsa-core`'s.
//!
//! [`driver`] is what both have in common. Direction: this crate uses `irsa-api`, `irsa-aws` and `irsa-core`; nothing of
//! the AWS SDK is visible here.

pub mod backoff;
pub mod binding;
pub mod clock;
pub mod conditions;
pub mod events;
pub mod federation;
pub mod instances;
mod kube_errors;
pub mod leadership;
mod log;
pub mod metrics;
pub mod object;
mod propagation;
pub mod reconciler;
mod step_error;

pub use log::chain;
