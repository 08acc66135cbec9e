//! `docs/guards.md` and `docs/promises.md`: each guard and each promise has a test, and the test exists.

use std::{collections::BTreeSet, fs, path::Path};

use irsa_tests::world::repository;

use super::pages::read;

/// Names of all test functions in the sources below a directory.
fn tests_below(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                tests_below(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(tests_in(&fs::read_to_string(path).unwrap()));
        }
    }
}

/// The functions that an attribute `#[test]`, `#[tokio::test…]` or the macro `proptest!` makes tests of.
fn tests_in(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim_start) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let name = line.trim_start_matches("async ").strip_prefix("fn ");
        if let (true, Some(name)) = (is_test, name) {
            found.extend(name.split('(').next().map(str::to_owned));
            is_test = false;
        }
    }
    found
}

/// The cells of the rows of all tables, but for their heads.
fn rows(page: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        line.trim_matches('|')
            .split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let lines: Vec<&str> = page.lines().collect();
    let is_rule = |line: &str| line.starts_with("|---");
    lines
        .iter()
        .enumerate()
        .filter(|(at, line)| line.starts_with("| ") && !lines.get(at + 1).is_some_and(|next| is_rule(next)))
        .map(|(_, line)| cells(line))
        .collect()
}

/// All tests of the workspace.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for directory in ["crates", "tests"] {
        tests_below(&repository().join(directory), &mut tests);
    }
    tests
}

#[test]
fn every_promise_that_is_listed_names_tests_that_exist() {
    let tests = tests();
    let rows = rows(&read("docs/promises.md"));
    assert!(rows.len() > 80, "{} promises are listed", rows.len());
    for row in rows {
        let [promise, named] = row.as_slice() else {
            panic!("not promise and tests: {row:?}")
        };
        let named: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{promise}: no test");
        for name in named {
            assert!(tests.contains(name), "{promise}: there is no test {name}");
        }
    }
}

#[test]
fn every_guard_that_is_listed_names_a_test_that_exists() {
    let tests = tests();
    let rows = rows(&read("docs/guards.md"));
    assert!(rows.len() > 40, "{} guards are listed", rows.len());
    for row in rows {
        let [guard, place, test] = row.as_slice() else {
            panic!("not guard, place and test: {row:?}")
        };
        let place = place.trim_matches('`');
        assert!(repository().join(place).exists(), "{guard}: there is no {place}");
        let named: Vec<&str> = test.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{guard}: no test");
        for name in named {
            assert!(tests.contains(name), "{guard}: there is no test {name}");
        }
    }
}
