//! The site has every page of `docs/`.

use std::collections::{BTreeMap, BTreeSet};

use irsa_tests::shell_blocks;

use super::pages::read;

/// The pages that SUMMARY.md lists, by their paths from the root, each as often as it is there.
fn listed() -> BTreeMap<String, usize> {
    let mut listed = BTreeMap::new();
    for line in read("docs/SUMMARY.md").lines() {
        let Some((_, link)) = line.split_once("](") else {
            continue;
        };
        let target = link.trim_end_matches(')');
        let path = target
            .strip_prefix("../")
            .map_or_else(|| format!("docs/{target}"), str::to_owned);
        *listed.entry(path).or_default() += 1;
    }
    listed
}

#[test]
fn every_page_is_in_the_site_once() {
    let listed = listed();
    let twice: Vec<_> = listed.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let mut pages: BTreeSet<String> = shell_blocks::pages().unwrap().into_iter().collect();
    assert!(pages.remove("docs/SUMMARY.md"));
    assert!(pages.len() > 40, "{} pages were found", pages.len());
    let listed: BTreeSet<String> = listed.into_keys().collect();
    let missing: Vec<_> = pages.difference(&listed).collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md lacks {missing:?}");
    let gone: Vec<_> = listed.difference(&pages).collect();
    assert!(gone.is_empty(), "there is no {gone:?}");
}

/// What `stage.py` does not know would lead to the repository instead.
#[test]
fn the_pages_outside_of_docs_are_those_that_the_site_has() {
    let script = read("hack/site/stage.py");
    let (_, table) = script.split_once("OUTSIDE = {\n").unwrap();
    let (table, _) = table.split_once("\n}").unwrap();
    let staged: BTreeSet<String> = table
        .lines()
        .map(|line| line.trim().split('"').nth(1).unwrap().to_owned())
        .collect();
    let outside = listed().into_keys().filter(|page| !page.starts_with("docs/"));
    assert_eq!(outside.collect::<BTreeSet<_>>(), staged);
}
