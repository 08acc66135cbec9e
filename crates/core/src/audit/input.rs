//! What an audit rests on.

use std::collections::{BTreeMap, BTreeSet};

use crate::admission::Guardrails;

/// All that is known, as of one moment.
#[derive(Debug, Clone, Default)]
pub struct AuditInput {
    /// The cluster's issuers.
    pub federations: Vec<AuditedFederation>,
    /// Its bindings that have a role.
    pub bindings: Vec<AuditedBinding>,
    /// Its ServiceAccounts; `None` where they could not be listed.
    pub workloads: Option<Vec<Workload>>,
    /// Roles of the accounts; those that nobody of this cluster gets into are passed over.
    pub roles: Vec<AuditedRole>,
}

/// An issuer of the cluster, as one account knows it.
#[derive(Debug, Clone)]
pub struct AuditedFederation {
    /// Its name.
    pub name: String,
    /// ARN of its provider.
    pub provider: String,
    /// The issuer without its scheme: how condition keys begin.
    pub issuer: String,
    /// Audiences that the provider takes.
    pub client_ids: Vec<String>,
    /// What it lets its bindings ask for.
    pub guardrails: Guardrails,
}

/// A binding.
#[derive(Debug, Clone)]
pub struct AuditedBinding {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// ARN of its role.
    pub role: String,
    /// The ServiceAccounts that it names.
    pub accounts: BTreeSet<String>,
    /// The audiences that it names, or the one that it has by default.
    pub audiences: BTreeSet<String>,
}

/// A ServiceAccount that is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Workload {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How many pods run as it; `None` where pods could not be listed.
    pub pods: Option<usize>,
}

/// A role as IAM shows it.
#[derive(Debug, Clone)]
pub struct AuditedRole {
    /// Its ARN.
    pub arn: String,
    /// Its trust policy as IAM returns it.
    pub trust: String,
    /// What it may; `None` where that could not be read.
    pub power: Option<RolePower>,
}

/// What a role may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RolePower {
    /// ARNs of its managed policies.
    pub attached: BTreeSet<String>,
    /// Its inline policies: name to document as IAM returns it.
    pub inline: BTreeMap<String, String>,
    /// ARN of its permissions boundary.
    pub boundary: Option<String>,
}
