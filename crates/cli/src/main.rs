//! `kubectl irsa`: why a pod has its role, or has not. Reads; writes nothing.

mod args;
mod cluster;
mod doctor;
mod exit;
mod failure;
mod output;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    args::{CliArgs, CliCommand},
    failure::Failure,
};

fn main() -> ExitCode {
    let args = CliArgs::parse();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("kubectl-irsa: another crypto provider is installed already");
        return ExitCode::from(exit::FAILED);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(args)),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            eprintln!("kubectl-irsa: {problem}");
            ExitCode::from(exit::FAILED)
        }
    }
}

async fn run(args: CliArgs) -> Result<u8, Failure> {
    let cluster = cluster::Cluster::connect(&args.cluster).await?;
    match args.command {
        CliCommand::Doctor { target } => {
            let diagnosis = doctor::examine(&cluster, &target).await?;
            print!("{}", output::render(&diagnosis, &args.output)?);
            Ok(diagnosis.exit_code())
        }
    }
}
