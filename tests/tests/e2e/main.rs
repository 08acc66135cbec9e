//! End to end: a real API server, the AWS double, unmodified clients.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod by_hand;
mod deletion;
mod main_job;
mod reasons;
mod support;
mod upkeep;
