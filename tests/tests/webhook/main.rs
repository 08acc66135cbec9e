//! The webhook as a server: its certificate and whom API servers trust, replicas that agree, and that no pod is created without
//! credentials while anything of that changes. What it makes of pods: `tests/tests/inject`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod authority;
mod availability;
mod bench;
mod certificate;
mod client;
mod guard;
