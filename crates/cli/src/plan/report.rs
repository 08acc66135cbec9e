//! A plan, as it is shown.

use std::fmt::Write as _;

use irsa_core::{text::plain, vocabulary::Reason};
use irsa_pipeline::step_error::StepError;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_json::Value;

use crate::exit;

/// What is done for one object.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) steps: Vec<ShownStep>,
    /// What stays although nobody asked for it.
    pub(super) kept: Vec<String>,
    /// What nobody but a person can do.
    pub(super) refused: Vec<String>,
}

/// What would be done for one object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanReport {
    /// `IamRoleBinding` or `OidcFederation`.
    kind: &'static str,
    /// `namespace/name`, or the name of a federation.
    name: String,
    /// What is done, in this order.
    steps: Vec<ShownStep>,
    /// What stays on the role although nobody asked for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept: Vec<String>,
    /// Why nothing is planned, or what nobody but a person can do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
    /// Why nothing can be planned from here, whatever the operator could.
    #[serde(skip_serializing_if = "Option::is_none")]
    unseen: Option<String>,
}

/// What keeps whoever asks from looking; the operator has rights and credentials of its own.
const fn is_the_askers(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::AccessDenied
            | Reason::ApiServerUnavailable
            | Reason::AwsUnavailable
            | Reason::Throttled
            | Reason::WrongAccount
    )
}

/// A step.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownStep {
    /// `create role`.
    pub(super) what: String,
    /// What is written, where it is a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<Value>,
    /// What is there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<Value>,
}

impl PlanReport {
    /// What came of planning for an object.
    pub(super) fn of<K: Resource<DynamicType = ()>>(object: &K, made: Result<Made, StepError>) -> Self {
        let name = object.name_any();
        let mut unseen = None;
        let made = made.unwrap_or_else(|failure| {
            let mut made = Made::default();
            if is_the_askers(failure.reason) {
                unseen = Some(format!("with your own rights and credentials: {}", in_words(&failure)));
            } else {
                made.refused.push(in_words(&failure));
            }
            made
        });
        Self {
            unseen,
            kind: if K::kind(&()) == "OidcFederation" {
                "OidcFederation"
            } else {
                "IamRoleBinding"
            },
            name: object
                .namespace()
                .map_or(name.clone(), |namespace| format!("{namespace}/{name}")),
            steps: made.steps,
            kept: made.kept,
            refused: made.refused,
        }
    }

    /// What the command ends with for this one.
    pub(crate) fn exit_code(&self) -> u8 {
        match (self.refused.is_empty(), self.steps.is_empty()) {
            (false, _) => exit::CAUSE_FOUND,
            _ if self.unseen.is_some() => exit::NOT_PROVEN,
            (true, false) => exit::CHANGES,
            (true, true) => exit::GOOD,
        }
    }

    /// Each step, what stays, and what is refused, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let nothing = self.steps.is_empty() && self.refused.is_empty() && self.unseen.is_none();
        let none = nothing.then(|| "change nothing".to_owned());
        let unseen = self.unseen.iter().map(|why| format!("do what is not known {why}"));
        let steps = self.steps.iter().map(|step| step.what.clone());
        let kept = self.kept.iter().map(|kept| format!("leave {kept}"));
        let refused = self.refused.iter().map(|refused| format!("refuse: {refused}"));
        none.into_iter()
            .chain(steps)
            .chain(kept)
            .chain(refused)
            .chain(unseen)
            .collect()
    }

    /// For people; with `diff` the documents beside each other.
    pub(crate) fn table(&self, diff: bool) -> String {
        let mut text = format!("{} {}\n", self.kind, plain(&self.name));
        if self.steps.is_empty() && self.refused.is_empty() && self.unseen.is_none() {
            text.push_str("  nothing to do\n");
        }
        if let Some(why) = &self.unseen {
            let _ = writeln!(text, "  not known {}", plain(why));
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

/// A failure as its condition would have it.
pub(super) fn in_words(failure: &StepError) -> String {
    format!("{}: {}", failure.reason, failure.message)
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
