//! Markdown, as far as it matters here.

use std::{collections::BTreeSet, fs};

use irsa_tests::{shell_blocks, world::repository};

/// A file of the repository, by its path from the root.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A section of a page: its heading and its text.
pub(crate) struct Section {
    pub(crate) heading: String,
    pub(crate) text: String,
}

/// The sections of the second level.
pub(crate) fn sections(page: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in outside_of_code(page) {
        if let Some(heading) = line.strip_prefix("## ") {
            sections.push(Section {
                heading: heading.trim().to_owned(),
                text: String::new(),
            });
        } else if let Some(section) = sections.last_mut() {
            section.text.push_str(line);
            section.text.push('\n');
        }
    }
    sections
}

/// What the headings of a page can be linked by, as GitHub makes it of them.
pub(crate) fn anchors(page: &str) -> BTreeSet<String> {
    let headings = outside_of_code(page).filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let text = line.trim_start_matches('#').trim().to_lowercase();
            let kept = text
                .chars()
                .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// The lines that are no code.
pub(crate) fn outside_of_code(page: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// All pages for people, by their path from the root.
pub(crate) fn pages() -> Vec<String> {
    shell_blocks::pages().unwrap()
}

#[test]
fn headings_become_the_anchors_that_github_makes() {
    let page = "# A key has leaked\n## `IfTagged`: who, when?\n```\n# no heading\n```\n";
    let expected = ["a-key-has-leaked", "iftagged-who-when"].map(str::to_owned);
    assert_eq!(anchors(page), BTreeSet::from(expected));
}
