//! The operator: flags, wiring, probes, metrics, telemetry, signals. Everything else is in the libraries.

mod args;
mod election;
mod kubernetes;
mod metrics;
mod probes;
mod run;
mod telemetry;

use std::process::ExitCode;

use tracing::error;

#[tokio::main]
async fn main() -> ExitCode {
    let args = args::Args::of_this_process();
    // kube takes the process's default; the AWS SDK is given the same one explicitly.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("irsa-anywhere: another crypto provider is installed already");
        return ExitCode::FAILURE;
    }
    if let Err(problem) = telemetry::start(args.log_format, &args.log_filter) {
        eprintln!("irsa-anywhere: --log-filter: {problem}");
        return ExitCode::FAILURE;
    }
    match run::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            error!(error = chain(problem.as_ref()), "the operator ends");
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
