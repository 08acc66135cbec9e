//! The operator's own memory and CPU, as Linux counts them.

use std::{fs, time::Duration};

use irsa_tests::world::{Problem, World, operator_binary};

/// Ticks of `/proc/<pid>/stat` in a second: fixed on Linux for every architecture that we build for.
const TICKS: u64 = 100;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Resident, in kilobytes.
    pub(crate) resident: u64,
    pub(crate) cpu: Duration,
}

impl Usage {
    pub(crate) fn of(world: &World) -> Result<Self, Problem> {
        let pid = world.operator()?.pid().ok_or("the operator has no pid")?;
        let resident = resident(pid)?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The command's name may have spaces; what follows its parenthesis has not. utime and stime are fields 14 and 15.
        let (_, after) = stat.rsplit_once(')').ok_or("no command")?;
        let ticks: u64 = after
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Ok(Self {
            resident,
            cpu: Duration::from_millis(ticks * 1_000 / TICKS),
        })
    }

    pub(crate) fn megabytes(self) -> f64 {
        megabytes(self.resident)
    }
}

/// Resident, in kilobytes.
fn resident(pid: u32) -> Result<u64, Problem> {
    status(pid, "VmRSS:")
}

/// A line of `/proc/<pid>/status`, in kilobytes.
fn status(pid: u32, name: &str) -> Result<u64, Problem> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| format!("no {name}").into())
}

/// What a process has resident.
pub(crate) fn resident_megabytes(pid: u32) -> Result<f64, Problem> {
    Ok(megabytes(resident(pid)?))
}

/// The most that a process has had resident.
pub(crate) fn peak_megabytes(pid: u32) -> Result<f64, Problem> {
    Ok(megabytes(status(pid, "VmHWM:")?))
}

#[allow(clippy::cast_precision_loss, reason = "megabytes with one digit")]
fn megabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1_024.0
}

/// Whether memory may be judged.
pub(crate) fn is_release() -> bool {
    operator_binary().is_ok_and(|path| path.components().any(|part| part.as_os_str() == "release"))
}
