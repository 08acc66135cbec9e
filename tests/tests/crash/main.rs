//! The operator is stopped dead before and after each call that it makes, and started again; and every call fails in every
//! way, or reads what was a minute ago. Whatever happens, the end is the same. Slow, because there are many calls: `make crash`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod calls;
mod faults;
mod scene;
mod snapshot;
mod stale;
mod stops;
