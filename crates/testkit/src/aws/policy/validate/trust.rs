//! Role trust policies.

use serde_json::{Map, Value};

use super::{
    STATEMENT_FIELDS, TOP_FIELDS, check_characters, condition_fault, has_duplicate_sid, is_texts, known_version, list,
    malformed, statements_of, unknown_field,
};
use crate::aws::wire::AwsError;

/// Reads a role's trust policy or refuses it with `MalformedPolicyDocument`; texts as observed
/// [VGW iamapi/policy/trust.go]. Whether AWS principals exist is IAM's to check, with the same code.
pub fn validate_trust(document: &str) -> Result<Value, AwsError> {
    check_characters(document)?;
    let invalid = || malformed("This policy contains invalid Json");
    let parsed: Value = serde_json::from_str(document).map_err(|_| invalid())?;
    let top = parsed.as_object().ok_or_else(invalid)?;
    if !known_version(top) {
        return Err(malformed("The policy must contain a valid version string"));
    }
    if let Some(field) = unknown_field(top, TOP_FIELDS) {
        return Err(malformed(format!("Unknown field {field}")));
    }
    let statements = statements_of(top).ok_or_else(|| malformed("Syntax error in policy."))?;
    if statements.is_empty() {
        return Err(malformed("Could not parse the policy: Statement is empty!"));
    }
    for statement in &statements {
        check(statement)?;
    }
    if has_duplicate_sid(&statements) {
        return Err(malformed("The Statement Ids in the policy are not unique"));
    }
    Ok(parsed)
}

fn check(statement: &Map<String, Value>) -> Result<(), AwsError> {
    if let Some(field) = unknown_field(statement, STATEMENT_FIELDS) {
        return Err(malformed(format!("Unknown field {field}")));
    }
    match statement.get("Effect").map(Value::as_str) {
        Some(Some("Allow" | "Deny")) => {}
        None => return Err(malformed("Missing required field Effect")),
        Some(effect) => return Err(malformed(format!("Invalid effect: {}", effect.unwrap_or_default()))),
    }
    if statement.contains_key("NotPrincipal") {
        return Err(malformed("AssumeRole policy must not contain NotPrincipal field."));
    }
    check_principal(statement.get("Principal"))?;
    if statement.contains_key("Resource") {
        return Err(malformed("Has prohibited field Resource"));
    }
    if statement.contains_key("NotResource") {
        return Err(malformed("AssumeRole policy must not contain resources."));
    }
    let actions = [list(statement, "Action"), list(statement, "NotAction")].concat();
    if actions.is_empty() {
        return Err(malformed("Missing required field Action"));
    }
    if statement.contains_key("Action") && statement.contains_key("NotAction") {
        return Err(malformed("Syntax error in policy."));
    }
    if actions
        .iter()
        .any(|action| !action.to_ascii_lowercase().starts_with("sts:"))
    {
        return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
    }
    if condition_fault(statement).is_some() {
        return Err(malformed("Syntax error in policy."));
    }
    Ok(())
}

fn check_principal(principal: Option<&Value>) -> Result<(), AwsError> {
    let kinds = match principal {
        None => return Err(malformed("Missing required field Principal")),
        Some(Value::Object(kinds)) => kinds,
        Some(Value::String(_)) => return Err(malformed("Principal must be a JSON object.")),
        Some(_) => return Err(malformed("Syntax error in policy.")),
    };
    if kinds.is_empty() {
        return Err(malformed("Missing required field Principal cannot be empty!"));
    }
    for (kind, values) in kinds {
        if !matches!(kind.as_str(), "AWS" | "Service" | "Federated") || !is_texts(values) {
            return Err(malformed(format!("Invalid principal in policy: \"{kind}\"")));
        }
        for value in super::texts(values) {
            if !plausible(kind, &value) {
                return Err(malformed(format!(
                    "Invalid principal in policy: \"{}\":\"{value}\"",
                    kind.to_uppercase()
                )));
            }
        }
    }
    Ok(())
}

