//! The adapters over the AWS SDK, over the wire: against the double, as the user that has exactly `docs/iam-policy.json`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod account;
mod bench;
mod documents;
mod failures;
mod gate;
mod policy;
mod public;
mod requests;
mod strangers;
