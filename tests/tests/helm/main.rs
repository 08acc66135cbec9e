//! The chart, by the real Helm 3 and 4: what it renders, and what becomes of it on a real API server.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod bench;
mod install;
mod moves;
mod render;
mod uninstall;
mod values;
mod wait;
