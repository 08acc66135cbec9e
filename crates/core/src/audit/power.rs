//! What a role may, as far as it is too much.

use serde_json::{Map, Value};

use super::{
    finding::{AuditFinding, Severity},
    input::AuditedRole,
};
use crate::{
    compare, json,
    like::like,
    text::{listed, shown},
};

/// AWS-managed policies with which a role is an administrator, or makes itself one [AWS managed policy reference].
const ADMINISTRATORS: [(&str, Severity); 3] = [
    ("AdministratorAccess", Severity::High),
    ("IAMFullAccess", Severity::High),
    ("PowerUserAccess", Severity::Medium),
];
/// Actions by which a role gives itself more, where it may do them to itself.
const ESCALATES: [&str; 4] = [
    "iam:AttachRolePolicy",
    "iam:PutRolePolicy",
    "iam:DeleteRolePermissionsBoundary",
    "iam:PutRolePermissionsBoundary",
];
/// Actions by which it becomes another role, where it may do them to any.
const BECOMES: [&str; 3] = ["iam:PassRole", "iam:UpdateAssumeRolePolicy", "sts:AssumeRole"];
/// A role that there hardly is: what may be done to it may be done to any.
const ANY_ROLE: &str = "irsa-anywhere-audit/any";

/// How much an AWS-managed policy is too much.
pub(super) fn severity_of(policy_arn: &str) -> Option<Severity> {
    let name = policy_arn.split_once(":iam::aws:policy/")?.1;
    ADMINISTRATORS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, severity)| *severity)
}

/// The AWS-managed policies that are too much, by their ARN in this partition.
pub(super) fn administrators(partition: &str) -> impl Iterator<Item = (String, Severity)> + '_ {
    ADMINISTRATORS
        .iter()
        .map(move |(name, severity)| (format!("arn:{partition}:iam::aws:policy/{name}"), *severity))
}

/// What is too much of what a role may. A boundary holds it: its document is not read, so it counts for one step.
pub(super) fn findings(role: &AuditedRole) -> Vec<AuditFinding> {
    let Some(power) = &role.power else { return Vec::new() };
    let finding = |severity: Severity, kind, message: String, fix: &str| AuditFinding {
        severity: if power.boundary.is_some() {
            severity.within_boundary()
        } else {
            severity
        },
        about: role.arn.clone(),
        kind,
        message: match &power.boundary {
            Some(boundary) => format!("{message} Its boundary {} may hold it.", shown(boundary)),
            None => message,
        },
        fix: fix.to_owned(),
    };
    let attached = power.attached.iter().filter_map(|arn| Some((arn, severity_of(arn)?)));
    let mut found: Vec<AuditFinding> = attached
        .map(|(arn, severity)| {
            finding(
                severity,
                "administrator",
                format!("It has {}.", shown(arn)),
                "Attach what its pods need, and set a permissionsBoundary on the federation.",
            )
        })
        .collect();
    for (name, document) in &power.inline {
        let Some(statements) = Statements::read(document) else {
            continue;
        };
        let itself = Allowed::of(&statements, &ESCALATES, &role.arn);
        if !itself.actions.is_empty() {
            found.push(finding(
                itself.lowered(Severity::High),
                "gives-itself-more",
                format!(
                    "Its inline policy {} lets it change itself{}: {}.",
                    shown(name),
                    itself.condition_in_words(),
                    listed(itself.actions, ESCALATES.len())
                ),
                "Take IAM out of the policy, or set a permissionsBoundary that denies it.",
            ));
            continue;
        }
        let any = role
            .arn
            .split_once(":role/")
            .map(|(account, _)| format!("{account}:role/{ANY_ROLE}"));
        let others = any
            .map(|any| Allowed::of(&statements, &BECOMES, &any))
            .unwrap_or_default();
        if !others.actions.is_empty() {
            found.push(finding(
                others.lowered(Severity::Medium),
                "becomes-others",
                format!(
                    "Its inline policy {} lets it become, or hand out, any role of the account{}: {}.",
                    shown(name),
                    others.condition_in_words(),
                    listed(others.actions, BECOMES.len())
                ),
                "Name the roles in the policy's Resource.",
            ));
        }
    }
    found
}

/// Inline policies that cannot be read for certain, each a sentence.
pub(super) fn unread(role: &AuditedRole) -> Vec<String> {
    let inline = role.power.iter().flat_map(|power| &power.inline);
    let unread = inline.filter(|(_, document)| Statements::read(document).is_none());
    unread
        .map(|(name, _)| {
            format!(
                "The inline policy {} of {} cannot be read for certain.",
                shown(name),
                role.arn
            )
        })
        .collect()
}

/// Those of some actions that are allowed on a resource.
#[derive(Default)]
struct Allowed<'a> {
    actions: Vec<&'a str>,
    /// All of them under a condition only, which is not judged.
    on_condition: bool,
}

impl<'a> Allowed<'a> {
    fn of(statements: &Statements, actions: &[&'a str], resource: &str) -> Self {
        let certain = |statement: &Value| match statement.get("Condition") {
            None => true,
            Some(condition) => condition.as_object().is_some_and(Map::is_empty),
        };
        let allowed = |on_condition: bool| {
            let is_allowed = |action: &&&str| {
                let speaks = |statement: &&Value| speaks_of(statement, action, resource);
                let mut allowing = statements.of("Allow").filter(speaks);
                allowing.any(|statement| on_condition || certain(statement))
                    && !statements.of("Deny").filter(speaks).any(certain)
            };
            actions.iter().filter(is_allowed).copied().collect::<Vec<_>>()
        };
        let without = allowed(false);
        if without.is_empty() {
            return Self {
                actions: allowed(true),
                on_condition: true,
            };
        }
        Self {
            actions: without,
            on_condition: false,
        }
    }

    const fn lowered(&self, severity: Severity) -> Severity {
        if self.on_condition {
            severity.within_boundary()
        } else {
            severity
        }
    }

    const fn condition_in_words(&self) -> &'static str {
        if self.on_condition { " under a condition" } else { "" }
    }
}

/// The statements of a policy.
struct Statements(Vec<Value>);

impl Statements {
    fn read(document: &str) -> Option<Self> {
        let document = json::read(compare::decoded(document).as_bytes()).ok()?;
        Some(Self(items(document.get("Statement")?).into_iter().cloned().collect()))
    }

    fn of<'a>(&'a self, effect: &'a str) -> impl Iterator<Item = &'a Value> {
        let has = move |statement: &&Value| statement.get("Effect").and_then(Value::as_str) == Some(effect);
        self.0.iter().filter(has)
    }
}

/// Whether a statement is about an action on a resource. Actions are compared without regard to case, resources with it.
fn speaks_of(statement: &Value, action: &str, resource: &str) -> bool {
    let member = |name: &str, fits: &dyn Fn(&str) -> bool| {
        let patterns = |name: &str| {
            statement
                .get(name)
                .map(|value| items(value).into_iter().filter_map(Value::as_str))
        };
        let is = patterns(name).is_some_and(|mut patterns| patterns.any(fits));
        let is_not = patterns(&format!("Not{name}")).is_some_and(|mut patterns| !patterns.any(fits));
        is || is_not
    };
    member("Action", &|pattern| {
        like(&pattern.to_lowercase(), &action.to_lowercase())
    }) && member("Resource", &|pattern| like(pattern, resource))
}

fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(many) => many.iter().collect(),
        one => vec![one],
    }
}
