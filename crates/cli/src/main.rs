//! `kubectl irsa`: why a pod has its role, or has not.

mod args;
mod audit;
mod aws;
mod bootstrap;
mod cluster;
mod completion;
mod distribution;
mod doctor;
mod exit;
mod failure;
mod flags;
mod iam_policy;
mod import;
mod manifests;
mod output;
mod plan;
mod whoami;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use irsa_core::text::plain;

use crate::{
    args::{CliArgs, CliCommand, DoctorTarget},
    failure::Failure,
    plan::Planned,
};

fn main() -> ExitCode {
    let args = match CliArgs::try_parse() {
        Ok(args) => args,
        Err(told) => return not_run(&told),
    };
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

/// Help, a version, or what is wrong with the command line. clap would end with 2 then, which says of `plan` that there is something to do.
fn not_run(told: &clap::Error) -> ExitCode {
    let shown = told.print();
    ExitCode::from(match shown {
        Ok(()) if !told.use_stderr() => exit::GOOD,
        _ => exit::FAILED,
    })
}

async fn run(args: CliArgs) -> Result<u8, Failure> {
    if let CliCommand::Completion { shell } = args.command {
        write(&completion::script(shell))?;
        return Ok(exit::GOOD);
    }
    let format = args.output.output;
    if let CliCommand::Bootstrap {
        filename,
        keys,
        publish,
        hand_over: false,
    } = &args.command
    {
        let report = Box::pin(bootstrap::bootstrap(filename, keys, *publish)).await?;
        write(&output::render(&report, format, |_| report.table())?)?;
        return Ok(report.exit_code());
    }
    let cluster = cluster::Cluster::connect(&args.cluster).await?;
    match args.command {
        CliCommand::Doctor { target, no_token } => {
            let diagnosis = Box::pin(doctor::examine(&cluster, &target, no_token)).await?;
            write(&output::render(&diagnosis, format, |paint| {
                output::diagnosis(&diagnosis, args.output.verbose, paint)
            })?)?;
            Ok(diagnosis.exit_code())
        }
        CliCommand::Audit { html } => {
            if html && format != args::Format::Table {
                return Err("--html is a form of its own: leave --output out".into());
            }
            let report = Box::pin(audit::audit(&cluster)).await?;
            let shown = if html {
                report.page()
            } else {
                output::render(&report, format, |paint| report.table(paint))?
            };
            write(&shown)?;
            Ok(report.exit_code())
        }
        CliCommand::Import { federation, adopt } => {
            let options = import::ImportOptions {
                namespace: args.cluster.namespace,
                federation,
                adopt,
            };
            let report = Box::pin(import::import(&cluster, &options)).await?;
            let shown = match format {
                args::Format::Table => report.manifests()?,
                _ => output::render(&report, format, |_| String::new())?,
            };
            write(&shown)?;
            Ok(report.exit_code())
        }
        CliCommand::Flags {
            federation,
            distribution,
        } => {
            let report = flags::flags(&cluster, &federation, distribution.map(Into::into)).await?;
            write(&output::render(&report, format, |_| report.table())?)?;
            Ok(report.exit_code())
        }
        CliCommand::IamPolicy {
            federation,
            account,
            adopt,
            form,
            diff,
        } => {
            let request = iam_policy::PolicyRequest {
                federation,
                account,
                adopt,
            };
            if let Some(principal) = diff {
                let found = Box::pin(iam_policy::difference(&cluster, &request, &principal)).await?;
                write(&output::render(&found, format, |_| found.table())?)?;
                return Ok(found.exit_code());
            }
            if format != args::Format::Table {
                return Err("iam-policy takes --form json, terraform or cloudformation instead of --output".into());
            }
            write(&iam_policy::iam_policy(&cluster, &request, form).await?)?;
            Ok(exit::GOOD)
        }
        CliCommand::Plan {
            binding,
            federation,
            filename,
            diff,
            operator_namespace,
        } => {
            let planned = match (binding, federation, filename) {
                (_, _, Some(file)) => Planned::File(file),
                (_, Some(name), None) => Planned::Federation(name),
                (name, None, None) => Planned::Binding(name.unwrap_or_default()),
            };
            let reports = Box::pin(plan::plan(&cluster, &planned, &operator_namespace)).await?;
            let table = |_: &output::Paint| reports.iter().map(|report| report.table(diff)).collect();
            write(&output::render(&reports, format, table)?)?;
            Ok(plan::exit_code(&reports))
        }
        CliCommand::Whoami {
            service_account,
            binding,
            duration,
            command,
        } => {
            let target = match (service_account, binding) {
                (_, Some(name)) => DoctorTarget::Binding {
                    name,
                    service_account: None,
                },
                (name, None) => DoctorTarget::Serviceaccount {
                    name: name.unwrap_or_default(),
                },
            };
            let session = Box::pin(whoami::whoami(&cluster, &target, duration)).await?;
            if command.is_empty() {
                write(&output::render(&session, format, |_| session.table())?)?;
                return Ok(exit::GOOD);
            }
            session.become_command(&command)
        }
        CliCommand::Bootstrap { filename, .. } => {
            let report = Box::pin(bootstrap::hand_over(&cluster, &filename)).await?;
            write(&output::render(&report, format, |_| report.table())?)?;
            Ok(exit::GOOD)
        }
        CliCommand::Completion { .. } => Ok(exit::GOOD),
    }
}

/// Who reads only the beginning has what he wants.
fn write(text: &str) -> io::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
