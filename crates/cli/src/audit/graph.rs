//! The graph of an audit: namespaces, ServiceAccounts, roles and policies from left to right, each in its place.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{AuditReport, ShownRole, short};

/// Between two rows, and above the first, in pixels.
const ROW: usize = 24;
/// Where each column begins, in pixels.
const COLUMNS: [usize; 4] = [8, 228, 528, 908];
/// How wide a node of each column is.
const WIDTHS: [usize; 4] = [180, 260, 340, 284];

/// Something in the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// `0`: namespaces, `1`: ServiceAccounts, `2`: roles, `3`: policies.
    pub(super) column: usize,
    pub(super) label: String,
    /// All of it, for whoever points at it.
    pub(super) title: String,
    /// `high`, `medium`, `low` or nothing.
    pub(super) class: &'static str,
    row: usize,
}

impl Node {
    /// Left, top and width, in pixels.
    pub(super) fn place(&self) -> (usize, usize, usize) {
        let of = |places: [usize; 4]| places.get(self.column).copied().unwrap_or_default();
        (of(COLUMNS), ROW + self.row * ROW, of(WIDTHS))
    }
}

/// The whole graph; what connects nodes are their numbers.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: BTreeSet<(usize, usize)>,
}

impl Graph {
    /// Of a report.
    pub(super) fn of(report: &AuditReport) -> Self {
        let mut graph = Self::default();
        let mut known: BTreeMap<(usize, String), usize> = BTreeMap::new();
        for role in &report.roles {
            let own = graph.node(&mut known, 2, role.name(), &role.arn);
            if let Some(node) = graph.nodes.get_mut(own) {
                node.class = worst(report, role);
            }
            for (namespace, account) in entering(role) {
                let of = graph.node(&mut known, 0, &namespace, &format!("Namespace {namespace}"));
                let title = format!("ServiceAccount {namespace}/{account}");
                let account = graph.node(&mut known, 1, &account, &title);
                graph.edges.insert((of, account));
                graph.edges.insert((account, own));
            }
            for policy in role.policies.iter().flatten() {
                // The same name on two roles is two policies, where it is their own.
                let title = if policy.starts_with("inline ") {
                    format!("{policy} of {}", role.arn)
                } else {
                    policy.clone()
                };
                let policy = graph.node(&mut known, 3, short(policy), &title);
                graph.edges.insert((own, policy));
            }
        }
        graph.place();
        graph
    }

    /// How high it is, in pixels.
    pub(super) fn height(&self) -> usize {
        let rows = self.nodes.iter().map(|node| node.row + 1).max().unwrap_or(0);
        (rows + 2) * ROW
    }

    fn node(&mut self, known: &mut BTreeMap<(usize, String), usize>, column: usize, label: &str, title: &str) -> usize {
        let number = self.nodes.len();
        *known.entry((column, title.to_owned())).or_insert_with(|| {
            self.nodes.push(Node {
                column,
                label: label.to_owned(),
                title: title.to_owned(),
                class: "",
                row: 0,
            });
            number
        })
    }

    /// ServiceAccounts by namespace and name; each other column in the order of what it hangs on, so that few lines cross.
    fn place(&mut self) {
        let mut accounts: Vec<usize> = self.of_column(1);
        accounts.sort_by_key(|number| self.nodes.get(*number).map(|node| node.title.clone()));
        self.set_rows(&accounts);
        for (column, by_target) in [(0, true), (2, false), (3, false)] {
            let rows = self.mean_rows(by_target);
            let mut numbers = self.of_column(column);
            numbers.sort_by_key(|number| (rows.get(number).copied().unwrap_or_default(), *number));
            self.set_rows(&numbers);
        }
    }

    fn of_column(&self, column: usize) -> Vec<usize> {
        let of = self.nodes.iter().enumerate().filter(|(_, node)| node.column == column);
        of.map(|(number, _)| number).collect()
    }

    fn set_rows(&mut self, numbers: &[usize]) {
        for (row, number) in numbers.iter().enumerate() {
            if let Some(node) = self.nodes.get_mut(*number) {
                node.row = row;
            }
        }
    }

    /// A thousand times the mean row of what each node is connected with, on its one side or the other.
    fn mean_rows(&self, by_target: bool) -> BTreeMap<usize, usize> {
        let mut sums: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for (from, to) in &self.edges {
            let (own, other) = if by_target { (from, to) } else { (to, from) };
            let (sum, count) = sums.entry(*own).or_default();
            *sum += self.nodes.get(*other).map_or(0, |node| node.row);
            *count += 1;
        }
        let mean = |(sum, count): (usize, usize)| (sum * 1000).checked_div(count).unwrap_or_default();
        sums.into_iter().map(|(number, sum)| (number, mean(sum))).collect()
    }
}

/// Namespace and name of each that gets in; a crowd is of no namespace.
fn entering(role: &ShownRole) -> Vec<(String, String)> {
    let crowd = role.crowd().into_iter().map(|whom| ("any namespace".to_owned(), whom));
    let accounts = role.service_accounts.iter();
    crowd
        .chain(accounts.map(|account| (account.namespace.clone(), account.name.clone())))
        .collect()
}

/// The worst finding of a role; findings are sorted.
fn worst(report: &AuditReport, role: &ShownRole) -> &'static str {
    let of = report.findings.iter().find(|finding| finding.about == role.arn);
    match of.map(|finding| finding.severity) {
        Some("High") => "high",
        Some("Medium") => "medium",
        Some(_) => "low",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_nodes_are_in_one_place() {
        let report = super::super::page::tests::report();
        let graph = Graph::of(&report);
        let mut places: Vec<_> = graph.nodes.iter().map(Node::place).collect();
        let count = places.len();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), count);
        assert!(
            graph
                .edges
                .iter()
                .all(|(from, to)| graph.nodes[*from].column + 1 == graph.nodes[*to].column)
        );
        let labels = |column| {
            let of = graph.nodes.iter().filter(|node| node.column == column);
            of.map(|node| (node.label.as_str(), node.class)).collect::<Vec<_>>()
        };
        assert_eq!(labels(0), [("shop", ""), ("any namespace", "")]);
        assert_eq!(labels(2), [("app", ""), ("open", "high")]);
    }
}
