//! What of a trust policy keeps a token out.

use serde_json::{Value, json};

use super::{Admittance::No, Claims, action, admits, applies, items, principal};
use crate::{compare, json as strict};

/// Something in a trust policy that keeps a token out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// It is no policy.
    Unreadable,
    /// No statement that allows names the provider.
    Provider {
        /// Whom the statements name instead.
        trusted: Vec<String>,
    },
    /// Those that name it allow something else.
    Action,
    /// Their condition on `aud`.
    Audience {
        /// The values that it has.
        accepted: Vec<String>,
    },
    /// Their condition on `sub`.
    Subject {
        /// The values that it has.
        accepted: Vec<String>,
    },
    /// Another condition, or several that contradict each other.
    Conditions,
    /// A statement that denies.
    Denied,
    /// It depends on what only AWS knows whether the token comes in.
    Depends,
}

/// What keeps a token out of a role with this trust policy, as IAM returns it; nothing where [`admits`] says yes.
pub fn obstacles(document: &str, claims: &Claims<'_>) -> Vec<Obstacle> {
    match admits(document, claims) {
        super::Admittance::Yes => return Vec::new(),
        super::Admittance::Depends => return vec![Obstacle::Depends],
        No => {}
    }
    let Ok(policy) = strict::read(compare::decoded(document).as_bytes()) else {
        return vec![Obstacle::Unreadable];
    };
    let statements = policy.get("Statement").map(items).unwrap_or_default();
    if statements.is_empty() {
        return vec![Obstacle::Unreadable];
    }
    let allowing: Vec<&Value> = statements
        .into_iter()
        .filter(|statement| statement.get("Effect").and_then(Value::as_str) == Some("Allow"))
        .collect();
    if allowing.iter().any(|statement| applies(statement, claims) != No) {
        return vec![Obstacle::Denied];
    }
    let named = |statement: &&&Value| principal(statement.get("Principal"), claims) != No;
    let naming: Vec<&Value> = allowing.iter().filter(named).copied().collect();
    if naming.is_empty() {
        let trusted = allowing.iter().flat_map(|statement| principals(statement)).collect();
        return vec![Obstacle::Provider { trusted }];
    }
    let acting: Vec<&Value> = naming.into_iter().filter(|statement| action(statement) != No).collect();
    if acting.is_empty() {
        return vec![Obstacle::Action];
    }
    of_claims(&acting, claims)
}

/// The fewest claims with which another token would come in.
fn of_claims(statements: &[&Value], claims: &Claims<'_>) -> Vec<Obstacle> {
    let values = |claim: &str| {
        let of = statements
            .iter()
            .flat_map(|statement| pinned(statement, claims.issuer, claim, &|_| true));
        of.collect::<Vec<String>>()
    };
    let (audiences, subjects) = (values("aud"), values("sub"));
    let comes_in = |audience: &str, subject: &str| {
        let other = Claims {
            subject,
            audience,
            ..*claims
        };
        statements.iter().any(|statement| applies(statement, &other) != No)
    };
    let audience = || Obstacle::Audience {
        accepted: audiences.clone(),
    };
    let subject = || Obstacle::Subject {
        accepted: subjects.clone(),
    };
    if audiences.iter().any(|other| comes_in(other, claims.subject)) {
        vec![audience()]
    } else if subjects.iter().any(|other| comes_in(claims.audience, other)) {
        vec![subject()]
    } else if audiences
        .iter()
        .any(|one| subjects.iter().any(|other| comes_in(one, other)))
    {
        vec![audience(), subject()]
    } else {
        vec![Obstacle::Conditions]
    }
}

