//! Helm as people run it, with our chart.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::{
    made::made_by,
    world::{Problem, repository},
};

/// A major version of Helm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Helm {
    /// Three-way merges on the client's side.
    V3,
    /// Server-side apply.
    V4,
}

/// How a command of Helm ended.
#[derive(Debug)]
pub struct Ended {
    /// Whether it ended well.
    pub success: bool,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Helm {
    /// Both that the chart is for.
    pub const ALL: [Self; 2] = [Self::V3, Self::V4];

    const fn name(self) -> &'static str {
        match self {
            Self::V3 => "v3",
            Self::V4 => "v4",
        }
    }

    /// Runs it without a cluster.
    ///
    /// # Errors
    /// When it cannot be built or started.
    pub fn run(self, arguments: &[&str]) -> Result<Ended, Problem> {
        ended(self.command(arguments)?.output()?)
    }

    /// Runs it as the user of a kubeconfig.
    ///
    /// # Errors
    /// When it cannot be built or started.
    pub async fn run_on(self, kubeconfig: &Path, arguments: &[&str]) -> Result<Ended, Problem> {
        let mut command = self.command(arguments)?;
        command.env("KUBECONFIG", kubeconfig);
        ended(tokio::task::spawn_blocking(move || command.output()).await??)
    }

    fn command(self, arguments: &[&str]) -> Result<Command, Problem> {
        let home = std::env::temp_dir().join("irsa-anywhere-helm");
        let mut command = Command::new(self.binary()?);
        command.args(arguments).stdin(Stdio::null());
        // Nothing of the machine's own: repositories, plugins, a cluster.
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(variable, &home);
        }
        command.env("KUBECONFIG", home.join("none"));
        Ok(command)
    }

    /// Its binary, which is built once.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn binary(self) -> Result<PathBuf, Problem> {
        made_by("helm/build.sh", &[self.name()])
    }
}

fn ended(output: Output) -> Result<Ended, Problem> {
    Ok(Ended {
        success: output.status.success(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

/// Where the chart is.
pub fn chart() -> PathBuf {
    repository().join("charts/irsa-anywhere")
}

/// The objects of a text of several documents.
///
/// # Errors
/// When one is no YAML.
pub fn objects(text: &str) -> Result<Vec<Value>, Problem> {
    let mut objects = Vec::new();
    for document in text.split("\n---") {
        let object: Value = serde_saphyr::from_str(document.trim_start_matches("---"))?;
        if !object.is_null() {
            objects.push(object);
        }
    }
    Ok(objects)
}
