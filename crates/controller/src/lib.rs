//! The two controllers. Each is thin: observe → validate → plan → execute → conclude; the judgement is `irsa-core`'s.
//!
//! [`shell`] is what both have in common. Direction: this crate uses `irsa-api`, `irsa-aws` and `irsa-core`; nothing of
//! the AWS SDK is visible here.

pub mod backoff;
pub mod binding;
mod births;
pub mod clock;
pub mod conditions;
pub mod events;
pub mod federation;
mod halt;
pub mod instances;
mod kube_errors;
pub mod leadership;
mod log;
pub mod metrics;
pub mod object;
pub mod shell;

pub use log::chain;
