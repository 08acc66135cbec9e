//! The crates as they are: no circle among their modules, no two types of one name.
//!
//! `IRSA_STRUCTURE_CRATE=controller cargo test -p irsa-tests --test structure modules -- --nocapture` prints which file of
//! a crate leads to which other, and by which lines.

use std::{collections::BTreeMap, fmt::Write};

use super::{circles::Graph, source::Source};

const CRATES: [&str; 10] = [
    "api",
    "aws",
    "cli",
    "controller",
    "core",
    "operator",
    "pipeline",
    "process",
    "testkit",
    "webhook",
];

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
        for circle in graph.circles() {
            let _ = writeln!(wrong, "crates/{directory}/src: {}", graph.report(&circle));
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

#[test]
fn no_two_types_have_one_name() {
    // What stands in for AWS and Kubernetes uses their words: the operator's types are not to be confused with each other.
    let (double, shipped): (Vec<&str>, Vec<&str>) = CRATES.iter().partition(|directory| **directory == "testkit");
    let mut found = doubles(&shipped);
    found.extend(doubles(&double));
    assert!(found.is_empty(), "types of one name: {found:#?}");
}
