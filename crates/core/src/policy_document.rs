//! Validation of inline policies, as far as the API server's schema cannot do it.
//!
//! IAM would refuse these documents too, as `MalformedPolicyDocument` or `LimitExceeded`, but only after the role
//! exists and without naming the field of the binding. Only what is certain is refused here; what an action or a
//! condition may be is left to IAM.

use serde_json::{Map, Value};

use crate::{compare, json};

/// Limits on the inline policies of one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InlineLimits {
    /// Characters of all documents of a role together, white space not counted (IAM quotas: 10,240, not adjustable).
    pub total_characters: usize,
    /// Levels of nested objects and arrays in one document, the document itself being the first.
    pub depth: usize,
}

impl Default for InlineLimits {
    fn default() -> Self {
        Self {
            total_characters: 10_240,
            depth: 10,
        }
    }
}

/// The longest name of an inline policy (IAM API model, `policyNameType`).
const MAX_NAME: usize = 128;

/// An inline policy that IAM will take.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValidatedInlinePolicy {
    /// Its name on the role.
    pub name: String,
    /// Minified JSON.
    pub document: String,
}

/// What is wrong with the inline policies, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InlineError {
    /// The field of the binding, such as `spec.policies.inline[0].document`.
    pub field: String,
    /// What is wrong with it and how to mend it.
    pub problem: InlineProblem,
}

/// What can be wrong with an inline policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InlineProblem {
    /// The name does not fit IAM's pattern.
    #[error("{0:?} is not a policy name; use 1 to 128 letters, digits and the characters _+=,.@-")]
    Name(String),
    /// Two names differ at most in case.
    #[error("the name {0:?} is used twice (IAM ignores case); give every inline policy its own")]
    DuplicateName(String),
    /// The document is not an object.
    #[error("the document is not a JSON object; write it as {{\"Version\": \"2012-10-17\", \"Statement\": […]}}")]
    NotAnObject,
    /// `Version` is missing or unknown.
    #[error("Version is not \"2012-10-17\" or \"2008-10-17\"; write \"Version\": \"2012-10-17\"")]
    Version,
    /// `Statement` is missing, empty or of another kind.
    #[error("Statement is not an object or a list of at least one object; add a statement")]
    Statement,
    /// A statement without a valid effect.
    #[error("statement {0} has no Effect \"Allow\" or \"Deny\"; add one")]
    Effect(usize),
    /// Exactly one of two elements is needed.
    #[error("statement {statement} needs exactly one of {one} and Not{one}")]
    ExactlyOne {
        /// Which statement, counted from 0.
        statement: usize,
        /// `Action` or `Resource`.
        one: &'static str,
    },
    /// A principal in an identity-based policy.
    #[error("statement {0} has a principal; a role's own policy applies to the role, so remove it")]
    Principal(usize),
    /// A character that IAM does not store.
    #[error("it contains {0:?}; IAM takes tab, line feed, carriage return and U+0020 to U+00FF only")]
    Character(char),
    /// Nested too deeply.
    #[error("it is nested {depth} levels deep and {limit} are allowed; make it flatter")]
    Depth {
        /// Levels found.
        depth: usize,
        /// Levels allowed.
        limit: usize,
    },
    /// All documents together are too long.
    #[error(
        "the inline policies have {size} characters without white space and IAM takes {limit} for all of a role; \
         shorten them or use a managed policy"
    )]
    TooLarge {
        /// Characters that count.
        size: usize,
        /// Characters allowed.
        limit: usize,
    },
}

