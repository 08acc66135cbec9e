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

/// A file that no module names is not compiled, and its tests pass by not being there.
#[test]
fn every_source_file_is_a_module_of_another() {
    let mut sources = Vec::new();
    for directory in ["crates", "tests"] {
        files_under(&repository().join(directory), &mut sources);
    }
    let mut modules = 0;
    for path in sources.iter().filter(|path| is_rust(path)) {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let directory = path.parent().unwrap();
        let (name, home) = match stem {
            "mod" => (
                directory.file_name().unwrap().to_str().unwrap(),
                directory.parent().unwrap(),
            ),
            name => (name, directory),
        };
        // What cargo itself finds: crates, programs, examples, suites.
        let is_root = ["lib", "main", "build"].contains(&stem)
            || ["bin", "examples"].iter().any(|kind| home.ends_with(kind))
            || (home.ends_with("tests") && home.parent().unwrap().join("Cargo.toml").exists());
        if is_root {
            continue;
        }
        let parents = ["mod.rs", "main.rs", "lib.rs"].map(|file| home.join(file));
        let parents = parents.into_iter().chain([home.with_extension("rs")]);
        let names = format!("mod {name};");
        let is_named = |parent: PathBuf| {
            fs::read_to_string(parent).is_ok_and(|text| text.lines().any(|line| line.trim_end().ends_with(&names)))
        };
        assert!(
            parents.into_iter().any(is_named),
            "{} is no module of any other",
            path.display()
        );
        modules += 1;
    }
    assert!(modules > 300, "{modules} modules are seen");
}
