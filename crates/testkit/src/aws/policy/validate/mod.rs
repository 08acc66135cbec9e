//! Validation of policy documents, in the words of the service that would store them.

mod bucket;
mod identity;
mod trust;

use serde_json::{Map, Value};

use super::condition::{Operator, texts};
use crate::aws::wire::AwsError;

pub use bucket::validate_bucket;
pub use identity::validate_identity;
pub use trust::validate_trust;

const TOP_FIELDS: &[&str] = &["Version", "Id", "Statement"];
const STATEMENT_FIELDS: &[&str] = &[
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// A field of an object that the policy grammar does not have.
fn unknown_field<'a>(object: &'a Map<String, Value>, known: &[&str]) -> Option<&'a str> {
    object.keys().map(String::as_str).find(|key| !known.contains(key))
}

fn known_version(document: &Map<String, Value>) -> bool {
    document
        .get("Version")
        .is_none_or(|version| matches!(version.as_str(), Some("2012-10-17" | "2008-10-17")))
}

/// The statements as objects; `None` when one is not an object.
fn statements_of(document: &Map<String, Value>) -> Option<Vec<&Map<String, Value>>> {
    match document.get("Statement") {
        Some(Value::Array(list)) => list.iter().map(Value::as_object).collect(),
        Some(one) => Some(vec![one.as_object()?]),
        None => Some(Vec::new()),
    }
}

/// A text or a list of texts.
fn is_texts(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Array(list) => list.iter().all(Value::is_string),
        _ => false,
    }
}

/// The texts of an element; empty when absent or empty.
fn list(statement: &Map<String, Value>, name: &str) -> Vec<String> {
    statement.get(name).map(texts).unwrap_or_default()
}

fn has_duplicate_sid(statements: &[&Map<String, Value>]) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    statements
        .iter()
        .filter_map(|statement| statement.get("Sid").and_then(Value::as_str))
        .filter(|sid| !sid.is_empty())
        .any(|sid| !seen.insert(sid))
}

/// What is wrong with a `Condition` block.
#[derive(Debug, PartialEq, Eq)]
enum ConditionFault {
    Shape,
    Operator(String),
}

/// An object of known operators, each an object of keys, each with scalar values.
fn condition_fault(statement: &Map<String, Value>) -> Option<ConditionFault> {
    let block = statement.get("Condition")?;
    let Some(operators) = block.as_object() else {
        return Some(ConditionFault::Shape);
    };
    for (name, keys) in operators {
        if Operator::parse(name).is_none() {
            return Some(ConditionFault::Operator(name.clone()));
        }
        let scalar = |value: &Value| value.is_string() || value.is_boolean() || value.is_number();
        let values = |value: &Value| scalar(value) || value.as_array().is_some_and(|list| list.iter().all(scalar));
        if !keys.as_object().is_some_and(|keys| keys.values().all(values)) {
            return Some(ConditionFault::Shape);
        }
    }
    None
}

fn condition_keys(statement: &Map<String, Value>) -> Vec<String> {
    let operators = statement.get("Condition").and_then(Value::as_object);
    operators
        .into_iter()
        .flat_map(Map::values)
        .filter_map(Value::as_object)
        .flat_map(Map::keys)
        .cloned()
        .collect()
}

/// IAM stores tab, line feed, carriage return and U+0020 to U+00FF only [QUOTA-2026, IAM-model policyDocumentType].
fn check_characters(document: &str) -> Result<(), AwsError> {
    let fine = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}');
    if !document.is_empty() && document.chars().all(fine) {
        return Ok(());
    }
    let message = "The specified value for policyDocument is invalid. It must contain only printable ASCII characters.";
    Err(AwsError::new(400, "ValidationError", message))
}

fn malformed(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "MalformedPolicyDocument", message)
}
