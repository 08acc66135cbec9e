//! Label selectors, with Kubernetes' meaning but for one: what selects nothing lets nobody in, where Kubernetes lets in all.

use std::collections::BTreeMap;

/// Labels of a namespace.
pub type Labels = BTreeMap<String, String>;

/// A label selector: everything in it must hold, and an empty one holds for nothing, as everything absent is refused. The
/// CRD refuses an empty one; one that was stored under an older CRD is still there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct LabelSelector {
    /// Labels that must be there with these values.
    pub match_labels: Labels,
    /// Further requirements.
    pub match_expressions: Vec<Requirement>,
}

/// One requirement on one label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// What must hold.
    pub operator: Operator,
    /// Values to compare with; none for `Exists` and `DoesNotExist`.
    pub values: Vec<String>,
}

/// What a requirement asks of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// Its value is one of the values.
    In,
    /// Its value is none of the values, or it is absent.
    NotIn,
    /// It is there.
    Exists,
    /// It is absent.
    DoesNotExist,
    /// An operator that Kubernetes does not know: never holds, so that a mistake lets nobody in.
    Unknown,
}

impl Operator {
    /// Reads the Kubernetes API's string.
    pub fn parse(text: &str) -> Self {
        match text {
            "In" => Self::In,
            "NotIn" => Self::NotIn,
            "Exists" => Self::Exists,
            "DoesNotExist" => Self::DoesNotExist,
            _ => Self::Unknown,
        }
    }
}

impl LabelSelector {
    /// Whether `labels` meet every requirement.
    pub fn matches(&self, labels: &Labels) -> bool {
        let selects = !self.match_labels.is_empty() || !self.match_expressions.is_empty();
        selects
            && self
                .match_labels
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
            && self
                .match_expressions
                .iter()
                .all(|requirement| requirement.holds(labels))
    }
}

impl Requirement {
    fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        let listed = value.is_some_and(|value| self.values.contains(value));
        match self.operator {
            Operator::In => listed,
            Operator::NotIn => !listed && !self.values.is_empty(),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn holds(operator: &str, values: &[&str], on: &[(&str, &str)]) -> bool {
        let requirement = Requirement {
            key: "team".to_owned(),
            operator: Operator::parse(operator),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        LabelSelector {
            match_labels: Labels::new(),
            match_expressions: vec![requirement],
        }
        .matches(&labels(on))
    }

    #[test]
    fn operators_mean_what_kubernetes_says() {
        for (operator, values, with_a, with_b, without) in [
            ("In", &["a", "c"][..], true, false, false),
            ("NotIn", &["a", "c"][..], false, true, true),
            ("Exists", &[][..], true, true, false),
            ("DoesNotExist", &[][..], false, false, true),
            ("Gt", &["a"][..], false, false, false),
            ("In", &[][..], false, false, false),
            ("NotIn", &[][..], false, false, false),
        ] {
            assert_eq!(holds(operator, values, &[("team", "a")]), with_a, "{operator} on a");
            assert_eq!(holds(operator, values, &[("team", "b")]), with_b, "{operator} on b");
            assert_eq!(
                holds(operator, values, &[("other", "a")]),
                without,
                "{operator} on none"
            );
        }
    }

    #[test]
    fn labels_and_expressions_must_all_hold() {
        let selector = LabelSelector {
            match_labels: labels(&[("irsa", "yes"), ("env", "prod")]),
            match_expressions: vec![Requirement {
                key: "blocked".to_owned(),
                operator: Operator::DoesNotExist,
                values: Vec::new(),
            }],
        };
        assert!(selector.matches(&labels(&[("irsa", "yes"), ("env", "prod"), ("x", "y")])));
        assert!(!selector.matches(&labels(&[("irsa", "yes")])));
        assert!(!selector.matches(&labels(&[("irsa", "yes"), ("env", "test")])));
        assert!(!selector.matches(&labels(&[("irsa", "yes"), ("env", "prod"), ("blocked", "")])));
    }

    /// Where the CRD is an old one, nothing stands before it: `selector: {}` must not let everybody in.
    #[test]
    fn one_that_selects_nothing_lets_nobody_in() {
        for on in [&[][..], &[("team", "a")][..]] {
            assert!(!LabelSelector::default().matches(&labels(on)));
        }
    }
}
