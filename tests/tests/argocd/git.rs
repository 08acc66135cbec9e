//! Repositories that Argo CD reads.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A repository whose files lie in its directory, with the branch `main`.
pub(crate) struct Repository(PathBuf);

impl Repository {
    /// Of what is in a directory.
    pub(crate) fn create(directory: PathBuf) -> Self {
        let repository = Self(directory);
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.commit();
        repository
    }

    /// Everything as it is now; its name.
    pub(crate) fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "Change something"]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    pub(crate) fn tag(&self, name: &str) {
        self.git(&["tag", name]);
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.0.display())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.0).args(arguments);
        // Nothing of the machine's own: signatures, hooks, templates.
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "platform");
            command.env(format!("GIT_{role}_EMAIL"), "platform@example.com");
        }
        let ended = command.output().unwrap();
        assert!(
            ended.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&ended.stderr)
        );
        String::from_utf8(ended.stdout).unwrap()
    }
}
