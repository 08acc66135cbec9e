//! What is too wide of who gets into a role.

use super::{
    access::{Reach, RoleAccess, WorkloadAccess},
    finding::{AuditFinding, Severity},
};
use crate::text::{counted, listed, shown};

/// Names that a message shows before it says "and more".
const NAMED: usize = 5;

impl RoleAccess {
    /// What is too wide of it.
    pub(super) fn findings(&self) -> Vec<AuditFinding> {
        let finding = |severity, kind, message: String, fix: &str| AuditFinding {
            severity,
            about: self.arn.clone(),
            kind,
            message,
            fix: fix.to_owned(),
        };
        let perhaps = if self.on_condition {
            " A condition on something else may keep some of them out; only AWS can tell."
        } else {
            ""
        };
        let mut found = Vec::new();
        match &self.reach {
            Reach::Everybody => found.push(finding(
                if self.on_condition {
                    Severity::Medium
                } else {
                    Severity::High
                },
                "every-service-account",
                format!("Every ServiceAccount of the cluster may take it, those that are made tomorrow too.{perhaps}"),
                "Pin the provider's sub by StringEquals in its trust policy.",
            )),
            Reach::Patterns(patterns) => found.push(finding(
                if self.on_condition {
                    Severity::Medium
                } else {
                    Severity::High
                },
                "pattern",
                format!(
                    "Whoever makes a ServiceAccount that fits {} may take it.{perhaps}",
                    listed(patterns.iter().map(|pattern| shown(pattern)), NAMED)
                ),
                "Name each ServiceAccount by StringEquals on the provider's sub.",
            )),
            Reach::Named | Reach::Unseen => {}
        }
        let open = self.reach != Reach::Named && self.reach != Reach::Unseen;
        let strangers: Vec<&WorkloadAccess> = self.workloads.iter().filter(|workload| !workload.bound).collect();
        if !self.bindings.is_empty() && !strangers.is_empty() && !open {
            found.push(finding(
                Severity::Medium,
                "not-bound",
                format!(
                    "ServiceAccounts may take it that no binding of it names: {}.",
                    names(&strangers)
                ),
                "Take them out of its trust policy, or bind them. The operator does the former for a role of its own.",
            ));
        }
        if self.bindings.is_empty() {
            let whom = match (&self.reach, self.workloads.is_empty()) {
                (Reach::Named, false) => format!(": {}", names(&self.workloads.iter().collect::<Vec<_>>())),
                _ => String::new(),
            };
            found.push(finding(
                Severity::Low,
                "no-binding",
                format!("No binding stands for it, and ServiceAccounts of this cluster may take it{whom}."),
                "Bind it (existingRole, or kubectl irsa import), or take this cluster's provider out of its trust policy.",
            ));
        }
        let missing: Vec<&WorkloadAccess> = self
            .workloads
            .iter()
            .filter(|workload| workload.exists == Some(false))
            .collect();
        if !missing.is_empty() {
            found.push(finding(
                Severity::Low,
                "missing-account",
                format!(
                    "{} may take it that {} not there: whoever may create {} has the role: {}.",
                    counted(missing.len(), "ServiceAccount", "ServiceAccounts"),
                    if missing.len() == 1 { "is" } else { "are" },
                    if missing.len() == 1 { "it" } else { "them" },
                    names(&missing)
                ),
                "Create them, or take them out of the binding.",
            ));
        }
        if !self.other_audiences.is_empty() {
            let audiences = self.other_audiences.iter().map(|audience| shown(audience));
            found.push(finding(
                Severity::Medium,
                "other-audience",
                format!(
                    "It takes tokens that are meant for somebody else: {}.",
                    listed(audiences, NAMED)
                ),
                "Pin the provider's aud by StringEquals in its trust policy.",
            ));
        }
        if !self.other_principals.is_empty() {
            let others = self.other_principals.iter().map(|principal| shown(principal));
            found.push(finding(
                Severity::Low,
                "other-principals",
                format!("Others than this cluster may take it, too: {}.", listed(others, NAMED)),
                "Let a role serve one purpose, where those are not meant to have what its pods have.",
            ));
        }
        found
    }
}

fn names(workloads: &[&WorkloadAccess]) -> String {
    let named = workloads
        .iter()
        .map(|workload| format!("{}/{}", shown(&workload.namespace), shown(&workload.name)));
    listed(named, NAMED)
}
