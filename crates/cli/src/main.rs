//! `kubectl irsa`: why a pod has its role, or has not. Reads; writes nothing.

mod args;
mod cluster;
mod doctor;
mod output;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};

/// Ends of a command, for scripts; 2 is clap's own, for a command line that is none.
pub(crate) mod exit {
    /// All is as it must be.
    pub(crate) const GOOD: u8 = 0;
    /// The command could not do what it was asked for.
    pub(crate) const FAILED: u8 = 1;
    /// Something is wrong, and has a name.
    pub(crate) const CAUSE_FOUND: u8 = 3;
    /// Nothing wrong was seen, and not everything could be.
    pub(crate) const NOT_PROVEN: u8 = 4;
}

fn main() -> ExitCode {
    let args = Args::parse();
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

/// Anything that went wrong, as a sentence.
pub(crate) type Problem = Box<dyn std::error::Error + Send + Sync>;

async fn run(args: Args) -> Result<u8, Problem> {
    let cluster = cluster::Cluster::connect(&args.cluster).await?;
    match args.command {
        Command::Doctor { target } => {
            let diagnosis = doctor::examine(&cluster, &target).await?;
            print!("{}", output::render(&diagnosis, &args.output)?);
            Ok(diagnosis.exit_code())
        }
    }
}
