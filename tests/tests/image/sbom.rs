//! What is said to be in it: by the standards' own rules as two libraries know them that did not write it, and beside the programs.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    process::{Command, Stdio},
};

use irsa_tests::world::repository;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{architecture, root};

const PROGRAMS: [&str; 2] = ["irsa-anywhere", "irsa-anywhere-webhook"];

/// What each SBOM of this machine's platform lists, by what it is identified by.
fn listed() -> [BTreeMap<String, Value>; 2] {
    let dist = repository().join("dist");
    let of = |format: &str| {
        let ending = format!("-linux-{}.{format}.json", architecture());
        let mut found = fs::read_dir(&dist).unwrap().map(|entry| entry.unwrap().path());
        found
            .find(|path| path.to_str().unwrap().ends_with(&ending))
            .unwrap_or_else(|| panic!("dist has no *{ending}"))
    };
    let files = [of("spdx"), of("cdx")];
    let python = env::var_os("IRSA_ANYWHERE_VALIDATORS").unwrap();
    let output = Command::new(python)
        .arg(repository().join("tests/python/sbom.py"))
        .args(&files)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success());
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    files.map(|file| {
        let answer = &answers[file.to_str().unwrap()];
        assert_eq!(answer["problems"], Value::Array(Vec::new()), "{}", file.display());
        let packages = answer["packages"].as_object().unwrap().clone();
        packages.into_iter().collect()
    })
}

#[test]
fn both_forms_are_valid_and_say_the_same_of_what_is_in_it() {
    let [spdx, cyclonedx] = listed();
    assert_eq!(spdx, cyclonedx);
    println!("{} packages", spdx.len());

    for program in PROGRAMS {
        let sum = Sha256::digest(fs::read(root().join(program)).unwrap());
        let sum = format!("{sum:x}");
        assert_eq!(spdx[program]["sha256"], sum, "{program}");
    }
    let names: BTreeSet<&str> = spdx.values().filter_map(|package| package["name"].as_str()).collect();
    for inside in [
        "ring",
        "rustls",
        "kube-client",
        "aws-sdk-iam",
        "irsa-core",
        "rust-std",
        "musl",
        "certifi",
    ] {
        assert!(names.contains(inside), "{inside} is missing");
    }
    // Of tests, of build scripts, of macros, of another system.
    for outside in [
        "proptest",
        "mlua",
        "irsa-testkit",
        "cc",
        "syn",
        "serde_derive",
        "windows-sys",
        "schannel",
    ] {
        assert!(!names.contains(outside), "{outside} is not in it");
    }
}

#[test]
fn every_crate_that_a_program_names_is_listed_in_the_version_that_it_names() {
    let [spdx, _] = listed();
    let known: BTreeSet<String> = spdx
        .values()
        .map(|package| {
            format!(
                "{}-{}",
                package["name"].as_str().unwrap(),
                package["version"].as_str().unwrap()
            )
        })
        .collect();
    let mut named = BTreeSet::new();
    for program in PROGRAMS {
        // Where a panic may come from is compiled in, with the name of its file.
        let program = fs::read(root().join(program)).unwrap();
        let text = String::from_utf8_lossy(&program);
        named.extend(text.split("/crates/").skip(1).filter_map(|rest| {
            let (name, _) = rest.split_once('/')?;
            let version = name.rsplit_once('-')?.1;
            (version.starts_with(|first: char| first.is_ascii_digit()) && name.len() < 80).then(|| name.to_owned())
        }));
    }
    assert!(named.len() > 30, "the programs name hardly any crate: {named:?}");
    let unlisted: Vec<&String> = named.difference(&known).collect();
    assert!(unlisted.is_empty(), "{unlisted:?}");
}
