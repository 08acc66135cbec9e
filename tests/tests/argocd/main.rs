//! The samples of `deploy/argocd`, as they are but for the addresses of their repositories: taken by the CRDs of Argo CD, and carried out by its
//! own application-controller and repo-server on a real API server, beside our operator. Slow: `make argocd`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod argo;
mod fleet;
mod git;
mod operations;
mod order;
mod removal;
mod schema;
