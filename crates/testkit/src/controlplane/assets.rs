//! The binaries of Kubernetes and etcd, and where they come from.
//!
//! The order is envtest's, so that a machine set up for Go controllers works as it is: `TEST_ASSET_KUBE_APISERVER`,
//! `TEST_ASSET_ETCD`, `TEST_ASSET_KUBECTL` (each alone), then the directory `KUBEBUILDER_ASSETS`, then the project's
//! own cache, which `build.sh` fills from pinned Go modules.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::ControlPlaneError;

/// Paths of the programs that a control plane is made of.
#[derive(Debug, Clone)]
pub(super) struct Assets {
    pub(super) kube_apiserver: PathBuf,
    pub(super) etcd: PathBuf,
    pub(super) kubectl: PathBuf,
    /// Only looked for when asked for: envtest archives do not carry it.
    pub(super) controller_manager: Option<PathBuf>,
}

const BUILD_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/controlplane/build.sh");

impl Assets {
    /// Finds the binaries, building those that are nowhere; the build's progress goes to standard error.
    pub(super) async fn find(with_controller_manager: bool) -> Result<Self, ControlPlaneError> {
        let mut wanted = vec!["kube-apiserver", "etcd", "kubectl"];
        if with_controller_manager {
            wanted.push("kube-controller-manager");
        }
        let given: Vec<_> = wanted.iter().map(|name| from_environment(name)).collect();
        let cache = if given.iter().all(Option::is_some) {
            PathBuf::new()
        } else {
            build(with_controller_manager).await?
        };
        let mut paths = wanted
            .iter()
            .zip(given)
            .map(|(name, given)| given.unwrap_or_else(|| cache.join(name)));
        let mut next = || {
            paths
                .next()
                .ok_or_else(|| ControlPlaneError::MissingBinaries("control plane: too few binaries".to_owned()))
        };
        Ok(Self {
            kube_apiserver: next()?,
            etcd: next()?,
            kubectl: next()?,
            controller_manager: if with_controller_manager { Some(next()?) } else { None },
        })
    }
}

fn from_environment(name: &str) -> Option<PathBuf> {
    let variable = format!("TEST_ASSET_{}", name.to_uppercase().replace('-', "_"));
    let single = env::var_os(variable).map(PathBuf::from);
    let in_directory = || env::var_os("KUBEBUILDER_ASSETS").map(|directory| Path::new(&directory).join(name));
    single.or_else(in_directory).filter(|path| path.is_file())
}

/// `build.sh` answers at once when its cache is full, so this is also the look into the cache.
async fn build(with_controller_manager: bool) -> Result<PathBuf, ControlPlaneError> {
    let mut command = Command::new("bash");
    command.arg(BUILD_SCRIPT).stdin(Stdio::null()).stdout(Stdio::piped());
    if with_controller_manager {
        command.arg("--with-controller-manager");
    }
    let output = command.output_with_visible_progress().await?;
    Ok(PathBuf::from(output))
}

trait VisibleProgress {
    async fn output_with_visible_progress(&mut self) -> Result<String, ControlPlaneError>;
}

impl VisibleProgress for Command {
    /// Relays standard error line by line, keeping the last line: when the script fails, that line is its reason.
    async fn output_with_visible_progress(&mut self) -> Result<String, ControlPlaneError> {
        use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

        let mut child = self.stderr(Stdio::piped()).spawn().map_err(ControlPlaneError::io(
            "control plane: cannot run bash to build the binaries",
        ))?;
        let mut last_line = String::new();
        if let Some(stderr) = child.stderr.take() {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                eprintln!("{line}");
                last_line = line;
            }
        }
        let mut stdout = String::new();
        if let Some(mut pipe) = child.stdout.take() {
            pipe.read_to_string(&mut stdout)
                .await
                .map_err(ControlPlaneError::io("reading build.sh"))?;
        }
        let status = child
            .wait()
            .await
            .map_err(ControlPlaneError::io("waiting for build.sh"))?;
        match stdout.lines().last() {
            Some(directory) if status.success() => Ok(directory.to_owned()),
            _ => Err(ControlPlaneError::MissingBinaries(last_line)),
        }
    }
}
