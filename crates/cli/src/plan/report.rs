//! A plan, as it is shown.

use std::fmt::Write as _;

use irsa_api::IamRoleBinding;
use irsa_core::{
    plan::{
        Step,
        binding::{BindingPlan, BindingStep, RoleStep},
    },
    text::plain,
};
use irsa_pipeline::{binding::observe::role::IamRole, step_error::StepError};
use kube::ResourceExt;
use serde::Serialize;
use serde_json::Value;

use crate::exit;

/// What is done for one binding.
pub(super) struct Made {
    pub(super) plan: BindingPlan,
    /// The role as it is.
    pub(super) found: Option<IamRole>,
}

/// What would be done for one binding.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanReport {
    /// `namespace/name`.
    binding: String,
    /// What is done, in this order.
    steps: Vec<ShownStep>,
    /// What stays on the role although nobody asked for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept: Vec<String>,
    /// Why nothing is planned, or what nobody but a person can do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownStep {
    /// `create role`.
    what: String,
    /// What is written, where it is a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
    /// What is there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
}

impl PlanReport {
    /// What came of planning for a binding.
    pub(super) fn of(binding: &IamRoleBinding, made: Result<Made, StepError>) -> Self {
        let name = format!("{}/{}", binding.namespace().unwrap_or_default(), binding.name_any());
        let made = match made {
            Ok(made) => made,
            Err(failure) => {
                return Self {
                    binding: name,
                    steps: Vec::new(),
                    kept: Vec::new(),
                    refused: vec![format!("{}: {}", failure.reason, failure.message)],
                };
            }
        };
        let shown = |step: BindingStep<'_>| {
            let (after, before) = documents(step, &made);
            ShownStep {
                what: format!("{} {step}", step.action()),
                after,
                before,
            }
        };
        let refusals = made.plan.accounts.iter().filter_map(|account| {
            let refusal = account.refusal.as_ref()?;
            Some(format!("ServiceAccount {}: {refusal}", account.account))
        });
        let taken = made.plan.taken_names.iter();
        let taken = taken.map(|name| format!("inline policy {name}: the role has one of that name that only denies"));
        Self {
            steps: made.plan.steps().map(shown).collect(),
            kept: made.plan.kept.iter().map(ToString::to_string).collect(),
            refused: refusals.chain(taken).collect(),
            binding: name,
        }
    }

    /// What the command ends with for this one.
    pub(crate) fn exit_code(&self) -> u8 {
        match (self.refused.is_empty(), self.steps.is_empty()) {
            (false, _) => exit::CAUSE_FOUND,
            (true, false) => exit::CHANGES,
            (true, true) => exit::GOOD,
        }
    }

    /// For people; with `diff` the documents beside each other.
    pub(crate) fn table(&self, diff: bool) -> String {
        let mut text = format!("{}\n", self.binding);
        if self.steps.is_empty() && self.refused.is_empty() {
            text.push_str("  nothing to do\n");
        }
        for step in &self.steps {
            let _ = writeln!(text, "  {}", plain(&step.what));
            if diff {
                for line in differences(step.before.as_ref(), step.after.as_ref()) {
                    let _ = writeln!(text, "      {}", plain(&line));
                }
            }
        }
        for kept in &self.kept {
            let _ = writeln!(text, "  leave {}", plain(kept));
        }
        for refused in &self.refused {
            let _ = writeln!(text, "  refused: {}", plain(refused));
        }
        text
    }
}

/// What a step writes, and what is there now.
fn documents(step: BindingStep<'_>, made: &Made) -> (Option<Value>, Option<Value>) {
    let parsed = |text: &str| serde_json::from_str(text).ok();
    let role = made.found.as_ref().map(|found| &found.role);
    match step {
        BindingStep::Role(RoleStep::CreateRole { trust, .. }) => (parsed(trust), None),
        BindingStep::Role(RoleStep::UpdateTrust { trust }) => {
            (parsed(trust), role.and_then(|role| parsed(&role.trust)))
        }
        BindingStep::Role(RoleStep::PutInline { name, document }) => {
            let before = role.and_then(|role| role.inline.get(name));
            (parsed(document), before.and_then(|before| parsed(before)))
        }
        BindingStep::Role(RoleStep::DeleteInline { name }) => {
            let before = role.and_then(|role| role.inline.get(name));
            (None, before.and_then(|before| parsed(before)))
        }
        BindingStep::Role(_) | BindingStep::Account { .. } => (None, None),
    }
}

/// The lines of two documents: `-` of the first alone, `+` of the second alone. Lines that both have stay where they are.
fn differences(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let lines = |value: Option<&Value>| -> Vec<String> {
        value.map_or_else(Vec::new, |value| {
            format!("{value:#}").lines().map(str::to_owned).collect()
        })
    };
    let (before, after) = (lines(before), lines(after));
    let mut shown = Vec::new();
    let (mut left, mut right) = (before.as_slice(), after.as_slice());
    while let (Some((one, rest)), Some((other, others))) = (left.split_first(), right.split_first()) {
        if one == other {
            shown.push(format!("  {one}"));
            (left, right) = (rest, others);
        } else if let Some(skipped) = rest
            .iter()
            .position(|line| line == other)
            .filter(|_| !others.contains(one))
        {
            shown.extend(left.iter().take(skipped + 1).map(|line| format!("- {line}")));
            left = left.get(skipped + 1..).unwrap_or_default();
        } else {
            // The next line of the second that the first has from here on.
            let common = right.iter().position(|line| left.contains(line)).unwrap_or(right.len());
            let until = right
                .get(common)
                .and_then(|line| left.iter().position(|one| one == line));
            let gone = until.unwrap_or(left.len());
            shown.extend(left.iter().take(gone).map(|line| format!("- {line}")));
            shown.extend(right.iter().take(common).map(|line| format!("+ {line}")));
            left = left.get(gone..).unwrap_or_default();
            right = right.get(common..).unwrap_or_default();
        }
    }
    shown.extend(left.iter().map(|line| format!("- {line}")));
    shown.extend(right.iter().map(|line| format!("+ {line}")));
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_line_of_both_documents_is_shown_once() {
        let cases = [
            (json!({"a": 1, "b": 2}), json!({"a": 1, "b": 3})),
            (json!({"a": [1, 2, 3]}), json!({"a": [2, 3, 4], "c": 1})),
            (json!({"x": "y"}), json!({"x": "y"})),
            (json!([1, 1, 2]), json!([2, 1, 1])),
        ];
        for (before, after) in cases {
            let shown = differences(Some(&before), Some(&after));
            let of = |marks: [char; 2]| -> Vec<String> {
                let kept = shown.iter().filter(|line| line.starts_with(marks));
                kept.map(|line| line[2..].to_owned()).collect()
            };
            let lines = |value: &Value| format!("{value:#}").lines().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(of([' ', '-']), lines(&before), "{shown:#?}");
            assert_eq!(of([' ', '+']), lines(&after), "{shown:#?}");
        }
        assert_eq!(differences(None, Some(&json!(1))), ["+ 1"]);
        assert_eq!(differences(Some(&json!(1)), None), ["- 1"]);
    }
}
