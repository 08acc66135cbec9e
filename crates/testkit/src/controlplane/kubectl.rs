//! Runs of kubectl.

use std::{ffi::OsStr, path::Path, process::Stdio};

use tokio::{io::AsyncWriteExt, process::Command};

use super::ControlPlaneError;

/// What kubectl wrote.
#[derive(Debug, Clone)]
pub struct KubectlOutput {
    /// Whether it exited with 0.
    pub success: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs kubectl against `kubeconfig` and nothing of the caller's own configuration.
pub(super) async fn run<A: AsRef<OsStr>>(
    program: &Path,
    kubeconfig: &Path,
    cache: &Path,
    arguments: &[A],
    input: Option<&str>,
) -> Result<KubectlOutput, ControlPlaneError> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .env("KUBECACHEDIR", cache)
        .env("HOME", cache)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // A proxy meant for the AWS double must not see loopback traffic.
    for variable in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ] {
        command.env_remove(variable);
    }
    let mut child = command
        .spawn()
        .map_err(ControlPlaneError::io(format!("starting {}", program.display())))?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        // kubectl that exits early closes the pipe; its own message says why.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let output = child
        .wait_with_output()
        .await
        .map_err(ControlPlaneError::io("waiting for kubectl"))?;
    Ok(KubectlOutput {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
