//! The programs are built of the same packages, with the same features, alone and together with the tests. Else each of `make demo` and
//! `make test` would compile again what the other has.

use std::{collections::BTreeSet, process::Command};

use irsa_tests::world::repository;

/// Every package with its features, a line each.
fn packages(edges: &str) -> BTreeSet<String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["tree", "--locked", "--offline", "--workspace", "--prefix", "none"])
        .args(["--format", "{p} [{f}]", "--edges", edges])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned())
        .collect()
}

#[test]
fn the_programs_alone_are_of_the_same_packages() {
    let alone = packages("normal,build");
    let with_tests = packages("normal,build,dev");
    let otherwise: Vec<&String> = alone.difference(&with_tests).collect();
    assert!(alone.len() > 100, "few packages: {alone:?}");
    assert!(
        otherwise.is_empty(),
        "a test's dependency turns features of these on, which `make demo` builds without: {otherwise:#?}"
    );
}
