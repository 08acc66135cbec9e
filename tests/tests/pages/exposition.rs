//! `/metrics` as it is served.

use std::collections::{BTreeMap, BTreeSet};

/// Names of metrics, and of each the labels that its samples have.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// What a `TYPE` line announces, and what has samples.
    names: BTreeSet<String>,
    labels: BTreeMap<String, BTreeSet<String>>,
}

impl Exposition {
    /// Adds what one endpoint serves.
    pub(crate) fn add(&mut self, text: &str) {
        for line in text.lines() {
            if let Some(announced) = line.strip_prefix("# TYPE ") {
                let (name, kind) = announced.split_once(' ').unwrap();
                // OpenMetrics announces counters and infos without their suffix, Prometheus's own format with it.
                let is_whole = ["_total", "_count", "_info"]
                    .iter()
                    .any(|suffix| name.ends_with(suffix));
                let suffix = match kind {
                    "counter" if !is_whole => "_total",
                    "info" if !is_whole => "_info",
                    _ => "",
                };
                self.names.insert(format!("{name}{suffix}"));
            } else if !line.is_empty() && !line.starts_with('#') {
                self.sample(line);
            }
        }
    }

    fn sample(&mut self, line: &str) {
        let end = line.find(['{', ' ']).unwrap();
        let (name, rest) = line.split_at(end);
        self.names.insert(name.to_owned());
        let labels = self.labels.entry(name.to_owned()).or_default();
        let Some(inside) = rest.strip_prefix('{') else { return };
        // A value may have a comma or a brace in it, but none of a label's name before an equals sign and a quote.
        let mut before = inside;
        while let Some((head, tail)) = before.split_once("=\"") {
            let name = head.rsplit([',', ' ']).next().unwrap();
            labels.insert(name.to_owned());
            before = after_value(tail);
        }
    }

    /// Whether there is such a metric.
    pub(crate) fn has(&self, metric: &str) -> bool {
        self.names.contains(metric)
    }

    /// The labels of its samples; `None` if there is none.
    pub(crate) fn labels(&self, metric: &str) -> Option<&BTreeSet<String>> {
        self.labels.get(metric)
    }
}

/// What follows the value of a label.
fn after_value(text: &str) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

#[test]
fn names_and_labels_are_read_from_what_is_served() {
    let mut exposition = Exposition::default();
    exposition.add(
        "# HELP a Some.\n# TYPE a counter\na_total{kind=\"x, y=\\\"z\",result=\"w\"} 3\na_total{kind=\"b\"} 1\n\
         # TYPE b info\n# TYPE c gauge\nc 4\n# TYPE d_count counter\nd_count{name=\"n\"} 1\n# EOF\n",
    );
    let labels = exposition.labels("a_total").unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), ["kind", "result"]);
    for name in ["b_info", "c", "d_count"] {
        assert!(exposition.has(name), "{name}");
    }
    for name in ["a", "b", "d_count_total", "e"] {
        assert!(!exposition.has(name), "{name}");
    }
    assert_eq!(exposition.labels("b_info"), None);
    assert!(exposition.labels("c").unwrap().is_empty());
}
