//! What an audit found, as it is shown.

use std::fmt::Write as _;

use irsa_core::{
    admission::{RoleNames, ServedNamespaces},
    audit::{Audit, AuditFinding, AuditedFederation, BoundTo, Reach, RoleAccess, Severity, WorkloadAccess},
    text::{listed, plain},
};
use jiff::Timestamp;
use serde::Serialize;

use super::gather::Gathered;
use crate::{
    exit,
    output::{Paint, columns, wrapped},
};

/// ServiceAccounts of a role that a table shows.
const SHOWN_ACCOUNTS: usize = 20;

/// What an audit found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditReport {
    /// When it was made.
    pub(super) at: String,
    /// What is too wide, the widest first.
    pub(super) findings: Vec<ShownFinding>,
    /// The roles that somebody of the cluster gets into.
    pub(super) roles: Vec<ShownRole>,
    /// What tenants may ask for.
    pub(super) federations: Vec<ShownRules>,
    /// What could not be seen, and why.
    pub(super) unseen: Vec<String>,
    #[serde(skip)]
    is_too_wide: bool,
}

/// Something that is too wide.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownFinding {
    pub(super) severity: &'static str,
    pub(super) kind: &'static str,
    pub(super) about: String,
    pub(super) message: String,
    pub(super) fix: String,
}

/// A role, and who gets into it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownRole {
    pub(super) arn: String,
    /// `Named`, `Patterns`, `Everybody` or `Unseen`.
    pub(super) reach: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) patterns: Vec<String>,
    /// Whether a condition on something else decides, which only AWS can judge.
    pub(super) on_condition: bool,
    /// `namespace/name` of the bindings that have it.
    pub(super) bindings: Vec<String>,
    pub(super) service_accounts: Vec<ShownAccount>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) other_audiences: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) other_principals: Vec<String>,
    /// Its managed policies by ARN, and `inline <name>`; nothing where they could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) policies: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) boundary: Option<String>,
}

/// A ServiceAccount that gets into a role.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownAccount {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Whether a binding of the role names it.
    pub(super) bound: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exists: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pods: Option<usize>,
}

/// What tenants may ask of a federation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownRules {
    pub(super) name: String,
    pub(super) issuer: String,
    pub(super) provider: String,
    pub(super) audiences: Vec<String>,
    /// `None`, `All` or `Selected`.
    pub(super) namespaces: &'static str,
    pub(super) managed_policies: Vec<String>,
    pub(super) inline_policies: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) boundary: Option<String>,
    /// `Prefixed` or `Any`.
    pub(super) role_names: &'static str,
    pub(super) max_session_seconds: u32,
    pub(super) max_roles_per_namespace: u32,
}

impl AuditReport {
    /// Of what was seen, and of what was judged.
    pub(super) fn of(gathered: &Gathered, audit: Audit, at: Timestamp) -> Self {
        Self {
            at: at.round(jiff::Unit::Second).unwrap_or(at).to_string(),
            is_too_wide: audit.is_too_wide(),
            findings: audit.findings.into_iter().map(ShownFinding::of).collect(),
            roles: audit.roles.into_iter().map(ShownRole::of).collect(),
            federations: gathered.input.federations.iter().map(ShownRules::of).collect(),
            unseen: gathered.unseen.iter().cloned().chain(audit.unread).collect(),
        }
    }

    /// What the command ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match (self.is_too_wide, self.unseen.is_empty()) {
            (true, _) => exit::CAUSE_FOUND,
            (false, false) => exit::NOT_PROVEN,
            (false, true) => exit::GOOD,
        }
    }

    /// For people.
    pub(crate) fn table(&self, paint: &Paint) -> String {
        let mut text = String::new();
        if self.findings.is_empty() {
            text.push_str("Nothing is too wide that was seen.\n");
        }
        for finding in &self.findings {
            let _ = writeln!(
                text,
                "{} {}  ({})",
                paint.severity(finding.severity),
                paint.bold(&plain(&finding.about)),
                finding.kind
            );
            text.push_str(&wrapped("  ", &plain(&finding.message)));
            text.push_str(&wrapped("  → ", &plain(&finding.fix)));
        }
        let _ = writeln!(text, "\n{}", paint.bold("Who can become which role"));
        text.push_str(&columns(
            &["ROLE", "SERVICEACCOUNT", "PODS", "BINDING", "POLICIES", "BOUNDARY"],
            self.roles.iter().flat_map(ShownRole::rows),
        ));
        let _ = writeln!(text, "\n{}", paint.bold("What tenants may ask for"));
        text.push_str(&columns(
            &[
                "FEDERATION",
                "NAMESPACES",
                "MANAGED POLICIES",
                "INLINE",
                "BOUNDARY",
                "ROLE NAMES",
                "ROLES",
            ],
            self.federations.iter().map(ShownRules::row),
        ));
        if !self.unseen.is_empty() {
            let _ = writeln!(text, "\n{}", paint.bold("Not seen"));
            for unseen in &self.unseen {
                text.push_str(&wrapped("? ", &plain(unseen)));
            }
        }
        text
    }
}

