//! Documents and the Makefile name files of the source; none of them may have moved away.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use irsa_tests::world::repository;

fn files_under(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_under(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// Paths of the Rust files in code spans.
fn named(text: &str) -> BTreeSet<&str> {
    let spans = text.split('`').skip(1).step_by(2);
    let is_path = |word: &&str| is_rust(Path::new(word)) && !word.contains([' ', '*', '<']);
    spans.filter(is_path).collect()
}

#[test]
fn every_source_file_that_a_document_names_is_there() {
    let root = repository();
    let (mut sources, mut documents) = (Vec::new(), vec![root.join("README.md")]);
    for directory in ["crates", "tests"] {
        files_under(&root.join(directory), &mut sources);
    }
    files_under(&root.join("docs"), &mut documents);
    documents.retain(|document| document.extension().is_some_and(|extension| extension == "md"));

    let (mut names, mut missing) = (0, Vec::new());
    for document in &documents {
        let text = fs::read_to_string(document).unwrap();
        for name in named(&text) {
            names += 1;
            if !sources.iter().any(|source| source.ends_with(name)) {
                missing.push(format!("{}: {name}", document.display()));
            }
        }
    }
    assert!(names > 20, "the names in the documents are not seen any more");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_place_that_the_makefile_has_mutated_is_there() {
    let root = repository();
    let makefile = fs::read_to_string(root.join("Makefile")).unwrap();
    let mut places = 0;
    for place in makefile
        .split("--file ")
        .skip(1)
        .filter_map(|rest| rest.split_whitespace().next())
    {
        let place = place.trim_matches('\'').trim_end_matches("/**");
        let place = place.replace("$(CONTROLLER)", "crates/controller/src");
        let place = place.replace("$(PIPELINE)", "crates/pipeline/src");
        assert!(root.join(&place).exists(), "{place}");
        places += 1;
    }
    assert!(places > 10, "the places are not seen any more");
}
