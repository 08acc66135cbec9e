//! `docs/operations.md` lists every event, and `docs/metrics.md` those that a metric counts.

use std::collections::BTreeSet;

use irsa_core::vocabulary::EventReason;

use super::pages::{read, sections};

/// The variants of `EventReason`, as the source has them.
fn reasons() -> BTreeSet<String> {
    let source = read("crates/core/src/vocabulary/reasons.rs");
    let (_, behind) = source.split_once("pub enum EventReason {").unwrap();
    let (variants, _) = behind.split_once("\n}").unwrap();
    let names = variants.lines().filter_map(|line| line.trim().strip_suffix(','));
    let names = names.filter(|name| name.chars().all(char::is_alphanumeric));
    names.map(str::to_owned).collect()
}

#[test]
fn every_event_is_listed_with_its_type_its_object_and_its_occasion() {
    let sections = sections(&read("docs/operations.md"));
    let events = sections.iter().find(|section| section.heading == "Events").unwrap();
    let mut listed = BTreeSet::new();
    for row in events.text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [reason, kind, object, occasion] = cells.as_slice() else {
            panic!("not reason, type, object and occasion: {row}")
        };
        assert!(["Normal", "Warning", "Normal or Warning"].contains(kind), "{row}");
        let objects = ["federation", "binding", "federation, binding"];
        assert!(objects.contains(object) && occasion.len() > 10, "{row}");
        assert!(listed.insert(reason.trim_matches('`').to_owned()), "twice: {row}");
    }
    let reasons = reasons();
    assert!(reasons.len() > 15, "{} reasons were found", reasons.len());
    assert_eq!(listed, reasons);
}

#[test]
fn the_metric_of_signing_keys_has_exactly_the_events_of_keys_as_labels() {
    let page = read("docs/metrics.md");
    let row = page.lines().find(|line| line.starts_with("| `event` |")).unwrap();
    let named: BTreeSet<&str> = row.split('`').skip(3).step_by(2).collect();
    assert_eq!(named, BTreeSet::from(EventReason::OF_KEYS.map(EventReason::as_str)));
}
