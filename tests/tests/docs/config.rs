//! How `config/` and `deploy/` are written.

use std::{fs, path::PathBuf};

use irsa_tests::world::repository;

/// Kustomize adds an empty line to a folded scalar that has a line deeper than the others, so that what is applied with `-k` is
/// another spec than what is applied with `-f`, and two appliers fight over it.
#[test]
fn no_text_is_folded_because_kustomize_reads_that_otherwise_than_kubectl() {
    let mut left: Vec<PathBuf> = ["config", "deploy"]
        .map(|directory| repository().join(directory))
        .to_vec();
    let mut read = 0;
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            read += 1;
            let text = fs::read_to_string(&path).unwrap();
            let folded = text.lines().position(|line| {
                let line = line.trim_end();
                [">", ">-", ">+"].iter().any(|mark| line.ends_with(&format!(" {mark}")))
            });
            let line = folded.map(|line| line + 1);
            assert!(
                line.is_none(),
                "{}: line {line:?}: write | instead of >",
                path.display()
            );
        }
    }
    assert!(read > 15, "{read} files were read");
}
