//! The samples of `deploy/`, as they are: taken by the CRDs of Flux, and carried out by Flux's own kustomize-controller on a real
//! API server, beside our operator. Slow: `make flux`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod artifacts;
mod controller;
mod fleet;
mod operations;
mod order;
mod schema;
