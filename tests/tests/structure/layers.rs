//! The order of the steps in `crates/pipeline`, and what none of them may have.

use super::{circles::Graph, for_each_source, source::Source};

/// What each file of the crate is, in the order in which they may know each other: one knows what stands before it, or
/// beside it. Of the two kinds neither knows the other.
const ORDER: &[&[&str]] = &[
    &["object", "permit", "report", "conditions"],
    &["step_error", "stage"],
    &["aws_errors", "kube_errors"],
    &["spec/", "evidence"],
    &["binding/object", "federation/object"],
    &["binding/aws_errors", "federation/aws_errors", "federation/s3_refusals"],
    &["binding/observe/", "federation/observe/"],
    &["binding/validate/", "federation/validate/"],
    &[
        "binding/plan/",
        "federation/plan",
        "federation/keys",
        "federation/tampering",
    ],
    &["binding/execute/", "federation/execute/"],
    &["binding/verify/", "federation/verify", "federation/publish/"],
    &["binding/conclude", "federation/conclude", "federation/roles"],
];

fn rank(file: &str) -> Option<usize> {
    let name = file.trim_end_matches(".rs");
    let is_of = |place: &&str| match place.strip_suffix('/') {
        Some(folder) => name.starts_with(place) || name == folder,
        None => name == *place,
    };
    ORDER.iter().position(|places| places.iter().any(is_of))
}

fn kind(file: &str) -> Option<&str> {
    let (folder, _) = file.split_once('/')?;
    ["binding", "federation"].into_iter().find(|kind| *kind == folder)
}

#[test]
fn a_step_knows_only_those_before_it_and_no_kind_the_other() {
    let graph = Graph::of(Source::of_crate("pipeline"));
    let mut arrows = 0;
    for (from, to, line) in graph.named_arrows() {
        arrows += 1;
        let places = (rank(from), rank(to));
        let (Some(one), Some(other)) = places else {
            panic!("{from} or {to} has no place in ORDER: {places:?}");
        };
        assert!(other <= one, "{from} knows {to}, which comes after it: {line}");
        let kinds = kind(from).zip(kind(to));
        assert!(
            kinds.is_none_or(|(one, other)| one == other),
            "{from} knows {to}, of the other kind: {line}"
        );
    }
    assert!(arrows > 50, "the arrows of the crate are not seen any more");
}

#[test]
fn the_steps_have_no_state_no_watch_and_no_clock() {
    for_each_source("crates/pipeline/src", &mut |path, text| {
        let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in [
            "kube::runtime",
            "reflector",
            "Mutex",
            "RwLock",
            "OnceLock",
            "OnceCell",
            "Atomic",
            "Instant::now",
            "Timestamp::now",
            "SystemTime",
            "tokio::time::sleep",
            "tokio::spawn",
            "prometheus",
            "Lease",
        ] {
            assert!(!shipped.contains(word), "{}: {word}", path.display());
        }
    });
}
