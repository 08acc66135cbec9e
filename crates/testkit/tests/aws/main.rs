//! The AWS double, tested as a stranger would: over the wire, by host name, with a signer of the tests' own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_collect,
    clippy::too_many_lines,
    reason = "helpers of tests fail the test; tables are long"
)]

mod binary;
mod client;
mod conformance;
mod controls;
mod front;
mod issuer;
mod python;
mod stage;
mod web_identity;
