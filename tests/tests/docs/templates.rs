//! The forms for issues, which nothing else reads before somebody needs one.

use std::{collections::BTreeSet, fs};

use irsa_tests::world::repository;
use serde_json::Value;

use super::pages::read;

const FORMS: &str = ".github/ISSUE_TEMPLATE";

/// The pages and directories of `docs/` that a text names.
fn named(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| c.is_whitespace() || ['`', '(', ')', '"', ',', ':'].contains(&c));
    words
        .filter(|word| word.starts_with("docs/"))
        .map(|word| word.trim_end_matches('.'))
        .collect()
}

#[test]
fn every_form_is_one_that_github_takes_and_names_pages_that_exist() {
    let mut forms = 0;
    for entry in fs::read_dir(repository().join(FORMS)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let text = read(&format!("{FORMS}/{name}"));
        let form: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        if name == "config.yml" {
            assert_eq!(form["blank_issues_enabled"], false);
            continue;
        }
        forms += 1;
        for key in ["name", "description"] {
            assert!(form[key].as_str().is_some_and(|text| text.len() > 10), "{name}: {key}");
        }
        let mut ids = BTreeSet::new();
        for part in form["body"].as_array().unwrap() {
            let kind = part["type"].as_str().unwrap();
            let known = ["markdown", "textarea", "input", "dropdown", "checkboxes"];
            assert!(known.contains(&kind), "{name}: {kind}");
            let attributes = &part["attributes"];
            if kind == "markdown" {
                assert!(attributes["value"].is_string(), "{name}");
                continue;
            }
            assert!(attributes["label"].is_string(), "{name}: {part}");
            assert!(ids.insert(part["id"].as_str().unwrap()), "{name}: twice: {part}");
            assert_eq!(
                attributes["options"].is_array(),
                ["dropdown", "checkboxes"].contains(&kind),
                "{name}: {part}"
            );
        }
        for page in named(&text) {
            assert!(repository().join(page).exists(), "{name}: there is no {page}");
        }
    }
    assert_eq!(forms, 3);
}
