//! Two operators at a time, of which one works: who that is, and how it changes hands. Slow, because a lease must expire:
//! `make replicas`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod handover;
mod scene;
mod stale;
mod together;
