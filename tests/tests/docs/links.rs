//! Links between pages.

use std::path::{Component, Path, PathBuf};

use irsa_tests::world::repository;

use super::pages::{anchors, outside_of_code, pages, read};

/// Targets of the links of a page.
fn links(page: &str) -> Vec<String> {
    let text: String = outside_of_code(page).flat_map(|line| [line, "\n"]).collect();
    let behind = text.split("](").skip(1);
    behind
        .filter_map(|rest| Some(rest.split_once(')')?.0.split_whitespace().next()?.to_owned()))
        .collect()
}

/// `docs/runbooks/../keys.md` as `docs/keys.md`.
fn resolved(directory: &Path, target: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for component in directory.join(target).components() {
        match component {
            Component::ParentDir => assert!(path.pop(), "{target} leads out of the repository"),
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    path
}

/// What is wrong with a link of a page, if anything.
fn broken(page: &str, link: &str) -> Option<String> {
    if link.starts_with("https://") || link.starts_with("http://") {
        return None;
    }
    let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
    let directory = Path::new(page).parent().unwrap();
    let path = if target.is_empty() {
        PathBuf::from(page)
    } else {
        resolved(directory, target)
    };
    if !repository().join(&path).exists() {
        return Some(format!("{page}: there is no {}", path.display()));
    }
    let known = anchor.is_empty() || anchors(&read(path.to_str().unwrap())).contains(anchor);
    (!known).then(|| format!("{page}: {} has no heading #{anchor}", path.display()))
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut problems = Vec::new();
    let mut checked = 0;
    for page in pages() {
        let links = links(&read(&page));
        checked += links.len();
        problems.extend(links.iter().filter_map(|link| broken(&page, link)));
    }
    assert!(checked > 50, "{checked} links were found");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_architecture_names_files_that_exist() {
    let page = read("docs/architecture.md");
    let named = page.split('`').skip(1).step_by(2);
    let places: Vec<&str> = named
        .filter(|name| name.starts_with("crates/") || name.starts_with("tests/"))
        .collect();
    assert!(places.len() > 40, "{} files were found", places.len());
    for place in places {
        assert!(repository().join(place).exists(), "there is no {place}");
    }
}

#[test]
fn a_link_to_nowhere_is_found() {
    let page = "docs/runbooks/README.md";
    assert_eq!(broken(page, "../keys.md#rotate"), None);
    for link in ["../nowhere.md", "../keys.md#nowhere", "#nowhere"] {
        assert!(broken(page, link).is_some(), "{link}");
    }
    let text = "see [a](b.md) and [c\nd](e.md#f)\n```\n[no](link.md)\n```\n";
    assert_eq!(links(text), ["b.md", "e.md#f"]);
}
