//! Pod injection as an admission webhook, for API servers that serve no mutating admission policies: the decision of
//! `irsa_core::injection` over HTTPS, from a cache of bound ServiceAccounts, with a certificate that it keeps itself.

mod accounts;
mod admission_review;
mod args;
mod certificate;
mod connections;
mod drain;
mod limits;
mod metrics;
mod review;
mod run;
mod server;

use std::process::ExitCode;

use clap::Parser;
use dlmalloc::GlobalDlmalloc;

/// musl's own makes half a dozen calls to the kernel for each review: room that is free is given back, and taken again for the next.
#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let args = args::WebhookArgs::parse();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("irsa-anywhere-webhook: another crypto provider is installed already");
        return ExitCode::FAILURE;
    }
    if let Err(problem) = irsa_process::log::start(args.process.log_format, &args.process.log_filter) {
        eprintln!("irsa-anywhere-webhook: --log-filter: {problem}");
        return ExitCode::FAILURE;
    }
    match Box::pin(run::run(args)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            tracing::error!(error = problem.to_string(), "the webhook ends");
            ExitCode::FAILURE
        }
    }
}
