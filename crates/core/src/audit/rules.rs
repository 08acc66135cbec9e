//! What a federation lets tenants ask for, as far as it is much.

use super::{
    finding::{AuditFinding, Severity},
    input::AuditedFederation,
    power,
};
use crate::{
    admission::{RoleNames, ServedNamespaces},
    naming::{PolicyArn, partition_of},
    text::shown,
};

/// What is wide of a federation's guard-rails.
pub(super) fn findings(federation: &AuditedFederation) -> Vec<AuditFinding> {
    let rules = &federation.guardrails;
    let finding = |severity, kind, message: String, fix: &str| AuditFinding {
        severity,
        about: format!("federation {}", federation.name),
        kind,
        message,
        fix: fix.to_owned(),
    };
    let mut found = Vec::new();
    if rules.allowed_namespaces == ServedNamespaces::None {
        return found;
    }
    let boundary = rules.permissions_boundary.as_deref();
    let partition = partition_of(&federation.provider).unwrap_or("aws");
    for (arn, severity) in power::administrators(partition) {
        let policy = PolicyArn::observed(arn.as_str());
        if !rules
            .allowed_managed_policies
            .iter()
            .any(|pattern| pattern.matches(&policy))
        {
            continue;
        }
        let (severity, within) = match boundary {
            Some(boundary) => (
                severity.within_boundary(),
                format!(" within the boundary {}", shown(boundary)),
            ),
            None => (severity, String::new()),
        };
        found.push(finding(
            severity,
            "administrator-allowed",
            format!("A binding may ask for {arn}{within}."),
            "Name the policies that tenants need in bindings.allowedManagedPolicies.",
        ));
    }
    if boundary.is_none() && !rules.allowed_managed_policies.is_empty() {
        found.push(finding(
            Severity::Low,
            "no-boundary",
            "Its roles have no permissions boundary: what the allowed policies say is what they may, whoever changes those."
                .to_owned(),
            "Set bindings.permissionsBoundary.",
        ));
    }
    if rules.allowed_namespaces == ServedNamespaces::All {
        found.push(finding(
            Severity::Low,
            "all-namespaces",
            "Every namespace may have roles, those that are made tomorrow too.".to_owned(),
            "Select namespaces by a label that only administrators set: bindings.allowedNamespaces.",
        ));
    }
    if rules.role_names == RoleNames::Any {
        found.push(finding(
            Severity::Low,
            "any-role-name",
            "A binding may give its role any name, so names say nothing of whose a role is.".to_owned(),
            "Set bindings.roleNames: Prefixed, where nobody relies on other names.",
        ));
    }
    found
}