impl ShownFinding {
    fn of(finding: AuditFinding) -> Self {
        Self {
            severity: match finding.severity {
                Severity::High => "High",
                Severity::Medium => "Medium",
                Severity::Low => "Low",
            },
            kind: finding.kind,
            about: finding.about,
            message: finding.message,
            fix: finding.fix,
        }
    }
}

impl ShownRole {
    fn of(access: RoleAccess) -> Self {
        let (reach, patterns) = match access.reach {
            Reach::Named => ("Named", Vec::new()),
            Reach::Patterns(patterns) => ("Patterns", patterns),
            Reach::Everybody => ("Everybody", Vec::new()),
            Reach::Unseen => ("Unseen", Vec::new()),
        };
        let qualified = |bound: BoundTo| format!("{}/{}", bound.namespace, bound.name);
        let boundary = access.power.as_ref().and_then(|power| power.boundary.clone());
        let policies = access.power.map(|power| {
            let inline = power.inline.into_keys().map(|name| format!("inline {name}"));
            power.attached.into_iter().chain(inline).collect()
        });
        Self {
            arn: access.arn,
            reach,
            patterns,
            on_condition: access.on_condition,
            bindings: access.bindings.into_iter().map(qualified).collect(),
            service_accounts: access.workloads.into_iter().map(ShownAccount::of).collect(),
            other_audiences: access.other_audiences,
            other_principals: access.other_principals,
            policies,
            boundary,
        }
    }

    /// The last part of its ARN.
    pub(super) fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }

    /// Who gets in beside those that are there to be named.
    pub(super) fn crowd(&self) -> Vec<String> {
        match self.reach {
            "Everybody" => vec!["every ServiceAccount".to_owned()],
            _ => self
                .patterns
                .iter()
                .map(|pattern| format!("whoever fits {pattern}"))
                .collect(),
        }
    }

    /// One row for each ServiceAccount; what is the role's is in the first alone.
    fn rows(&self) -> Vec<Vec<String>> {
        let crowd = self.crowd().into_iter().map(|whom| (whom, String::new()));
        let accounts = self.service_accounts.iter().take(SHOWN_ACCOUNTS).map(|account| {
            let pods = account.pods.map_or_else(|| "?".to_owned(), |pods| pods.to_string());
            (account.in_words(), pods)
        });
        let left = self.service_accounts.len().saturating_sub(SHOWN_ACCOUNTS);
        let more = (left > 0).then(|| (format!("and {left} more"), String::new()));
        let policies = match &self.policies {
            Some(policies) => listed(policies.iter().map(|policy| short(policy)), 3),
            None => "?".to_owned(),
        };
        let boundary = self.boundary.as_deref().map(short).unwrap_or_default();
        let mut own = [
            self.name().to_owned(),
            self.bindings.join(","),
            policies,
            boundary.to_owned(),
        ];
        let whom = crowd.chain(accounts).chain(more);
        whom.map(|(whom, pods)| {
            let [role, binding, policies, boundary] = std::mem::take(&mut own);
            vec![role, whom, pods, binding, policies, boundary]
        })
        .collect()
    }
}

/// A policy without what all have in common.
pub(super) fn short(policy: &str) -> &str {
    policy.split_once(":policy/").map_or(policy, |(_, name)| name)
}

impl ShownAccount {
    fn of(access: WorkloadAccess) -> Self {
        Self {
            namespace: access.namespace,
            name: access.name,
            bound: access.bound,
            exists: access.exists,
            pods: access.pods,
        }
    }

    fn in_words(&self) -> String {
        let remark = match (self.exists, self.bound) {
            (Some(false), _) => " (not there)",
            (_, false) => " (not bound)",
            _ => "",
        };
        format!("{}/{}{remark}", self.namespace, self.name)
    }
}

impl ShownRules {
    fn of(federation: &AuditedFederation) -> Self {
        let rules = &federation.guardrails;
        Self {
            name: federation.name.clone(),
            issuer: format!("https://{}", federation.issuer),
            provider: federation.provider.clone(),
            audiences: federation.client_ids.clone(),
            namespaces: match rules.allowed_namespaces {
                ServedNamespaces::None => "None",
                ServedNamespaces::All => "All",
                ServedNamespaces::Selected(_) => "Selected",
            },
            managed_policies: rules.allowed_managed_policies.iter().map(ToString::to_string).collect(),
            inline_policies: rules.inline_policies,
            boundary: rules.permissions_boundary.clone(),
            role_names: match rules.role_names {
                RoleNames::Prefixed => "Prefixed",
                RoleNames::Any => "Any",
            },
            max_session_seconds: rules.max_session_seconds,
            max_roles_per_namespace: rules.max_roles_per_namespace,
        }
    }

    fn row(&self) -> Vec<String> {
        let policies = self.managed_policies.iter().map(|policy| short(policy));
        vec![
            self.name.clone(),
            self.namespaces.to_owned(),
            listed(policies, 4),
            if self.inline_policies { "Allow" } else { "Deny" }.to_owned(),
            self.boundary.as_deref().map(short).unwrap_or_default().to_owned(),
            self.role_names.to_owned(),
            format!("{} per namespace", self.max_roles_per_namespace),
        ]
    }
}
