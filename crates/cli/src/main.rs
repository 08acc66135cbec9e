//! `kubectl irsa`: why a pod has its role, or has not.

mod args;
mod cluster;
mod doctor;
mod exit;
mod failure;
mod output;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use irsa_core::text::plain;

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
            eprintln!("kubectl-irsa: {}", plain(&problem.to_string()));
            ExitCode::from(exit::FAILED)
        }
    }
}

async fn run(args: CliArgs) -> Result<u8, Failure> {
    let cluster = cluster::Cluster::connect(&args.cluster).await?;
    match args.command {
        CliCommand::Doctor { target, no_token } => {
            let diagnosis = Box::pin(doctor::examine(&cluster, &target, no_token)).await?;
            write(&output::render(&diagnosis, &args.output)?)?;
            Ok(diagnosis.exit_code())
        }
    }
}

/// Who reads only the beginning has what he wants.
fn write(text: &str) -> io::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
