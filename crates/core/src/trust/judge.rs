//! Evaluation of a trust policy that somebody else wrote: whether it lets a token in.
//!
//! AWS alone decides; this is the same decision over what can be known here: the provider, `sub` and `aud`. What depends
//! on anything else (the caller's address, the time) is neither true nor false, and an operator or element that is not
//! listed below is not guessed at. Sources: IAM user guide, "Policy evaluation logic", "IAM JSON policy elements:
//! Condition operators", "Creating a condition with multiple keys or values".

use serde_json::{Map, Value};

use super::TrustPolicy;
use crate::{compare, digest::sha256_hex, json, like::like};

/// A subject that nobody binds: whoever lets it in lets everybody in.
pub const STRANGER: &str = "system:serviceaccount:irsa-anywhere-system:irsa-anywhere-canary";

/// Another that nobody binds: a policy that only keeps [`STRANGER`] out is open all the same. It is the policy's own, so no policy can name
/// it, by chance or on purpose.
pub fn other_stranger(document: &str) -> String {
    let digest = sha256_hex(document.as_bytes());
    // Letters alone: a pattern for numbered names is none for everybody.
    let letters: String = digest.chars().map(|c| char::from(b'g' + (c as u8) % 16)).collect();
    let (namespace, name) = letters.split_at(letters.len() / 2);
    format!("system:serviceaccount:{namespace}:{name}")
}

const ACTION: &str = "sts:assumerolewithwebidentity";

/// A token that somebody shows to STS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims<'a> {
    /// ARN of the provider that stands for its issuer.
    pub provider: &'a str,
    /// The issuer without its scheme: how condition keys begin.
    pub issuer: &'a str,
    /// `sub`.
    pub subject: &'a str,
    /// `aud`; the client ID, as STS has checked.
    pub audience: &'a str,
}

/// The decision on a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admittance {
    /// Refused, whatever else there may be.
    No,
    /// It depends on what cannot be known here.
    Depends,
    /// Let in.
    Yes,
}

use Admittance::{Depends, No, Yes};

mod obstacles;

pub use obstacles::{Obstacle, obstacles, pinned_subjects, trusted_principals};

/// Why a trust policy that somebody else wrote does not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustMismatch {
    /// It refuses somebody whom it should let in.
    #[error("does not let {subject} in with the audience {audience} through {provider}")]
    Refuses {
        /// The token's subject.
        subject: String,
        /// The token's audience.
        audience: String,
        /// ARN of the provider.
        provider: String,
    },
    /// It does not pin `sub`.
    #[error("lets every ServiceAccount of the cluster in; add a condition on {issuer}:sub")]
    Open {
        /// How its condition keys begin.
        issuer: String,
    },
}

