//! A server process that cannot outlive the process that started it.
//!
//! Between us and the server stands a small shell that holds the reading end of a pipe. When the writing end closes,
//! because we dropped it or because we were killed, it ends the server. (`PR_SET_PDEATHSIG` would need unsafe code and
//! acts on the death of a thread, not of the process.)

use std::{
    fs::{self, File},
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::ControlPlaneError;

/// The guard reads one line or the end of the pipe: `kill` ends the server at once, anything else asks it to end and
/// insists after ten seconds. Signals go only to a child that the shell has not reaped, so never to a stranger that
/// got its pid.
const GUARD: &str = r#"
exec 3<&0
pid_file=$1
shift
"$@" </dev/null 3<&- &
server=$!
echo "$server" >"$pid_file"
(
  read -r order <&3
  [ "$order" = kill ] || {
    kill -TERM "$server" 2>/dev/null
    tick=0
    while [ "$tick" -lt 100 ] && kill -0 "$server" 2>/dev/null; do
      sleep 0.1
      tick=$((tick + 1))
    done
  }
  kill -KILL "$server" 2>/dev/null
) &
guard=$!
exec 3<&-
wait "$server"
status=$?
kill "$guard" 2>/dev/null
wait "$guard" 2>/dev/null
exit "$status"
"#;

const TAIL_LINES: usize = 25;

/// A server to be started.
#[derive(Debug)]
pub struct Launch<'a> {
    /// What it is called in messages; its output is appended to `<directory>/<name>.log`.
    pub name: &'static str,
    /// Where its log is kept.
    pub directory: &'a Path,
    /// The program.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [String],
    /// Variables added to our own environment.
    pub environment: &'a [(String, String)],
}

/// One running server. Dropping it kills the server and waits for it.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    shell: Child,
    order: Option<ChildStdin>,
    log: PathBuf,
    pid_file: PathBuf,
}

impl Process {
    /// Starts it behind its guard. Whether it comes up is for the caller to find out: see [`Self::ended`].
    pub fn spawn(launch: &Launch<'_>) -> Result<Self, ControlPlaneError> {
        let Launch {
            name,
            directory,
            program,
            arguments,
            environment,
        } = *launch;
        let log = directory.join(format!("{name}.log"));
        let pid_file = directory.join(format!("{name}.pid"));
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(ControlPlaneError::io(format!("opening {}", log.display())))?;
        let errors = output
            .try_clone()
            .map_err(ControlPlaneError::io("duplicating a log handle"))?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", GUARD, "guard"])
            .arg(&pid_file)
            .arg(program)
            .args(arguments)
            .envs(environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            // Ctrl-C in a terminal goes to the foreground group: the test ends first, then its servers in order.
            .process_group(0);
        let mut shell = command.spawn().map_err(ControlPlaneError::io(format!(
            "starting {name} ({})",
            program.display()
        )))?;
        let order = shell.stdin.take();
        Ok(Self {
            name,
            shell,
            order,
            log,
            pid_file,
        })
    }

    /// Pid of the server itself, once the shell has started it.
    pub fn pid(&self) -> Option<u32> {
        fs::read_to_string(&self.pid_file).ok()?.trim().parse().ok()
    }

    /// The exit status if the server has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.shell.try_wait().ok().flatten()
    }

    /// Asks the server to end and waits for it.
    pub async fn stop(mut self) {
        self.order = None;
        while self.ended().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the server at once, as a crash would.
    pub async fn kill(mut self) {
        self.order_kill();
        while self.ended().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) fn end_error(&self, status: ExitStatus) -> ControlPlaneError {
        ControlPlaneError::Ended {
            server: self.name,
            status: status.to_string(),
            log: self.log.clone(),
            tail: self.tail(),
        }
    }

    pub(super) fn late_error(&self, waited: Duration) -> ControlPlaneError {
        ControlPlaneError::NotReady {
            server: self.name,
            waited,
            log: self.log.clone(),
            tail: self.tail(),
        }
    }

    /// The last lines of its log.
    pub fn tail(&self) -> String {
        let text = self.log();
        let lines: Vec<_> = text.lines().collect();
        lines
            .get(lines.len().saturating_sub(TAIL_LINES)..)
            .unwrap_or_default()
            .join("\n")
    }

    /// The whole log.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn order_kill(&mut self) {
        if let Some(mut pipe) = self.order.take() {
            // A broken pipe means that the shell is gone already: nothing is left to kill.
            let _ = pipe.write_all(b"kill\n");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.order_kill();
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.ended().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
    }
}
