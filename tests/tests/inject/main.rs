//! Pod injection by `config/inject`, by `config/webhook` and by both on a real API server: what a pod looks like when it comes back from
//! admission, which is the same.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "helpers of tests fail the test, and json!(…) reads best as an argument"
)]

mod annotations;
mod bench;
mod effect;
mod filesystem;
mod pods;
mod property;
mod random;
mod scope;
mod settings;
mod webhook_contract;
