//! End to end: a real API server, the AWS double, unmodified clients.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod another_cluster;
mod around;
mod by_hand;
mod deletion;
mod logs;
mod main_job;
mod operator;
mod reasons;
mod restored;
mod s3;
mod scale;
mod secrets;
mod support;
mod tenants;
mod upkeep;
