//! `Deny` statements of somebody else in a trust policy of ours.
//!
//! Whoever answers to an incident adds a `Deny`; a trust policy that was written anew without it would let in again whom
//! he has just locked out. A `Deny` gives nobody anything, so it may stay, if it is nothing but that.

use serde_json::{Value, json};

use super::closed;
use crate::{compare, json as strict};

/// The version in which our own documents are written: in another one a statement may mean something else.
const VERSION: &str = "2012-10-17";

/// A trust policy taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divided {
    /// Somebody else's statements that deny, and do nothing else.
    pub denies: Denies,
    /// The rest, as JSON.
    pub rest: String,
}

/// Statements that only deny.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Denies(Vec<Value>);

impl Divided {
    /// Takes a trust policy apart, URL-encoded or not. What cannot be read for certain is left whole, and then there is
    /// nothing of somebody else's in it that may stay.
    pub fn of(document: &str) -> Self {
        Self::read(document).unwrap_or_else(|| Self {
            denies: Denies::default(),
            rest: document.to_owned(),
        })
    }

    fn read(document: &str) -> Option<Self> {
        let text = compare::decoded(document);
        let value = strict::read(text.as_bytes()).ok()?;
        if value.get("Version").and_then(Value::as_str) != Some(VERSION) {
            return None;
        }
        let statements = match value.get("Statement")? {
            Value::Array(many) => many.clone(),
            one => vec![one.clone()],
        };
        let (denies, rest): (Vec<_>, Vec<_>) = statements.into_iter().partition(is_foreign_deny);
        if denies.is_empty() {
            return None;
        }
        let rest = if rest.is_empty() {
            closed().as_str().to_owned()
        } else {
            let mut value = value;
            *value.get_mut("Statement")? = Value::Array(rest);
            value.to_string()
        };
        Some(Self {
            denies: Denies(denies),
            rest,
        })
    }
}

impl Denies {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// A document of ours with these statements behind its own.
    pub fn added_to(&self, document: &str) -> String {
        if self.is_empty() {
            return document.to_owned();
        }
        let with = || {
            let mut value: Value = serde_json::from_str(document).ok()?;
            value
                .get_mut("Statement")?
                .as_array_mut()?
                .extend(self.0.iter().cloned());
            Some(value.to_string())
        };
        with().unwrap_or_else(|| document.to_owned())
    }
}

/// Whether a statement denies and is not the one with which we close a role.
fn is_foreign_deny(statement: &Value) -> bool {
    let denies = statement.get("Effect").and_then(Value::as_str) == Some("Deny");
    let alone = json!({"Version": VERSION, "Statement": [statement]}).to_string();
    denies && !compare::equivalent(&alone, closed().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(statements: &[Value]) -> String {
        json!({"Version": VERSION, "Statement": statements}).to_string()
    }

    fn allow() -> Value {
        json!({"Effect": "Allow", "Principal": {"Federated": "arn"}, "Action": "sts:AssumeRoleWithWebIdentity"})
    }

    fn deny() -> Value {
        json!({"Sid": "Incident", "Effect": "Deny", "Principal": "*", "Action": "sts:*"})
    }

    #[test]
    fn a_deny_is_told_from_the_rest_and_put_back_whole() {
        let divided = Divided::of(&document(&[allow(), deny()]));
        assert_eq!(divided.denies.count(), 1);
        assert!(compare::equivalent(&divided.rest, &document(&[allow()])));
        let whole = divided.denies.added_to(&document(&[allow()]));
        assert!(compare::equivalent(&whole, &document(&[deny(), allow()])));
    }

    #[test]
    fn what_is_not_certainly_a_deny_alone_does_not_stay() {
        let twice =
            document(&[allow(), deny()]).replacen(r#""Effect":"Deny""#, r#""Effect":"Deny","Effect":"Allow""#, 1);
        let older = document(&[allow(), deny()]).replace(VERSION, "2008-10-17");
        let mut lower = deny();
        lower["Effect"] = json!("deny");
        for text in [
            twice,
            older,
            document(&[allow()]),
            document(&[allow(), lower]),
            "x".to_owned(),
            String::new(),
        ] {
            let divided = Divided::of(&text);
            assert!(divided.denies.is_empty(), "{text}");
            assert_eq!(divided.rest, text);
        }
    }

    #[test]
    fn the_statement_by_which_we_close_a_role_is_ours() {
        assert!(Divided::of(closed().as_str()).denies.is_empty());
        let theirs = Divided::of(&document(&[deny()]));
        assert_eq!(theirs.denies.count(), 1);
        assert_eq!(theirs.rest, closed().as_str());
        let both = theirs.denies.added_to(closed().as_str());
        assert_eq!(Divided::of(&both).denies, theirs.denies);
    }
}
