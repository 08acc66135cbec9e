//! `Deny` statements of a bucket's policy that may refuse us a call, as far as the text tells.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;

use super::policy::statements;

/// A statement that denies an action on a resource, to somebody and under some conditions: whether to us, only AWS knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenyingStatement {
    sid: Option<String>,
    keys: BTreeSet<String>,
}

/// The statements of a policy that deny `action` on `resource` (an ARN), whomever and whenever. None of a text that is no
/// policy.
pub fn denying_statements(policy: &str, action: &str, resource: &str) -> Vec<DenyingStatement> {
    let statements = statements(policy).unwrap_or_default();
    let denies = |statement: &&Value| {
        statement.get("Effect").and_then(Value::as_str) == Some("Deny")
            && covers(statement, "Action", "NotAction", &action.to_ascii_lowercase(), true)
            && covers(statement, "Resource", "NotResource", resource, false)
    };
    statements.iter().filter(denies).map(DenyingStatement::of).collect()
}

impl DenyingStatement {
    fn of(statement: &Value) -> Self {
        let operators = statement.get("Condition").and_then(Value::as_object);
        let keys = operators
            .into_iter()
            .flat_map(|operators| operators.values())
            .filter_map(Value::as_object)
            .flat_map(|keys| keys.keys().cloned());
        Self {
            sid: statement.get("Sid").and_then(Value::as_str).map(str::to_owned),
            keys: keys.collect(),
        }
    }
}

/// `"TagsDemanded" (a condition on s3:RequestObjectTag/team)`.
impl fmt::Display for DenyingStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sid {
            Some(sid) => write!(f, "\"{sid}\"")?,
            None => f.write_str("one without a Sid")?,
        }
        if !self.keys.is_empty() {
            let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
            write!(f, " (a condition on {})", keys.join(", "))?;
        }
        Ok(())
    }
}

/// Whether an element of a statement, or its negation, is about this.
fn covers(statement: &Value, element: &str, negated: &str, what: &str, any_case: bool) -> bool {
    let named = |patterns: &Value| {
        let one = |pattern: &Value| {
            pattern.as_str().is_some_and(|pattern| {
                if any_case {
                    fits(pattern.to_ascii_lowercase().as_bytes(), what.as_bytes())
                } else {
                    fits(pattern.as_bytes(), what.as_bytes())
                }
            })
        };
        match patterns {
            Value::Array(patterns) => patterns.iter().any(one),
            pattern => one(pattern),
        }
    };
    match (statement.get(element), statement.get(negated)) {
        (Some(patterns), _) => named(patterns),
        (None, Some(patterns)) => !named(patterns),
        (None, None) => false,
    }
}

/// `*` stands for any run of characters and `?` for one. Linear but for the last star, so no policy can make it slow.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((of_star, began)) = star else {
                    return false;
                };
                star = Some((of_star, began + 1));
                at = of_star + 1;
                read = began + 1;
            }
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OBJECT: &str = "arn:aws:s3:::b/clusters/prod/openid/v1/jwks";

    fn found(statement: &Value) -> Vec<String> {
        let policy = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
        let denials = denying_statements(&policy, "s3:PutObject", OBJECT);
        denials.iter().map(ToString::to_string).collect()
    }

    fn deny(change: &Value) -> Value {
        let mut statement = json!({"Sid": "D", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::b/*"});
        for (element, value) in change.as_object().unwrap() {
            statement[element] = value.clone();
        }
        statement
    }

    #[test]
    fn a_denial_is_named_with_what_it_depends_on() {
        let tags = deny(&json!({"Condition": {
            "Null": {"s3:RequestObjectTag/team": "true"}, "StringNotEquals": {"aws:PrincipalAccount": "1"}}}));
        assert_eq!(
            found(&json!([tags, {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}])),
            ["\"D\" (a condition on aws:PrincipalAccount, s3:RequestObjectTag/team)"]
        );
        let mut bare = deny(&json!({}));
        bare.as_object_mut().unwrap().remove("Sid");
        assert_eq!(found(&bare), ["one without a Sid"]);
    }

    #[test]
    fn only_statements_about_this_action_and_this_resource_count() {
        for (change, counts) in [
            (json!({}), true),
            (json!({"Action": ["s3:GetObject", "S3:put*"]}), true),
            (json!({"Action": "s3:Put?bject"}), true),
            (json!({"Action": "s3:GetObject"}), false),
            (json!({"Action": "s3:PutObjectAcl"}), false),
            (json!({"Action": "s3:PutObjec"}), false),
            (json!({"Effect": "Allow"}), false),
            (json!({"Resource": OBJECT}), true),
            (json!({"Resource": "arn:aws:s3:::b/*/jwks"}), true),
            (json!({"Resource": "arn:aws:s3:::b/clusters/prod/.well-known/*"}), false),
            (json!({"Resource": "arn:aws:s3:::B/*"}), false),
            (json!({"Resource": 1}), false),
        ] {
            assert_eq!(!found(&deny(&change)).is_empty(), counts, "{change}");
        }
        for (element, pattern, counts) in [
            ("NotAction", "s3:Get*", true),
            ("NotAction", "s3:Put*", false),
            ("NotResource", OBJECT, false),
            ("NotResource", "arn:aws:s3:::c/*", true),
        ] {
            let mut statement = deny(&json!({ element: pattern }));
            statement
                .as_object_mut()
                .unwrap()
                .remove(element.trim_start_matches("Not"));
            assert_eq!(!found(&statement).is_empty(), counts, "{element} {pattern}");
        }
        assert_eq!(denying_statements("no policy", "s3:PutObject", OBJECT), []);
    }
}