impl TrustPolicy {
    /// Whether a document that somebody else wrote lets in whom this policy would, and not everybody. What it makes depend
    /// on other things is taken for good: its author has his reasons, and AWS decides.
    ///
    /// # Errors
    /// See [`TrustMismatch`].
    pub fn check_existing(&self, document: &str) -> Result<(), TrustMismatch> {
        let other = other_stranger(document);
        for provider in self.providers.iter() {
            for audience in self.audiences.iter() {
                let claims = |subject| Claims {
                    provider: &provider.arn,
                    issuer: &provider.issuer,
                    subject,
                    audience: audience.as_str(),
                };
                let refused = self
                    .subjects
                    .iter()
                    .find(|subject| admits(document, &claims(subject.as_str())) == No);
                if let Some(subject) = refused {
                    return Err(TrustMismatch::Refuses {
                        subject: subject.to_string(),
                        audience: audience.to_string(),
                        provider: provider.arn.clone(),
                    });
                }
                let is_open = |stranger| admits(document, &claims(stranger)) == Yes;
                if is_open(STRANGER) || is_open(&other) {
                    return Err(TrustMismatch::Open {
                        issuer: provider.issuer.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// A trust policy that is read once and asked about many tokens.
#[derive(Debug, Clone)]
pub struct ReadPolicy(Vec<Value>);

impl ReadPolicy {
    /// As IAM returns it; `None` where the document is no policy, or might be read otherwise by AWS.
    pub fn of(document: &str) -> Option<Self> {
        let policy = json::read(compare::decoded(document).as_bytes()).ok()?;
        let statements = policy.get("Statement").map(items).unwrap_or_default();
        Some(Self(statements.into_iter().cloned().collect()))
    }

    /// Decides on a token.
    pub fn admits(&self, claims: &Claims<'_>) -> Admittance {
        let strongest = |effect: &str| {
            let of_effect = self
                .0
                .iter()
                .filter(|statement| statement.get("Effect").and_then(Value::as_str) == Some(effect));
            of_effect
                .map(|statement| applies(statement, claims))
                .max()
                .unwrap_or(No)
        };
        // A denial that applies beats every permission.
        strongest("Allow").min(not(strongest("Deny")))
    }
}

/// Decides on a token by a trust policy as IAM returns it. A document that is no policy lets nobody in.
pub fn admits(document: &str, claims: &Claims<'_>) -> Admittance {
    ReadPolicy::of(document).map_or(No, |policy| policy.admits(claims))
}

const fn not(other: Admittance) -> Admittance {
    match other {
        No => Yes,
        Depends => Depends,
        Yes => No,
    }
}

/// Whether a statement speaks of this call.
fn applies(statement: &Value, claims: &Claims<'_>) -> Admittance {
    let known = ["Sid", "Effect", "Principal", "Action", "NotAction", "Condition"];
    let unknown = statement
        .as_object()
        .is_none_or(|members| members.keys().any(|member| !known.contains(&member.as_str())));
    let conditions = match statement.get("Condition") {
        None => Yes,
        Some(Value::Object(operators)) => operators
            .iter()
            .map(|(operator, tests)| holds(operator, tests, claims))
            .min()
            .unwrap_or(Yes),
        Some(_) => Depends,
    };
    let judged = principal(statement.get("Principal"), claims)
        .min(action(statement))
        .min(conditions);
    if unknown { judged.min(Depends) } else { judged }
}

fn principal(principal: Option<&Value>, claims: &Claims<'_>) -> Admittance {
    let everybody = |value: &Value| value.as_str() == Some("*");
    let named = |value: &Value| everybody(value) || value.as_str() == Some(claims.provider);
    let any = |kinds: &Map<String, Value>, kind: &str, fits: &dyn Fn(&Value) -> bool| {
        let of_kind = kinds.get(kind);
        of_kind.is_some_and(|values| items(values).into_iter().any(fits))
    };
    match principal {
        Some(Value::Object(kinds)) if any(kinds, "Federated", &named) => Yes,
        // AWS does not say whether everybody includes web identities: a policy that relies on it is not relied upon. Both forms are one
        // [IAM user guide, "AWS JSON policy elements: Principal"].
        Some(Value::Object(kinds)) if any(kinds, "AWS", &everybody) => Depends,
        Some(Value::Object(_)) => No,
        Some(Value::String(text)) => {
            if text == "*" {
                Depends
            } else {
                No
            }
        }
        // NotPrincipal, which IAM refuses in a trust policy.
        _ => Depends,
    }
}

fn action(statement: &Value) -> Admittance {
    let named = |member: &str| {
        let patterns = statement.get(member).map(items)?;
        let patterns = patterns.into_iter().filter_map(Value::as_str).map(str::to_lowercase);
        Some(patterns.into_iter().any(|pattern| like(&pattern, ACTION)))
    };
    match (named("Action"), named("NotAction")) {
        (Some(true), None) | (None, Some(false)) => Yes,
        _ => No,
    }
}

/// One operator with all its keys: all must hold.
fn holds(operator: &str, tests: &Value, claims: &Claims<'_>) -> Admittance {
    let Some(tests) = tests.as_object() else {
        return Depends;
    };
    all_keys(tests, |key, values| {
        let Some(actual) = value_of(key, claims) else {
            return Depends;
        };
        // One value each: any of it and all of it are the same, and the value is there.
        let operator = operator
            .trim_start_matches("ForAnyValue:")
            .trim_start_matches("ForAllValues:");
        let operator = operator.strip_suffix("IfExists").unwrap_or(operator);
        let any = |test: &dyn Fn(&str) -> bool| {
            if values.iter().any(|value| test(value)) {
                Yes
            } else {
                No
            }
        };
        let same_letters = |value: &str| value.to_lowercase() == actual.to_lowercase();
        match operator {
            "StringEquals" => any(&|value| value == actual),
            "StringNotEquals" => not(any(&|value| value == actual)),
            "StringEqualsIgnoreCase" => any(&same_letters),
            "StringNotEqualsIgnoreCase" => not(any(&same_letters)),
            "StringLike" => any(&|value| like(value, actual)),
            "StringNotLike" => not(any(&|value| like(value, actual))),
            // The claim is there: that it is missing is false.
            "Null" => any(&|value| value == "false"),
            _ => Depends,
        }
    })
}

fn all_keys(tests: &Map<String, Value>, test: impl Fn(&str, &[String]) -> Admittance) -> Admittance {
    let judged = tests.iter().map(|(key, values)| {
        let values = items(values).into_iter().map(|value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        });
        match values.collect::<Option<Vec<_>>>() {
            // `${…}` is a variable that AWS fills in.
            Some(values) if !values.iter().any(|value| value.contains("${")) => test(key, &values),
            _ => Depends,
        }
    });
    judged.min().unwrap_or(Yes)
}

/// The claim that a condition key means; names of keys are case-insensitive.
fn value_of<'a>(key: &str, claims: &Claims<'a>) -> Option<&'a str> {
    let is = |claim: &str| key.eq_ignore_ascii_case(&format!("{}:{claim}", claims.issuer));
    if is("sub") {
        Some(claims.subject)
    } else if is("aud") {
        Some(claims.audience)
    } else {
        None
    }
}

fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(many) => many.iter().collect(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests;
