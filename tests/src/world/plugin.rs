//! `kubectl irsa`, as a person runs it.

use std::{fs::File, path::Path, process::Stdio};

use irsa_testkit::aws::Credentials;
use tokio::process::Command;

use super::{Problem, REGION, World, operator::operator_sibling};

/// What a command said, and how it ended.
#[derive(Debug, Clone)]
pub struct PluginOutput {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl World {
    /// `kubectl irsa` with these arguments, as the cluster's administrator and with these credentials of AWS, or none.
    ///
    /// # Errors
    /// When it cannot be run or was ended by a signal.
    pub async fn irsa(&self, arguments: &[&str], credentials: Option<&Credentials>) -> Result<PluginOutput, Problem> {
        self.irsa_in(arguments, credentials, &[]).await
    }

    /// The same with more variables.
    ///
    /// # Errors
    /// As for [`Self::irsa`].
    pub async fn irsa_in(
        &self,
        arguments: &[&str],
        credentials: Option<&Credentials>,
        variables: &[(&str, &str)],
    ) -> Result<PluginOutput, Problem> {
        self.plugin(arguments, credentials, variables, Stdio::null()).await
    }

    /// The same with this file as standard input.
    ///
    /// # Errors
    /// As for [`Self::irsa`], and when the file cannot be read.
    pub async fn irsa_reading(
        &self,
        arguments: &[&str],
        credentials: Option<&Credentials>,
        input: &Path,
    ) -> Result<PluginOutput, Problem> {
        let input = File::open(input)?;
        self.plugin(arguments, credentials, &[], input.into()).await
    }

    async fn plugin(
        &self,
        arguments: &[&str],
        credentials: Option<&Credentials>,
        variables: &[(&str, &str)],
        input: Stdio,
    ) -> Result<PluginOutput, Problem> {
        let environment = match credentials {
            Some(credentials) => self.aws.env(credentials, REGION),
            None => self.aws.env_without_credentials(REGION),
        };
        let output = Command::new(operator_sibling("kubectl-irsa")?)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .envs(variables.iter().copied())
            .stdin(input)
            .kill_on_drop(true)
            .output()
            .await?;
        Ok(PluginOutput {
            code: output.status.code().ok_or("kubectl-irsa was ended by a signal")?,
            out: String::from_utf8(output.stdout)?,
            err: String::from_utf8(output.stderr)?,
        })
    }
}
