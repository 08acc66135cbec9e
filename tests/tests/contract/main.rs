//! What the API server itself makes of our two kinds: which objects it takes, which it refuses, and in which words.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod bench;
mod binding;
mod crds;
mod federation;
mod rules;
