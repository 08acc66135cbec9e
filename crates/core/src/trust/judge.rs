//! Whether a trust policy that somebody else wrote lets a token in.
//!
//! AWS alone decides; this is the same decision over what can be known here: the provider, `sub` and `aud`. What depends
//! on anything else (the caller's address, the time) is neither true nor false, and an operator or element that is not
//! listed below is not guessed at. Sources: IAM user guide, "Policy evaluation logic", "IAM JSON policy elements:
//! Condition operators", "Creating a condition with multiple keys or values".

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::TrustPolicy;
use crate::{compare, json};

/// A subject that nobody binds: whoever lets it in lets everybody in.
const STRANGER: &str = "system:serviceaccount:irsa-anywhere-system:irsa-anywhere-canary";

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
                if admits(document, &claims(STRANGER)) == Yes {
                    return Err(TrustMismatch::Open {
                        issuer: provider.issuer.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Decides on a token by a trust policy as IAM returns it. A document that is no policy lets nobody in.
pub fn admits(document: &str, claims: &Claims<'_>) -> Admittance {
    let text = compare::decoded(document);
    let Ok(policy) = json::read(text.as_bytes()) else {
        return No;
    };
    let statements = policy.get("Statement").map(items).unwrap_or_default();
    let strongest = |effect: &str| {
        let of_effect = statements
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
    let named = |value: &Value| value.as_str() == Some("*") || value.as_str() == Some(claims.provider);
    let is = match principal {
        // AWS does not say whether everybody includes web identities: a policy that relies on it is not relied upon.
        Some(Value::String(everybody)) => return if everybody == "*" { Depends } else { No },
        Some(Value::Object(kinds)) => kinds
            .get("Federated")
            .is_some_and(|federated| items(federated).into_iter().any(named)),
        // NotPrincipal, which IAM refuses in a trust policy.
        _ => return Depends,
    };
    if is { Yes } else { No }
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

/// `*` is any text, `?` any character.
fn like(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // Up to where of the text the pattern can have come so far.
    let mut reached = BTreeSet::from([0]);
    for wanted in pattern.chars() {
        reached = match wanted {
            '*' => reached
                .first()
                .map(|first| (*first..=text.len()).collect())
                .unwrap_or_default(),
            wanted => {
                let next = |at: &usize| text.get(*at).is_some_and(|found| wanted == '?' || *found == wanted);
                reached.iter().filter(|at| next(at)).map(|at| at + 1).collect()
            }
        };
    }
    reached.contains(&text.len())
}

fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(many) => many.iter().collect(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::trust::{Audience, NonEmptySet, Subject, TrustPolicy, TrustProvider};

    const ARN: &str = "arn:aws:iam::123456789012:oidc-provider/b.example/c";
    const CLAIMS: Claims<'_> = Claims {
        provider: ARN,
        issuer: "b.example/c",
        subject: "system:serviceaccount:ns:app",
        audience: "sts.amazonaws.com",
    };

    fn statement(change: impl FnOnce(&mut Value)) -> Value {
        let mut statement = json!({
            "Effect": "Allow", "Principal": {"Federated": ARN}, "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                "b.example/c:sub": "system:serviceaccount:ns:app", "b.example/c:aud": "sts.amazonaws.com",
            }},
        });
        change(&mut statement);
        statement
    }

    fn judged(statements: &[Value]) -> Admittance {
        admits(
            &json!({"Version": "2012-10-17", "Statement": statements}).to_string(),
            &CLAIMS,
        )
    }

    fn with(condition: Value) -> Admittance {
        judged(&[statement(|statement| statement["Condition"] = condition)])
    }

    #[test]
    fn what_we_render_ourselves_lets_in_whom_it_names_and_nobody_else() {
        let policy = TrustPolicy {
            providers: NonEmptySet::one(TrustProvider::new(ARN, "b.example/c")),
            subjects: NonEmptySet::one(Subject::new("ns", "app").unwrap()),
            audiences: NonEmptySet::one(Audience::new("sts.amazonaws.com").unwrap()),
        };
        let document = policy.render(usize::MAX).unwrap();
        assert_eq!(admits(document.as_str(), &CLAIMS), Yes);
        for other in [
            Claims {
                subject: "system:serviceaccount:ns:other",
                ..CLAIMS
            },
            Claims {
                audience: "vault",
                ..CLAIMS
            },
            Claims {
                provider: "arn:aws:iam::123456789012:oidc-provider/b.example",
                ..CLAIMS
            },
        ] {
            assert_eq!(admits(document.as_str(), &other), No, "{other:?}");
        }
        assert_eq!(admits(crate::trust::closed().as_str(), &CLAIMS), No);
        for text in ["", "{}", "[]", r#"{"Statement":[]}"#, r#"{"Statement":"x"}"#] {
            assert_ne!(admits(text, &CLAIMS), Yes, "{text}");
        }
    }

    #[test]
    fn somebody_elses_policy_must_let_in_whom_it_should_and_not_everybody() {
        let policy = |names: &[&str]| TrustPolicy {
            providers: NonEmptySet::one(TrustProvider::new(ARN, "b.example/c")),
            subjects: NonEmptySet::new(names.iter().map(|name| Subject::new("ns", name).unwrap())).unwrap(),
            audiences: NonEmptySet::one(Audience::new("sts.amazonaws.com").unwrap()),
        };
        let document = |condition: Value| {
            json!({"Statement": statement(|statement| statement["Condition"] = condition)}).to_string()
        };
        let pinned = document(json!({"StringEquals": {"b.example/c:sub": "system:serviceaccount:ns:app"}}));
        assert_eq!(policy(&["app"]).check_existing(&pinned), Ok(()));
        let refused = policy(&["app", "job"]).check_existing(&pinned).unwrap_err();
        assert!(
            matches!(&refused, TrustMismatch::Refuses { subject, .. } if subject.ends_with(":job")),
            "{refused}"
        );
        let whole_namespace = document(json!({"StringLike": {"b.example/c:sub": "system:serviceaccount:ns:*"}}));
        assert_eq!(policy(&["app", "job"]).check_existing(&whole_namespace), Ok(()));
        let from_here = document(json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}));
        assert_eq!(
            policy(&["app"]).check_existing(&from_here),
            Ok(()),
            "its author has his reasons"
        );
        for condition in [
            json!({}),
            json!({"StringEquals": {"b.example/c:aud": "sts.amazonaws.com"}}),
            json!({"StringLike": {"b.example/c:sub": "system:serviceaccount:*"}}),
        ] {
            let refused = policy(&["app"])
                .check_existing(&document(condition.clone()))
                .unwrap_err();
            assert!(matches!(refused, TrustMismatch::Open { .. }), "{condition}");
            assert!(refused.to_string().ends_with("b.example/c:sub"), "{refused}");
        }
    }

    #[test]
    fn operators_are_read_as_iam_reads_them() {
        let sub = |operator: &str, value: Value| with(json!({ operator: {"b.example/c:sub": value} }));
        let app = "system:serviceaccount:ns:app";
        for (operator, value, expected) in [
            ("StringEquals", json!(["x", app]), Yes),
            ("StringEquals", json!("SYSTEM:serviceaccount:ns:app"), No),
            ("StringEquals", json!("system:serviceaccount:ns:*"), No),
            ("StringEqualsIgnoreCase", json!("SYSTEM:serviceaccount:ns:app"), Yes),
            ("StringLike", json!("system:serviceaccount:ns:*"), Yes),
            ("StringLike", json!("system:serviceaccount:?s:app"), Yes),
            ("StringLike", json!("system:serviceaccount:other:*"), No),
            ("StringNotEquals", json!(["x", app]), No),
            ("StringNotLike", json!("x*"), Yes),
            ("StringEqualsIfExists", json!(app), Yes),
            ("ForAnyValue:StringEquals", json!([app]), Yes),
            ("ForAllValues:StringLike", json!(["other"]), No),
            ("Null", json!("false"), Yes),
            ("Null", json!(true), No),
            ("StringEquals", json!("${aws:username}"), Depends),
            ("StringEquals", json!(1), Depends),
            ("DateGreaterThan", json!("2026-01-01T00:00:00Z"), Depends),
        ] {
            assert_eq!(sub(operator, value.clone()), expected, "{operator} {value}");
        }
    }

    #[test]
    fn every_condition_must_hold_and_a_denial_beats_every_permission() {
        let two = json!({
            "StringEquals": {"b.example/c:aud": "sts.amazonaws.com"},
            "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
        });
        assert_eq!(with(two.clone()), Depends);
        assert_eq!(
            with(json!({"StringEquals": {"b.example/c:aud": "vault"}, "IpAddress": two["IpAddress"]})),
            No
        );
        assert_eq!(
            with(json!({"StringEquals": {"B.EXAMPLE/C:SUB": "system:serviceaccount:ns:app"}})),
            Yes
        );
        let deny = |condition: Value| {
            statement(|statement| {
                statement["Effect"] = json!("Deny");
                statement["Condition"] = condition;
            })
        };
        let allow = statement(|_| ());
        assert_eq!(judged(&[allow.clone(), deny(json!({}))]), No);
        assert_eq!(judged(&[deny(two.clone()), allow.clone()]), Depends);
        let nobody = statement(|statement| statement["Principal"] = json!({"AWS": "*"}));
        assert_eq!(judged(&[nobody, allow]), Yes, "one permission is enough");
    }

    #[test]
    fn actions_and_principals_are_matched_whole() {
        let of = |member: &str, value: Value| judged(&[statement(|statement| statement[member] = value)]);
        for action in [
            json!("sts:*"),
            json!("STS:AssumeRoleWithWeb*"),
            json!(["sts:TagSession", "*"]),
        ] {
            assert_eq!(of("Action", action.clone()), Yes, "{action}");
        }
        for action in [json!("sts:AssumeRole"), json!("sts:AssumeRole?"), json!([])] {
            assert_eq!(of("Action", action.clone()), No, "{action}");
        }
        for (principal, expected) in [
            (json!({"Federated": ["x", ARN]}), Yes),
            (json!({"Federated": "*"}), Yes),
            (json!({"AWS": ARN}), No),
            (json!("*"), Depends),
        ] {
            assert_eq!(of("Principal", principal.clone()), expected, "{principal}");
        }
        assert_eq!(
            of("Resource", json!("*")),
            Depends,
            "an element that does not belong here"
        );
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_it_was_made_of(pieces in prop::collection::vec("[ab]{0,3}", 1..4), fill in "[abc]{0,3}") {
            let text = pieces.join(&fill);
            prop_assert!(like(&pieces.join("*"), &text));
            prop_assert!(like(&text, &text));
            let other = format!("{text}d");
            prop_assert!(!like(&text, &other));
        }
    }
}