/// The shape of one principal [IAMUG-2023 reference_policies_elements_principal]. A federated principal is an ARN of
/// a provider (which need not exist) or one of the built-in web identity providers' domains.
fn plausible(kind: &str, value: &str) -> bool {
    match kind {
        "AWS" => super::bucket::plausible_aws_principal(value),
        "Federated" => {
            let provider = value
                .split_once(":iam::")
                .and_then(|(_, rest)| rest.split_once(':'))
                .map(|(_, name)| name);
            match provider {
                Some(name) => {
                    value.starts_with("arn:aws")
                        && (name.starts_with("oidc-provider/") || name.starts_with("saml-provider/"))
                }
                None => !value.contains(':') && value.contains('.') && !value.contains(['*', '/', ' ']),
            }
        }
        _ => value.contains('.') && !value.contains(['*', ':', '/', ' ']),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({
            "Effect": "Allow",
            "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/issuer.example/x"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {"issuer.example/x:sub": "s", "issuer.example/x:aud": "a"}}
        })
    }

    #[test]
    fn trust_policies_are_refused_in_iams_words() {
        let one = |statement: Value| json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let but = |name: &str, value: Value| {
            let mut statement = good();
            statement[name] = value;
            one(statement)
        };
        let without = |name: &str| {
            let mut statement = good();
            statement.as_object_mut().map(|fields| fields.remove(name));
            one(statement)
        };
        let rows: Vec<(String, &str)> = vec![
            ("nonsense".into(), "This policy contains invalid Json"),
            ("{}".into(), "Could not parse the policy: Statement is empty!"),
            (
                json!({"Version": "1", "Statement": good()}).to_string(),
                "The policy must contain a valid version string",
            ),
            (
                json!({"version": "x", "Statement": good()}).to_string(),
                "Unknown field version",
            ),
            (without("Effect"), "Missing required field Effect"),
            (but("Effect", json!("Permit")), "Invalid effect: Permit"),
            (without("Principal"), "Missing required field Principal"),
            (but("Principal", json!("*")), "Principal must be a JSON object."),
            (
                but("Principal", json!({})),
                "Missing required field Principal cannot be empty!",
            ),
            (
                but("Principal", json!({"Aws": "x"})),
                "Invalid principal in policy: \"Aws\"",
            ),
            (
                but("Principal", json!({"AWS": "nobody"})),
                "Invalid principal in policy: \"AWS\":\"nobody\"",
            ),
            (
                but("Principal", json!({"Federated": "arn:aws:iam::123456789012:role/x"})),
                "Invalid principal in policy: \"FEDERATED\":\"arn:aws:iam::123456789012:role/x\"",
            ),
            (but("Resource", json!("*")), "Has prohibited field Resource"),
            (without("Action"), "Missing required field Action"),
            (
                but("Action", json!("s3:GetObject")),
                "AssumeRole policy may only specify STS AssumeRole actions.",
            ),
            (
                but("Condition", json!({"StringIs": {"a": "b"}})),
                "Syntax error in policy.",
            ),
            (but("Condition", json!([])), "Syntax error in policy."),
        ];
        for (document, want) in rows {
            let error = validate_trust(&document).expect_err(&document);
            assert_eq!(
                (error.code.as_str(), error.message.as_str()),
                ("MalformedPolicyDocument", want),
                "{document}"
            );
        }
    }

    #[test]
    fn good_trust_policies_are_read_as_they_are() {
        let service =
            json!({"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com"]}, "Action": "sts:AssumeRole"});
        let account = json!({"Effect": "Deny", "Principal": {"AWS": ["123456789012", "*"]}, "Action": ["sts:*"]});
        for document in [
            json!({"Statement": good()}),
            json!({"Version": "2012-10-17", "Statement": [service, account]}),
        ] {
            assert_eq!(validate_trust(&document.to_string()).expect("valid"), document);
        }
    }
}