/// Checks the inline policies of one role, given in the order of `spec.policies.inline`, and renders them minified.
pub fn check<'a>(
    policies: impl IntoIterator<Item = (&'a str, &'a Value)>,
    limits: InlineLimits,
) -> Result<Vec<ValidatedInlinePolicy>, InlineError> {
    let mut checked: Vec<ValidatedInlinePolicy> = Vec::new();
    let mut size = 0;
    for (index, (name, document)) in policies.into_iter().enumerate() {
        let at = |member: &str| format!("spec.policies.inline[{index}].{member}");
        if let Err(problem) = check_name(name, &checked) {
            return Err(InlineError {
                field: at("name"),
                problem,
            });
        }
        if let Err(problem) = check_document(document, limits.depth) {
            return Err(InlineError {
                field: at("document"),
                problem,
            });
        }
        let text = document.to_string();
        size += text.chars().filter(|c| !c.is_whitespace()).count();
        checked.push(ValidatedInlinePolicy {
            name: name.to_owned(),
            document: text,
        });
    }
    if size > limits.total_characters {
        let problem = InlineProblem::TooLarge {
            size,
            limit: limits.total_characters,
        };
        return Err(InlineError {
            field: "spec.policies.inline".to_owned(),
            problem,
        });
    }
    Ok(checked)
}

fn check_name(name: &str, earlier: &[ValidatedInlinePolicy]) -> Result<(), InlineProblem> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(fits) {
        return Err(InlineProblem::Name(name.to_owned()));
    }
    if earlier.iter().any(|policy| policy.name.eq_ignore_ascii_case(name)) {
        return Err(InlineProblem::DuplicateName(name.to_owned()));
    }
    Ok(())
}

fn check_document(document: &Value, max_depth: usize) -> Result<(), InlineProblem> {
    let object = document.as_object().ok_or(InlineProblem::NotAnObject)?;
    let depth = depth(document);
    if depth > max_depth {
        return Err(InlineProblem::Depth {
            depth,
            limit: max_depth,
        });
    }
    if let Some(c) = foreign_character(document) {
        return Err(InlineProblem::Character(c));
    }
    if !matches!(
        object.get("Version").and_then(Value::as_str),
        Some("2012-10-17" | "2008-10-17")
    ) {
        return Err(InlineProblem::Version);
    }
    let statements = match object.get("Statement") {
        Some(Value::Array(items)) if !items.is_empty() => items
            .iter()
            .map(Value::as_object)
            .collect::<Option<Vec<_>>>()
            .ok_or(InlineProblem::Statement)?,
        Some(Value::Object(one)) => vec![one],
        _ => return Err(InlineProblem::Statement),
    };
    statements
        .into_iter()
        .enumerate()
        .try_for_each(|(index, statement)| check_statement(index, statement))
}

fn check_statement(index: usize, statement: &Map<String, Value>) -> Result<(), InlineProblem> {
    if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
        return Err(InlineProblem::Effect(index));
    }
    if statement.contains_key("Principal") || statement.contains_key("NotPrincipal") {
        return Err(InlineProblem::Principal(index));
    }
    for (one, not) in [("Action", "NotAction"), ("Resource", "NotResource")] {
        if statement.contains_key(one) == statement.contains_key(not) {
            return Err(InlineProblem::ExactlyOne { statement: index, one });
        }
    }
    Ok(())
}

/// Whether a document, URL-encoded or not, certainly has nothing but statements that deny. It can give nobody anything then,
/// whatever they say.
pub fn only_denies(document: &str) -> bool {
    let Some(document) = read(document) else { return false };
    let statements = statements(&document);
    !statements.is_empty() && statements.iter().all(denies)
}

/// Whether a document, URL-encoded or not, may have a statement that denies: one that cannot be read may.
pub fn may_deny(document: &str) -> bool {
    read(document).is_none_or(|document| statements(&document).iter().any(denies))
}

fn read(document: &str) -> Option<Value> {
    json::read(compare::decoded(document).as_bytes()).ok()
}

fn statements(document: &Value) -> &[Value] {
    match document.get("Statement") {
        Some(Value::Array(many)) => many.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

fn denies(statement: &Value) -> bool {
    statement.get("Effect").and_then(Value::as_str) == Some("Deny")
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The first character that IAM does not store (IAM API model, `policyDocumentType`).
fn foreign_character(value: &Value) -> Option<char> {
    let in_text = |text: &str| {
        text.chars()
            .find(|c| !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}'))
    };
    match value {
        Value::String(text) => in_text(text),
        Value::Array(items) => items.iter().find_map(foreign_character),
        Value::Object(map) => map
            .iter()
            .find_map(|(key, value)| in_text(key).or_else(|| foreign_character(value))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