/// The values of the conditions of a statement on a claim, by these operators.
fn pinned(statement: &Value, issuer: &str, claim: &str, by: &dyn Fn(&str) -> bool) -> Vec<String> {
    let key = format!("{issuer}:{claim}");
    let operators = statement.get("Condition").and_then(Value::as_object);
    let tests = operators
        .into_iter()
        .flatten()
        .filter(|(operator, _)| by(operator))
        .filter_map(|(_, tests)| tests.as_object());
    tests
        .flatten()
        .filter(|(name, _)| name.eq_ignore_ascii_case(&key))
        .flat_map(|(_, values)| items(values))
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

/// The values of `sub` by which a trust policy lets tokens of a provider in, patterns too; those also that a denial makes an exception of.
pub fn pinned_subjects(document: &str, claims: &Claims<'_>) -> Vec<String> {
    let Ok(policy) = strict::read(compare::decoded(document).as_bytes()) else {
        return Vec::new();
    };
    let statements = policy.get("Statement").map(items).unwrap_or_default();
    let lets_in = |statement: &&Value| {
        let allows = statement.get("Effect").and_then(Value::as_str) == Some("Allow");
        allows && principal(statement.get("Principal"), claims) != No && action(statement) != No
    };
    let denies = |statement: &&Value| statement.get("Effect").and_then(Value::as_str) == Some("Deny");
    let letting = statements.iter().copied().filter(lets_in);
    let named = letting.flat_map(|statement| pinned(statement, claims.issuer, "sub", &|_| true));
    let denying = statements.iter().copied().filter(denies);
    let is_negated = |operator: &str| operator.contains("Not");
    named
        .chain(denying.flat_map(|statement| pinned(statement, claims.issuer, "sub", &is_negated)))
        .collect()
}

/// Everybody whom the statements of a trust policy that allow name, as text: providers, accounts, services.
pub fn trusted_principals(document: &str) -> Vec<String> {
    let Ok(policy) = strict::read(compare::decoded(document).as_bytes()) else {
        return Vec::new();
    };
    let statements = policy.get("Statement").map(items).unwrap_or_default();
    let allows = |statement: &&Value| statement.get("Effect").and_then(Value::as_str) == Some("Allow");
    statements.into_iter().filter(allows).flat_map(principals).collect()
}

/// Whom a statement names, as text.
fn principals(statement: &Value) -> Vec<String> {
    let named = statement.get("Principal").cloned().unwrap_or_else(|| json!([]));
    let values = match &named {
        Value::Object(kinds) => kinds.values().flat_map(items).collect(),
        other => items(other),
    };
    values
        .into_iter()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "b.example/c";
    const ARN: &str = "arn:aws:iam::123456789012:oidc-provider/b.example/c";
    const SUBJECT: &str = "system:serviceaccount:ns:app";

    fn statement() -> Value {
        json!({
            "Effect": "Allow",
            "Principal": {"Federated": ARN},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {"b.example/c:aud": "x", "b.example/c:sub": SUBJECT}},
        })
    }

    fn changed(pointer: &str, value: Value) -> Value {
        let mut statement = statement();
        *statement.pointer_mut(pointer).unwrap() = value;
        statement
    }

    fn of(statements: &[Value]) -> Vec<Obstacle> {
        let claims = Claims {
            provider: ARN,
            issuer: ISSUER,
            subject: SUBJECT,
            audience: "x",
        };
        obstacles(
            &json!({"Version": "2012-10-17", "Statement": statements}).to_string(),
            &claims,
        )
    }

    #[test]
    fn each_part_of_a_statement_is_named_that_keeps_a_token_out() {
        let texts = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let pins = "/Condition/StringEquals";
        let other = "arn:aws:iam::123456789012:oidc-provider/d.example";
        let deny = json!({"Effect": "Deny", "Principal": {"Federated": ARN}, "Action": "sts:*"});
        for (statements, expected) in [
            (vec![statement()], vec![]),
            (vec![], vec![Obstacle::Unreadable]),
            (vec![statement(), deny], vec![Obstacle::Denied]),
            (
                vec![changed(
                    "/Principal",
                    json!({"Federated": other, "AWS": "123456789012"}),
                )],
                vec![Obstacle::Provider {
                    trusted: texts(&["123456789012", other]),
                }],
            ),
            (
                vec![changed("/Action", json!("sts:AssumeRole"))],
                vec![Obstacle::Action],
            ),
            (
                vec![changed(
                    pins,
                    json!({"B.example/c:aud": ["y", "z"], "b.example/c:sub": SUBJECT}),
                )],
                vec![Obstacle::Audience {
                    accepted: texts(&["y", "z"]),
                }],
            ),
            (
                vec![changed(pins, json!({"b.example/c:aud": "x", "b.example/c:sub": "s"}))],
                vec![Obstacle::Subject {
                    accepted: texts(&["s"]),
                }],
            ),
            (
                vec![changed(pins, json!({"b.example/c:aud": "y", "b.example/c:sub": "s"}))],
                vec![
                    Obstacle::Audience {
                        accepted: texts(&["y"]),
                    },
                    Obstacle::Subject {
                        accepted: texts(&["s"]),
                    },
                ],
            ),
            (
                vec![changed("/Condition", json!({"Null": {"b.example/c:sub": "true"}}))],
                vec![Obstacle::Conditions],
            ),
            (
                vec![changed(
                    "/Condition",
                    json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
                )],
                vec![Obstacle::Depends],
            ),
            // One statement is enough.
            (vec![changed("/Action", json!("sts:AssumeRole")), statement()], vec![]),
        ] {
            assert_eq!(of(&statements), expected, "{statements:?}");
        }
        assert_eq!(
            obstacles(
                "<html>",
                &Claims {
                    provider: ARN,
                    issuer: ISSUER,
                    subject: "",
                    audience: ""
                }
            ),
            [Obstacle::Unreadable]
        );
    }
}
