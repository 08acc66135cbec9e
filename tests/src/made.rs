//! Other people's programs and files, which scripts of the testkit make once.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::world::{Problem, repository};

/// What such a script makes: the path on the last line that it prints. It is named below `crates/testkit`.
///
/// # Errors
/// When it fails; what it said is on standard error.
pub fn made_by(script: &str, arguments: &[&str]) -> Result<PathBuf, Problem> {
    let made = Command::new("bash")
        .arg(repository().join("crates/testkit").join(script))
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()?;
    let printed = String::from_utf8(made.stdout)?;
    match printed.lines().last() {
        Some(path) if made.status.success() => Ok(path.into()),
        _ => Err(format!("{script} {} failed", arguments.join(" ")).into()),
    }
}
