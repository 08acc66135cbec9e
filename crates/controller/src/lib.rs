//! The conductor: two controllers that watch, remember and decide when, around the steps of `irsa-pipeline`.
//!
//! [`reconciler`] is what both have in common. Direction: this crate uses `irsa-api`, `irsa-aws`, `irsa-core` and
//! `irsa-pipeline`; nothing of the AWS SDK is visible here.

pub mod binding;
pub mod clock;
pub mod events;
pub mod federation;
pub mod instances;
pub mod leadership;
mod memory;
pub mod metrics;
pub mod reconciler;
mod text_request;
pub mod watch;
