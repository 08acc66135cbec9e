//! Precedence between bindings that want the same role name, ServiceAccount or place under a quota: the older one wins.

use jiff::Timestamp;

/// A binding's place in the queue for a role name, a ServiceAccount or a place under a quota.
///
/// Ordered by age; two made in the same second by namespace and name, so that every pass of either binding finds the
/// same winner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Precedence {
    /// `metadata.creationTimestamp`.
    pub created: Timestamp,
    /// The binding's namespace.
    pub namespace: String,
    /// The binding's name.
    pub name: String,
}

impl Precedence {
    /// The oldest of `others` that goes before this claim, if any does.
    pub fn loses_to<'a>(&self, others: impl IntoIterator<Item = &'a Self>) -> Option<&'a Self> {
        others.into_iter().filter(|other| *other < self).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(second: i64, namespace: &str, name: &str) -> Precedence {
        let created = Timestamp::from_second(second).unwrap();
        Precedence {
            created,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn the_oldest_wins_and_equal_ages_go_by_name() {
        let all = [
            claim(2, "a", "x"),
            claim(1, "b", "y"),
            claim(1, "b", "x"),
            claim(1, "c", "a"),
        ];
        assert_eq!(all[0].loses_to(&all), Some(&all[2]));
        assert_eq!(all[1].loses_to(&all), Some(&all[2]));
        assert_eq!(all[2].loses_to(&all), None);
        assert_eq!(all[3].loses_to(&all[3..]), None);
    }
}
