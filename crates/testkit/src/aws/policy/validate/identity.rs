//! Identity policies: inline, managed, boundary, session.

use serde_json::{Map, Value};

use super::{
    STATEMENT_FIELDS, TOP_FIELDS, check_characters, condition_fault, has_duplicate_sid, is_texts, known_version, list,
    malformed, statements_of, unknown_field,
};
use crate::aws::wire::AwsError;

const SYNTAX: &str = "Syntax errors in policy.";

/// Reads an identity policy (inline, managed, boundary, session) or refuses it with `MalformedPolicyDocument`; texts
/// as observed [VGW iamapi/policy/validate.go; moto tests/test_iam/test_iam_policies.py].
pub fn validate_identity(document: &str) -> Result<Value, AwsError> {
    check_characters(document)?;
    let parsed: Value = serde_json::from_str(document).map_err(|_| malformed(SYNTAX))?;
    let top = parsed.as_object().ok_or_else(|| malformed(SYNTAX))?;
    let statements = statements_of(top).ok_or_else(|| malformed(SYNTAX))?;
    if !known_version(top) || unknown_field(top, TOP_FIELDS).is_some() || statements.is_empty() {
        return Err(malformed(SYNTAX));
    }
    for statement in &statements {
        check(statement)?;
    }
    if has_duplicate_sid(&statements) {
        return Err(malformed("Statement IDs (SID) in a single policy must be unique."));
    }
    Ok(parsed)
}

fn check(statement: &Map<String, Value>) -> Result<(), AwsError> {
    if statement.contains_key("Principal") || statement.contains_key("NotPrincipal") {
        return Err(malformed("Policy document should not specify a principal."));
    }
    let both = |a: &str, b: &str| statement.contains_key(a) && statement.contains_key(b);
    let elements = ["Action", "NotAction", "Resource", "NotResource"];
    if unknown_field(statement, STATEMENT_FIELDS).is_some()
        || !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny"))
        || both("Action", "NotAction")
        || both("Resource", "NotResource")
        || elements
            .iter()
            .any(|name| statement.get(*name).is_some_and(|value| !is_texts(value)))
        || statement.get("Sid").is_some_and(|sid| !sid.is_string())
        || condition_fault(statement).is_some()
    {
        return Err(malformed(SYNTAX));
    }
    let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default();
    if !sid.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(malformed(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression \
             [0-9A-Za-z]*",
        ));
    }
    let actions = [list(statement, "Action"), list(statement, "NotAction")].concat();
    if actions.is_empty() {
        return Err(malformed("Policy statement must contain actions."));
    }
    actions.iter().try_for_each(|action| check_action(action))?;
    let resources = [list(statement, "Resource"), list(statement, "NotResource")].concat();
    if resources.is_empty() {
        return Err(malformed("Policy statement must contain resources."));
    }
    resources.iter().try_for_each(|resource| check_resource(resource))
}

fn check_action(action: &str) -> Result<(), AwsError> {
    if action == "*" {
        return Ok(());
    }
    let Some((vendor, name)) = action.split_once(':') else {
        return Err(malformed(
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ));
    };
    if vendor.is_empty() || !vendor.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(malformed(format!("Vendor {vendor} is not valid")));
    }
    if name.contains(':') {
        return Err(malformed("Actions/Condition can contain only one colon."));
    }
    Ok(())
}

fn check_resource(resource: &str) -> Result<(), AwsError> {
    if resource == "*" {
        return Ok(());
    }
    let Some(rest) = resource.strip_prefix("arn:") else {
        return Err(malformed(format!(
            "Resource {resource} must be in ARN format or \"*\"."
        )));
    };
    let fields: Vec<&str> = rest.splitn(5, ':').collect();
    match fields.as_slice() {
        [partition, _, _, _, _] if *partition == "*" || *partition == "aws" || partition.starts_with("aws-") => Ok(()),
        [partition, _, _, _, _] => Err(malformed(format!(
            "Partition \"{partition}\" is not valid for resource \"{resource}\"."
        ))),
        _ => Err(malformed("The policy failed legacy parsing")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn identity_policies_are_refused_in_iams_words() {
        let one = |statement: Value| json!({"Version": "2012-10-17", "Statement": statement}).to_string();
        let good = json!({"Sid": "a", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
        let but = |name: &str, value: Value| {
            let mut statement = good.clone();
            statement[name] = value;
            one(statement)
        };
        let without = |name: &str| {
            let mut statement = good.clone();
            statement.as_object_mut().map(|fields| fields.remove(name));
            one(statement)
        };
        let rows: Vec<(String, &str)> = vec![
            ("{".into(), SYNTAX),
            ("[]".into(), SYNTAX),
            ("{}".into(), SYNTAX),
            (one(json!([])), SYNTAX),
            (json!({"Version": "2020-01-01", "Statement": good}).to_string(), SYNTAX),
            (
                json!({"Version": "2012-10-17", "Extra": 1, "Statement": good}).to_string(),
                SYNTAX,
            ),
            (but("Effect", json!("allow")), SYNTAX),
            (without("Effect"), SYNTAX),
            (but("NotAction", json!("s3:*")), SYNTAX),
            (but("Colour", json!("red")), SYNTAX),
            (but("Action", json!({"a": 1})), SYNTAX),
            (but("Condition", json!({"StringEqual": {"a": "b"}})), SYNTAX),
            (but("Condition", json!({"StringEquals": "x"})), SYNTAX),
            (but("Condition", json!({"StringEquals": {"a": {"b": "c"}}})), SYNTAX),
            (
                but("Principal", json!("*")),
                "Policy document should not specify a principal.",
            ),
            (without("Action"), "Policy statement must contain actions."),
            (without("Resource"), "Policy statement must contain resources."),
            (but("Resource", json!([])), "Policy statement must contain resources."),
            (
                but("Action", json!("GetObject")),
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
            ),
            (but("Action", json!("s 3:GetObject")), "Vendor s 3 is not valid"),
            (
                but("Action", json!("s3:a:b")),
                "Actions/Condition can contain only one colon.",
            ),
            (
                but("Resource", json!("bucket")),
                "Resource bucket must be in ARN format or \"*\".",
            ),
            (but("Resource", json!("arn:aws:s3")), "The policy failed legacy parsing"),
            (
                but("Resource", json!("arn:ws:s3:::b")),
                "Partition \"ws\" is not valid for resource \"arn:ws:s3:::b\".",
            ),
            (
                one(json!([good, good])),
                "Statement IDs (SID) in a single policy must be unique.",
            ),
        ];
        for (document, want) in rows {
            let error = validate_identity(&document).expect_err(&document);
            assert_eq!(
                (error.status, error.code.as_str(), error.message.as_str()),
                (400, "MalformedPolicyDocument", want)
            );
        }
    }

    #[test]
    fn good_identity_policies_are_read_as_they_are() {
        for document in [
            json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}),
            json!({"Version": "2008-10-17", "Id": "x", "Statement": [{"Effect": "Deny", "NotAction": ["iam:*"],
                   "NotResource": ["arn:aws-cn:s3:::b/*"],
                   "Condition": {"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": ["a", "b*"]}, "Bool": {"x": true}}}]}),
        ] {
            assert_eq!(validate_identity(&document.to_string()).expect("valid"), document);
        }
    }

    #[test]
    fn characters_beyond_latin_1_are_a_validation_error() {
        let document = json!({"Id": "\u{20ac}", "Statement": []}).to_string();
        assert_eq!(
            validate_identity(&document).expect_err("euro sign").code,
            "ValidationError"
        );
    }
}
