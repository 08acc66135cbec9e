//! Checks of inline policies that the API server's schema cannot make.
//!
//! IAM would refuse these documents too, as `MalformedPolicyDocument` or `LimitExceeded`, but only after the role
//! exists and without naming the field of the binding. Only what is certain is refused here; what an action or a
//! condition may be is left to IAM.

use serde_json::{Map, Value};

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
pub struct InlinePolicy {
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
) -> Result<Vec<InlinePolicy>, InlineError> {
    let mut checked: Vec<InlinePolicy> = Vec::new();
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
        checked.push(InlinePolicy {
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

fn check_name(name: &str, earlier: &[InlinePolicy]) -> Result<(), InlineProblem> {
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
mod tests {
    use serde_json::json;

    use super::*;

    fn document(statement: &Value) -> Value {
        json!({"Version": "2012-10-17", "Statement": [statement]})
    }

    fn read() -> Value {
        json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
    }

    fn refused(name: &str, document: &Value) -> InlineError {
        check([(name, document)], InlineLimits::default()).unwrap_err()
    }

    #[test]
    fn a_sound_document_comes_back_minified() {
        let one = json!({"Version": "2012-10-17", "Statement": read()});
        let checked = check(
            [("read", &one), ("read-2", &document(&read()))],
            InlineLimits::default(),
        )
        .unwrap();
        assert_eq!(checked.len(), 2);
        assert_eq!(checked[0].name, "read");
        assert_eq!(serde_json::from_str::<Value>(&checked[0].document).unwrap(), one);
        assert!(!checked[0].document.contains(' '));
    }

    #[test]
    fn each_problem_names_its_field_and_what_to_do() {
        let with = |name: &str, value: Value| {
            let mut statement = read();
            statement[name] = value;
            document(&statement)
        };
        let without = |name: &str| {
            let mut statement = read();
            statement.as_object_mut().unwrap().remove(name);
            document(&statement)
        };
        for (bad, problem) in [
            (json!("x"), InlineProblem::NotAnObject),
            (json!([]), InlineProblem::NotAnObject),
            (json!({"Statement": [read()]}), InlineProblem::Version),
            (
                json!({"Version": "2020-01-01", "Statement": [read()]}),
                InlineProblem::Version,
            ),
            (json!({"Version": "2012-10-17"}), InlineProblem::Statement),
            (
                json!({"Version": "2012-10-17", "Statement": []}),
                InlineProblem::Statement,
            ),
            (
                json!({"Version": "2012-10-17", "Statement": ["x"]}),
                InlineProblem::Statement,
            ),
            (
                json!({"Version": "2012-10-17", "Statement": "x"}),
                InlineProblem::Statement,
            ),
            (without("Effect"), InlineProblem::Effect(0)),
            (with("Effect", json!("allow")), InlineProblem::Effect(0)),
            (
                without("Action"),
                InlineProblem::ExactlyOne {
                    statement: 0,
                    one: "Action",
                },
            ),
            (
                with("NotAction", json!("x")),
                InlineProblem::ExactlyOne {
                    statement: 0,
                    one: "Action",
                },
            ),
            (
                without("Resource"),
                InlineProblem::ExactlyOne {
                    statement: 0,
                    one: "Resource",
                },
            ),
            (
                with("NotResource", json!("x")),
                InlineProblem::ExactlyOne {
                    statement: 0,
                    one: "Resource",
                },
            ),
            (with("Principal", json!("*")), InlineProblem::Principal(0)),
            (with("NotPrincipal", json!("*")), InlineProblem::Principal(0)),
            (with("Sid", json!("a→b")), InlineProblem::Character('→')),
            (with("Sid", json!("a\u{0}")), InlineProblem::Character('\u{0}')),
            (with("Ā", json!("a")), InlineProblem::Character('Ā')),
        ] {
            let error = refused("p", &bad);
            assert_eq!(error.problem, problem, "{bad}");
            assert!(
                error.to_string().starts_with("spec.policies.inline[0].document: "),
                "{error}"
            );
        }
    }

    #[test]
    fn characters_up_to_ff_and_line_breaks_are_fine() {
        let mut statement = read();
        statement["Resource"] = json!("arn:aws:s3:::ÿ é\t\r\n");
        assert!(check([("p", &document(&statement))], InlineLimits::default()).is_ok());
    }

    #[test]
    fn names_follow_iams_pattern_and_differ_in_more_than_case() {
        let sound = document(&read());
        for bad in ["", "a b", "a/b", "ä", &"n".repeat(129)] {
            let error = refused(bad, &sound);
            assert!(matches!(error.problem, InlineProblem::Name(_)), "{bad}");
            assert_eq!(error.field, "spec.policies.inline[0].name");
        }
        assert!(check([("n".repeat(128).as_str(), &sound)], InlineLimits::default()).is_ok());
        let error = check([("Read", &sound), ("read", &sound)], InlineLimits::default()).unwrap_err();
        assert_eq!(error.problem, InlineProblem::DuplicateName("read".to_owned()));
        assert_eq!(error.field, "spec.policies.inline[1].name");
    }

    #[test]
    fn the_tenth_level_is_the_last() {
        let nested = |levels: usize| {
            // Document, list, statement, condition: three levels of containers above the condition's own.
            let mut value = json!("x");
            for _ in 0..levels - 3 {
                value = json!({ "a": value });
            }
            let mut statement = read();
            statement["Condition"] = value;
            document(&statement)
        };
        assert!(check([("p", &nested(10))], InlineLimits::default()).is_ok());
        assert_eq!(
            refused("p", &nested(11)).problem,
            InlineProblem::Depth { depth: 11, limit: 10 }
        );
    }

    #[test]
    fn the_quota_counts_all_documents_together_and_no_white_space() {
        let mut statement = read();
        statement["Resource"] = json!("r".repeat(5_000));
        let large = document(&statement);
        let each = large.to_string().chars().count();
        assert!(check([("a", &large), ("b", &large)], InlineLimits::default()).is_ok());
        let limits = InlineLimits {
            total_characters: 2 * each - 1,
            ..InlineLimits::default()
        };
        let error = check([("a", &large), ("b", &large)], limits).unwrap_err();
        assert_eq!(
            error.problem,
            InlineProblem::TooLarge {
                size: 2 * each,
                limit: 2 * each - 1
            }
        );
        assert_eq!(error.field, "spec.policies.inline");

        statement["Resource"] = json!(" ".repeat(20_000));
        assert!(check([("a", &document(&statement))], InlineLimits::default()).is_ok());
    }
}
