//! What GitOps tools conclude from our statuses: Argo CD by the Lua that we ship, Flux by the expressions that we
//! document. And whether the samples of `deploy/` fit together.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod argocd;
mod flux;
mod samples;
mod statuses;
