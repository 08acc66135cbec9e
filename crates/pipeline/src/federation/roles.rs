//! How the roles of a federation's bindings are checked, and which are left over: said in a condition, because whoever
//! sees it can change the operator's IAM policy.

use std::time::Duration;

use irsa_core::{
    inventory::{Method, Orphan},
    text::listed,
    vocabulary::ConditionType,
};

use crate::step_error::{Draft, StepError};

/// What the last inventory says of a federation's roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// How they are checked.
    pub method: Method,
    /// How many bindings there were to check.
    pub ours: usize,
    /// Roles without a binding.
    pub orphans: Vec<Orphan>,
}

/// So many left-over roles are named.
const NAMED: usize = 5;

/// Says what the last inventory found.
pub fn note<S>(findings: &Findings, interval: Duration, draft: &mut Draft<S>) {
    let aspect = ConditionType::RolesInventoried;
    let left = left_over(&findings.orphans);
    match findings.method.shortcoming(findings.ours, interval) {
        None => draft.holds(
            aspect,
            format!("All roles of its bindings are compared in full in each interval.{left}"),
        ),
        Some(shortcoming) => {
            let message = format!("{shortcoming}{left}");
            draft.note(&StepError::new(aspect, shortcoming.because.reason(), message));
        }
    }
}

fn left_over(orphans: &[Orphan]) -> String {
    if orphans.is_empty() {
        return String::new();
    }
    let named = orphans
        .iter()
        .map(|orphan| format!("{} of {}/{}", orphan.role, orphan.namespace, orphan.binding));
    let named = listed(named, NAMED);
    format!(" Roles that no binding stands for (docs/ownership.md): {named}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orphans(count: usize) -> Vec<Orphan> {
        let orphan = |number: usize| Orphan {
            namespace: "ns".to_owned(),
            binding: format!("b{number}"),
            role: format!("r{number}"),
        };
        (0..count).map(orphan).collect()
    }

    #[test]
    fn a_few_left_over_roles_are_named_and_the_rest_is_counted() {
        assert_eq!(left_over(&[]), "");
        assert!(left_over(&orphans(2)).ends_with(": r0 of ns/b0, r1 of ns/b1."));
        assert!(left_over(&orphans(7)).ends_with("r4 of ns/b4 and 2 more."));
    }
}
