//! The shape of the workspace: which crate may know which, and that no module knows one that knows it. A line in the
//! wrong place fails here.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod arrows;
mod circles;
mod examples;
mod inference;
mod layers;
mod names;
mod packages;
mod places;
mod source;
mod workspace;

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use irsa_tests::world::repository;
use serde_json::Value;

/// Normal dependencies of a crate of ours, by name, as its own manifest has them.
fn dependencies(package: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(repository())
        .args(["metadata", "--format-version=1", "--no-deps", "--locked", "--offline"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let found = packages.iter().find(|found| found["name"] == package);
    let list = found.unwrap_or(&Value::Null)["dependencies"].as_array().unwrap();
    list.iter()
        .filter(|dependency| dependency["kind"].is_null())
        .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
        .collect()
}

fn ours(package: &str) -> Vec<String> {
    let all = dependencies(package);
    all.into_iter().filter(|name| name.starts_with("irsa-")).collect()
}

#[test]
fn dependencies_point_one_way() {
    for (package, may_know) in [
        ("irsa-core", &[][..]),
        ("irsa-api", &["irsa-core"][..]),
        ("irsa-aws", &["irsa-core"][..]),
        ("irsa-pipeline", &["irsa-api", "irsa-aws", "irsa-core"][..]),
        (
            "irsa-controller",
            &["irsa-api", "irsa-aws", "irsa-core", "irsa-pipeline"][..],
        ),
        (
            "irsa-operator",
            &[
                "irsa-api",
                "irsa-aws",
                "irsa-controller",
                "irsa-core",
                "irsa-pipeline",
                "irsa-process",
            ][..],
        ),
        (
            "irsa-cli",
            &["irsa-api", "irsa-aws", "irsa-core", "irsa-pipeline", "irsa-process"][..],
        ),
        ("irsa-process", &["irsa-core"][..]),
        // It has no credentials of AWS, and nothing that could use any.
        ("irsa-webhook", &["irsa-core", "irsa-process"][..]),
        // A double that shares our code hides every bug twice.
        ("irsa-testkit", &[][..]),
    ] {
        for name in ours(package) {
            assert!(may_know.contains(&name.as_str()), "{package} must not depend on {name}");
        }
    }
}

#[test]
fn the_judgement_has_no_io_no_clock_and_no_kubernetes() {
    let forbidden = ["tokio", "kube", "k8s-openapi", "reqwest", "hyper", "axum"];
    for name in dependencies("irsa-core") {
        let aws = name.starts_with("aws-");
        assert!(!aws && !forbidden.contains(&name.as_str()), "core depends on {name}");
    }
    for_each_source("crates/core/src", &mut |path, text| {
        for word in [
            "std::env",
            "std::fs",
            "std::net",
            "SystemTime::now",
            "Timestamp::now",
            "Instant::now",
        ] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    });
}

#[test]
fn no_type_of_the_aws_sdk_leaves_its_crate() {
    for package in [
        "irsa-api",
        "irsa-pipeline",
        "irsa-controller",
        "irsa-operator",
        "irsa-process",
        "irsa-webhook",
        "irsa-cli",
    ] {
        for name in dependencies(package) {
            assert!(!name.starts_with("aws-"), "{package} depends on {name}");
        }
    }
    for_each_source("crates/aws/src/ports", &mut |path, text| {
        assert!(!text.contains("aws_"), "{}: a port names the SDK", path.display());
    });
}

#[test]
fn vocabulary_is_spelt_in_one_place() {
    for directory in [
        "crates/controller/src",
        "crates/operator/src",
        "crates/aws/src",
        "crates/webhook/src",
        "crates/cli/src",
    ] {
        for_each_source(directory, &mut |path, text| {
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            let in_tests = path.components().any(|part| part.as_os_str() == "tests");
            let spelt = shipped
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .find(|line| line.contains("\"irsa-anywhere.dev/") || line.contains("\"eks.amazonaws.com/"));
            assert!(in_tests || spelt.is_none(), "{}: {spelt:?}", path.display());
        });
    }
}

fn for_each_source(directory: &str, check: &mut impl FnMut(&Path, &str)) {
    let mut files = 0;
    let mut left = vec![repository().join(directory)];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files += 1;
                check(&path, &fs::read_to_string(&path).unwrap());
            }
        }
    }
    assert!(files > 0, "{directory} has no sources");
}
