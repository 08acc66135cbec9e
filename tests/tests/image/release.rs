//! What is no release, and the one place where the version is written.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use irsa_tests::world::repository;
use tempfile::TempDir;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A commit of what is here, in a repository of its own.
struct Checkout(TempDir);

impl Checkout {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let copy = "git ls-files --cached --others --exclude-standard -z | xargs -0 cp --parents -t \"$0\"";
        let target = directory.path().to_str().unwrap();
        let copied = Command::new("sh")
            .current_dir(repository())
            .args(["-c", copy, target])
            .status();
        assert!(copied.unwrap().success());
        let checkout = Self(directory);
        checkout.run("git", &["init", "--quiet"]);
        checkout.commit();
        checkout
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.0.path().join(file)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        // A script of the checkout, or a program of this machine.
        let script = self.path(program);
        let program = if script.is_file() {
            script.as_path()
        } else {
            Path::new(program)
        };
        Command::new(program)
            .current_dir(self.0.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    fn commit(&self) {
        self.run("git", &["add", "--all"]);
        let name = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
        let output = self.run("git", &[&name[..], &["commit", "--quiet", "--message=test"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(self.path(file), text.replacen(from, to, 1)).unwrap();
    }

    /// With something to say of this version.
    fn with_notes(version: &str) -> Self {
        let checkout = Self::new();
        let sections = format!(
            "## [Unreleased]\n\n## [{version}] - 2026-12-24\n\n### Added\n\n- A thing.\n\n## [0.0.1] - 2026-01-01\n\n- Old.\n\n"
        );
        checkout.edit("CHANGELOG.md", "## [Unreleased]\n", &sections);
        checkout.commit();
        checkout
    }

    /// The notes, or why there is no release.
    fn notes(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.run("hack/notes.sh", arguments);
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            Err(String::from_utf8(output.stderr).unwrap())
        }
    }
}

#[test]
fn a_release_has_the_notes_of_its_version_and_no_others() {
    let checkout = Checkout::with_notes(VERSION);
    assert_eq!(checkout.notes(&[VERSION]).unwrap(), "### Added\n\n- A thing.\n");
}

#[test]
fn nothing_is_released_that_nobody_wrote_notes_for() {
    let checkout = Checkout::with_notes("0.0.2");
    let refused = checkout.notes(&[VERSION]).unwrap_err();
    assert!(
        refused.contains(&format!("has no section '## [{VERSION}]")),
        "{refused}"
    );
}

#[test]
fn nothing_is_released_that_is_not_committed() {
    let checkout = Checkout::with_notes(VERSION);
    fs::write(checkout.path("hack/forgotten.sh"), "").unwrap();
    let refused = checkout.notes(&[VERSION]).unwrap_err();
    assert!(
        refused.contains("the tree is not what is committed") && refused.contains("hack/forgotten.sh"),
        "{refused}"
    );
    // A trial is of whatever is there.
    checkout.notes(&[VERSION, "--trial"]).unwrap();
}

#[test]
fn another_version_than_the_one_that_is_written_is_refused() {
    let checkout = Checkout::with_notes("99.0.0");
    let refused = checkout.notes(&["99.0.0"]).unwrap_err();
    assert!(refused.contains("make version VERSION=99.0.0"), "{refused}");
    let refused = checkout.notes(&[]).unwrap_err();
    assert!(refused.contains("which version?"), "{refused}");
}

#[test]
fn one_command_writes_the_version_everywhere() {
    let checkout = Checkout::with_notes("98.7.6-rc.1");
    let written = checkout.run("hack/version.sh", &["98.7.6-rc.1"]);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    for (file, line) in [
        ("Cargo.toml", "version = \"98.7.6-rc.1\""),
        ("Cargo.lock", "version = \"98.7.6-rc.1\""),
        ("charts/irsa-anywhere/Chart.yaml", "version: 98.7.6-rc.1"),
        ("charts/irsa-anywhere/Chart.yaml", "appVersion: v98.7.6-rc.1"),
        ("config/manager/kustomization.yaml", "newTag: v98.7.6-rc.1"),
        ("config/webhook/kustomization.yaml", "newTag: v98.7.6-rc.1"),
    ] {
        let text = fs::read_to_string(checkout.path(file)).unwrap();
        assert!(text.contains(line), "{file} has no {line}");
    }
    checkout.commit();
    assert_eq!(checkout.notes(&["98.7.6-rc.1"]).unwrap(), "### Added\n\n- A thing.\n");

    checkout.edit(
        "config/webhook/kustomization.yaml",
        "newTag: v98.7.6-rc.1",
        "newTag: v98.7.5",
    );
    checkout.commit();
    let refused = checkout.notes(&["98.7.6-rc.1"]).unwrap_err();
    assert!(
        refused.contains("config/webhook/kustomization.yaml has 98.7.5"),
        "{refused}"
    );
}

#[test]
fn what_is_no_version_is_not_written() {
    let checkout = Checkout::new();
    for wrong in ["1.2", "v1.2.3", "1.2.3+build", "01.2.3", "1.2.3-", "latest"] {
        let output = checkout.run("hack/version.sh", &[wrong]);
        assert!(!output.status.success(), "{wrong}");
        let refused = String::from_utf8(output.stderr).unwrap();
        assert!(refused.contains(&format!("{wrong} is no version")), "{refused}");
    }
    let changed = checkout.run("git", &["status", "--porcelain"]);
    assert!(changed.stdout.is_empty());
}
