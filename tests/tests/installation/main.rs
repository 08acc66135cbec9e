//! What `config/` installs, renamed and moved as overlays do, and what a cluster's own rules do to the operator. Slow, because many
//! control planes are started: `make installation`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod admission;
mod config;
mod overlays;
mod refusals;
mod refused_records;
mod rights;
mod template;
mod upgrades;
