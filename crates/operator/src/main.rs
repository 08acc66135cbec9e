//! The operator: flags, wiring, metrics. Everything else is in the libraries.

mod args;
mod check;
mod election;
mod error;
mod metrics;
mod run;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let args = args::Args::of_this_process();
    // kube takes the process's default; the AWS SDK is given the same one explicitly.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("irsa-anywhere: another crypto provider is installed already");
        return ExitCode::FAILURE;
    }
    if let Err(problem) = irsa_process::log::start(args.process.log_format, &args.process.log_filter) {
        eprintln!("irsa-anywhere: --log-filter: {problem}");
        return ExitCode::FAILURE;
    }
    if let Some(args::Command::Check { what }) = args.command {
        return match check::check(what).await {
            Ok(found) => {
                println!("{found}");
                ExitCode::SUCCESS
            }
            Err(problem) => {
                eprintln!("{problem}");
                ExitCode::FAILURE
            }
        };
    }
    match run::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            tracing::error!(
                error = irsa_pipeline::stage::chain(problem.as_ref()),
                "the operator ends"
            );
            ExitCode::FAILURE
        }
    }
}
