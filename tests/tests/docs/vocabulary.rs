//! What the operator writes on things of others can be looked up: `docs/ownership.md` has every key of the vocabulary, but for the
//! field managers, which `docs/operations.md` has.

use super::pages::{read, sections};

/// Names and values of the constants that are one text.
fn constants(source: &str) -> Vec<(&str, &str)> {
    let lines = source.lines().filter_map(|line| line.strip_prefix("pub const "));
    let texts = lines.filter_map(|line| line.strip_suffix("\";")?.split_once(": &str = \""));
    texts.collect()
}

#[test]
fn every_key_that_others_see_can_be_looked_up() {
    let sections = sections(&read("docs/ownership.md"));
    let keys = sections
        .iter()
        .find(|section| section.heading == "All our keys")
        .unwrap();
    let page = [keys.text.as_str(), &read("docs/operations.md")].concat();
    let source = read("crates/core/src/vocabulary/names.rs");
    let is_key = |name: &str, value: &str| {
        let ours = ["irsa-anywhere", "IrsaAnywhere", "eks.amazonaws.com/"];
        name != "GROUP" && ours.iter().any(|part| value.contains(part))
    };
    let mut looked_up = 0;
    for (name, value) in constants(&source) {
        if !is_key(name, value) {
            continue;
        }
        looked_up += 1;
        // What something is appended to is shown with it.
        let shown = page.contains(&format!("`{value}`")) || page.contains(&format!("`{value}<"));
        assert!(shown, "docs/ownership.md lacks {value} ({name})");
    }
    assert!(looked_up > 30, "{looked_up} keys were looked up");
}
