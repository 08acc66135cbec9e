//! The launcher against the real binaries: every test starts its own control plane.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod audit;
mod keys;
mod lifecycle;
mod support;
