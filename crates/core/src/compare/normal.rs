//! The normal form of a policy document.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::json::canonical_text;
use crate::json;

/// What IAM takes for a document without a `Version`.
const DEFAULT_VERSION: &str = "2008-10-17";

/// A policy document in normal form: equal means the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Policy(Form);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    /// A document whose parts we know.
    Policy {
        version: String,
        statements: BTreeSet<Statement>,
        others: BTreeMap<String, String>,
    },
    /// JSON that is no policy document: equal only to the same JSON.
    Json(String),
    /// Not JSON: equal only to the same text.
    Text(String),
}

/// A statement: its elements by name.
type Statement = BTreeMap<String, Element>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Element {
    /// Values of which any one counts.
    AnyOf(BTreeSet<String>),
    /// Principals by kind.
    Principals(BTreeMap<String, BTreeSet<String>>),
    /// Operator, key and values; all of them must hold.
    AllOf(BTreeSet<(String, String, BTreeSet<String>)>),
    /// Anything else, as canonical JSON.
    Exact(String),
}

impl Policy {
    /// The normal form of a document as IAM returns it (URL-encoded) or as it was sent.
    ///
    /// Whatever is not a policy document has a normal form too, equal only to itself.
    pub fn read(text: &str) -> Self {
        let text = decoded(text);
        match json::read(text.as_bytes()) {
            Ok(value) => Self::of(&value),
            Err(_) => Self(Form::Text(text.into_owned())),
        }
    }

    /// The normal form of a document that is JSON already.
    pub fn of(value: &Value) -> Self {
        Self(policy(value).unwrap_or_else(|| Form::Json(canonical_text(value))))
    }
}

/// Undoes IAM's URL-encoding. A document in plain text starts with a brace, an encoded one with `%7B`: the two cannot
/// be taken for each other, and a `%` inside a plain document stays what it is.
pub(crate) fn decoded(text: &str) -> Cow<'_, str> {
    if text.trim_start().starts_with('{') {
        return Cow::Borrowed(text);
    }
    percent_decode_str(text).decode_utf8().unwrap_or(Cow::Borrowed(text))
}

fn policy(value: &Value) -> Option<Form> {
    let document = value.as_object()?;
    let statements = statements(document.get("Statement")?)?;
    let version = match document.get("Version") {
        None => DEFAULT_VERSION.to_owned(),
        Some(version) => version.as_str()?.to_owned(),
    };
    let others = document
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "Version" | "Statement"))
        .map(|(name, value)| (name.clone(), canonical_text(value)))
        .collect();
    Some(Form::Policy {
        version,
        statements,
        others,
    })
}

fn statements(value: &Value) -> Option<BTreeSet<Statement>> {
    match value {
        Value::Object(one) => Some(BTreeSet::from([statement(one)])),
        Value::Array(many) => many.iter().map(|item| item.as_object().map(statement)).collect(),
        _ => None,
    }
}

fn statement(elements: &Map<String, Value>) -> Statement {
    elements
        .iter()
        .filter(|(name, value)| !says_nothing(name, value))
        .map(|(name, value)| (name.clone(), element(name, value)))
        .collect()
}

fn says_nothing(name: &str, value: &Value) -> bool {
    match name {
        "Sid" => value.as_str() == Some(""),
        "Condition" => value.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}

fn element(name: &str, value: &Value) -> Element {
    let known = match name {
        "Action" | "NotAction" => {
            strings(value).map(|set| Element::AnyOf(set.iter().map(|text| text.to_ascii_lowercase()).collect()))
        }
        "Resource" | "NotResource" => strings(value).map(Element::AnyOf),
        "Principal" | "NotPrincipal" => principals(value).map(Element::Principals),
        "Condition" => conditions(value).map(Element::AllOf),
        _ => None,
    };
    known.unwrap_or_else(|| Element::Exact(canonical_text(value)))
}

/// One value or an array of values as a set; `None` for anything that `scalar` does not take.
fn set_of(value: &Value, scalar: fn(&Value) -> Option<String>) -> Option<BTreeSet<String>> {
    match value {
        Value::Array(items) => items.iter().map(scalar).collect(),
        one => Some(BTreeSet::from([scalar(one)?])),
    }
}

fn strings(value: &Value) -> Option<BTreeSet<String>> {
    set_of(value, |item| item.as_str().map(ToOwned::to_owned))
}

fn principals(value: &Value) -> Option<BTreeMap<String, BTreeSet<String>>> {
    match value {
        Value::String(everyone) if everyone == "*" => {
            Some(BTreeMap::from([("AWS".to_owned(), BTreeSet::from(["*".to_owned()]))]))
        }
        Value::Object(kinds) => kinds
            .iter()
            .map(|(kind, value)| strings(value).map(|set| (kind.clone(), set)))
            .collect(),
        _ => None,
    }
}

fn conditions(value: &Value) -> Option<BTreeSet<(String, String, BTreeSet<String>)>> {
    let mut all = BTreeSet::new();
    for (operator, keys) in value.as_object()? {
        // An operator without keys is not in the reference: keep the whole element as it was written.
        let keys = keys.as_object().filter(|keys| !keys.is_empty())?;
        for (key, values) in keys {
            all.insert((
                operator.clone(),
                key.to_ascii_lowercase(),
                set_of(values, condition_value)?,
            ));
        }
    }
    Some(all)
}

fn condition_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        // A number that is no 64-bit integer was rounded by the parser: two different ones could look the same.
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}
