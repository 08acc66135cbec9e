//! The crates as they are: no circle among their modules, no two types of one name.
//!
//! `IRSA_STRUCTURE_CRATE=controller cargo test -p irsa-tests --test structure modules -- --nocapture` prints which file of
//! a crate leads to which other, and by which lines.

use std::{collections::BTreeMap, fmt::Write};

use super::{circles::Graph, source::Source};

const CRATES: [&str; 6] = ["api", "aws", "controller", "core", "operator", "testkit"];

/// Circles that are there still: how many files each has. The list may only become shorter.
const CIRCLES: &[(&str, &[usize])] = &[("controller", &[42, 7, 5])];

#[test]
fn no_module_knows_one_that_knows_it() {
    let asked = std::env::var("IRSA_STRUCTURE_CRATE").unwrap_or_default();
    let mut wrong = String::new();
    for directory in CRATES {
        let graph = Graph::of(Source::of_crate(directory));
        if asked == directory || asked == format!("irsa-{directory}") {
            println!(
                "crates/{directory}/src, arrows from file to file with the lines that make them:\n{}",
                graph.all()
            );
        }
        let known = CIRCLES.iter().find(|(known, _)| *known == directory);
        let known = known.map_or(&[][..], |(_, sizes)| sizes);
        let circles = graph.circles();
        let sizes: Vec<usize> = circles.iter().map(std::collections::BTreeSet::len).collect();
        if sizes != known {
            let _ = writeln!(
                wrong,
                "crates/{directory}/src has circles of {sizes:?} files, {known:?} are known (CIRCLES). Open what is new, \
                 take off the list what is gone:"
            );
            for circle in &circles {
                wrong += &graph.report(circle);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Where types of one name are defined, by name, as far as others than their own module can name them.
fn doubles(crates: &[&str]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for directory in crates {
        let source = Source::of_crate(directory);
        for definition in &source.definitions {
            if definition.is_type() && !definition.private {
                let file = &source.files[definition.file];
                let place = format!("crates/{directory}/src/{file}:{}", definition.line);
                found.entry(definition.name.clone()).or_default().push(place);
            }
        }
    }
    found.retain(|_, places| places.len() > 1);
    found
}

/// Names that several types have still. The list may only become shorter.
const DOUBLES: &[&str] = &["Answer", "Kind", "Stage"];

#[test]
fn no_two_types_have_one_name() {
    // What stands in for AWS and Kubernetes uses their words: the operator's types are not to be confused with each other.
    let (double, shipped): (Vec<&str>, Vec<&str>) = CRATES.iter().partition(|directory| **directory == "testkit");
    let mut found = doubles(&shipped);
    found.extend(doubles(&double));
    let unknown: Vec<_> = found
        .iter()
        .filter(|(name, _)| !DOUBLES.contains(&name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "types of one name: {unknown:#?}");
    let gone: Vec<_> = DOUBLES.iter().filter(|name| !found.contains_key(**name)).collect();
    assert!(
        gone.is_empty(),
        "one type alone is called so by now: take it off the list (DOUBLES): {gone:?}"
    );
}
