//! A reader's shell: his tools, his administrator's kubeconfig, and his account.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use irsa_tests::{
    helm::Helm,
    shell_blocks::{Block, Says},
    world::{ACCOUNT, Problem, REGION, World, repository},
};
use tempfile::TempDir;

/// Like kubectl but for logs: no kubelet runs the pods here, so they come from the operator that runs instead.
const KUBECTL: &str = r#"#!/bin/sh
for argument in "$@"; do
  case $argument in
  logs) exec cat "$OPERATOR_LOG" ;;
  -*) ;;
  get|apply|create|delete|describe|patch|annotate|wait|run|rollout) break ;;
  esac
done
exec "$KUBECTL" "$@"
"#;

/// How long a block may take: what people wait for takes up to three minutes by the pages themselves.
const WITHIN: Duration = Duration::from_mins(5);

/// What a page's commands are run with. The directory looks like the repository's root, and takes what they write.
pub(crate) struct Shell {
    directory: TempDir,
    environment: Vec<(String, String)>,
}

/// What the last line of a script prints.
fn printed(script: &str, arguments: &[&str]) -> Result<PathBuf, Problem> {
    let output = Command::new("bash")
        .arg(repository().join(script))
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    match text.lines().last() {
        Some(line) if output.status.success() => Ok(line.into()),
        _ => Err(format!("{script} has printed no path").into()),
    }
}

impl Shell {
    pub(crate) fn of(world: &World) -> Result<Self, Problem> {
        let directory = tempfile::tempdir()?;
        let tools = directory.path().join("tools");
        fs::create_dir(&tools)?;
        for part in ["config", "charts", "crds", "docs"] {
            symlink(fs::canonicalize(repository().join(part))?, directory.path().join(part))?;
        }
        let kubectl = printed("crates/testkit/controlplane/build.sh", &[])?.join("kubectl");
        let wrapper = tools.join("kubectl");
        fs::write(&wrapper, KUBECTL)?;
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
        symlink(Helm::V4.binary()?, tools.join("helm"))?;
        symlink(printed("crates/testkit/jq/build.sh", &[])?, tools.join("jq"))?;
        let python = printed("crates/testkit/python/venv.sh", &["awscli"])?;
        symlink(python.with_file_name("aws"), tools.join("aws"))?;

        let text = |path: &Path| path.display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut environment = world.aws.env(&world.aws.account(ACCOUNT).root_credentials(), REGION);
        for (name, value) in [
            ("PATH", format!("{}:{path}", text(&tools))),
            ("HOME", text(directory.path())),
            ("KUBECTL", text(&kubectl)),
            ("KUBECONFIG", text(&world.cluster.kubeconfig())),
            ("OPERATOR_LOG", text(&directory.path().join("operator.log"))),
            ("LC_ALL", "C.UTF-8".to_owned()),
        ] {
            environment.push((name.to_owned(), value));
        }
        Ok(Self { directory, environment })
    }

    /// Saves what a page tells people to save.
    pub(crate) fn save(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    /// Runs one block as a script that ends with its first failure.
    ///
    /// # Errors
    /// The block, how it ended, and what it printed; also when that lacks what the page says that it shows.
    pub(crate) async fn run(&self, block: &Block) -> Result<(), Problem> {
        let (commands, place) = (block.commands(), block.place());
        assert!(!commands.trim().is_empty(), "{place}: nothing to run");
        let mut command = tokio::process::Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", &commands])
            .current_dir(self.directory.path())
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let ended = tokio::time::timeout(WITHIN, command.output()).await;
        let output = ended.map_err(|_| format!("{place}: not done within {WITHIN:?}\n{commands}"))??;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let shows = match &block.says {
            Says::Run { shows, .. } => shows.as_str(),
            _ => "",
        };
        if output.status.success() && stdout.contains(shows) {
            return Ok(());
        }
        Err(format!("{place}: {}\n{commands}{stdout}{stderr}", output.status).into())
    }
}
