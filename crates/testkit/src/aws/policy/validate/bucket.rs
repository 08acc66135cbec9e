//! Bucket policies.

use serde_json::{Map, Value};

use super::{
    ConditionFault, STATEMENT_FIELDS, TOP_FIELDS, condition_fault, condition_keys, has_duplicate_sid, is_texts,
    known_version, list, statements_of, unknown_field,
};
use crate::aws::{policy::pattern::Pattern, wire::AwsError};

/// "Bucket policies are limited to 20 KB in size" [S3UG bucket-policies].
const MAX_BYTES: usize = 20 * 1024;

/// Actions on a bucket and on an object, of those that the double serves [SAR s3]. Others are let through unchecked.
const BUCKET_ACTIONS: &[&str] = &[
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:GetBucketLocation",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketPolicyStatus",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
    "s3:ListBucket",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
];
const OBJECT_ACTIONS: &[&str] = &["s3:DeleteObject", "s3:GetObject", "s3:PutObject", "s3:PutObjectAcl"];

/// Keys that only listings have: on any other action S3 refuses the statement [SAR s3; observed MalformedPolicy].
const LISTING_KEYS: &[&str] = &["s3:prefix", "s3:delimiter", "s3:max-keys"];

/// Reads the policy of bucket `bucket` or refuses it with `MalformedPolicy`; texts as observed
/// [VGW auth/bucket_policy.go]. Whether AWS principals exist is not checked here.
pub fn validate_bucket(document: &str, bucket: &str) -> Result<Value, AwsError> {
    if !document.starts_with('{') {
        return Err(malformed("Policies must be valid JSON and the first byte must be '{'"));
    }
    if document.len() > MAX_BYTES {
        return Err(malformed(format!(
            "Normalized policy document exceeds the maximum allowed size of {MAX_BYTES} bytes."
        )));
    }
    let invalid = || malformed("This policy contains invalid Json");
    let parsed: Value = serde_json::from_str(document).map_err(|_| invalid())?;
    let top = parsed.as_object().ok_or_else(invalid)?;
    if let Some(field) = unknown_field(top, TOP_FIELDS) {
        return Err(malformed(format!("Unknown field {field}")));
    }
    if !known_version(top) {
        return Err(malformed("The policy must contain a valid version string"));
    }
    if !top.contains_key("Statement") {
        return Err(malformed("Missing required field Statement"));
    }
    let statements = statements_of(top).ok_or_else(|| malformed("Invalid policy syntax."))?;
    if statements.is_empty() {
        return Err(malformed("Could not parse the policy: Statement is empty!"));
    }
    for statement in &statements {
        check(statement, bucket).map_err(malformed)?;
    }
    if has_duplicate_sid(&statements) {
        return Err(malformed("The Statement Ids in the policy are not unique"));
    }
    Ok(parsed)
}

fn check(statement: &Map<String, Value>, bucket: &str) -> Result<(), String> {
    if let Some(field) = unknown_field(statement, STATEMENT_FIELDS) {
        return Err(format!("Unknown field {field}"));
    }
    match statement.get("Effect").map(Value::as_str) {
        Some(Some("Allow" | "Deny")) => {}
        None => return Err("Missing required field Effect".into()),
        Some(effect) => return Err(format!("Invalid effect: {}", effect.unwrap_or_default())),
    }
    match statement.get("Principal").or_else(|| statement.get("NotPrincipal")) {
        None => return Err("Missing required field Principal".into()),
        Some(principal) if !principal_is_plausible(principal) => return Err("Invalid principal in policy".into()),
        Some(_) => {}
    }
    let actions = elements(statement, "Action", "NotAction")?;
    if actions
        .iter()
        .any(|action| action != "*" && !action.to_ascii_lowercase().starts_with("s3:"))
    {
        return Err("Policy has invalid action".into());
    }
    let resources = elements(statement, "Resource", "NotResource")?;
    if !resources.iter().all(|resource| is_of_bucket(resource, bucket)) {
        return Err("Policy has invalid resource".into());
    }
    if statement.contains_key("Action") && statement.contains_key("Resource") {
        actions.iter().try_for_each(|action| fits(action, &resources))?;
    }
    match condition_fault(statement) {
        Some(ConditionFault::Shape) => return Err("Invalid policy syntax.".into()),
        Some(ConditionFault::Operator(name)) => return Err(format!("Invalid Condition type : {name}")),
        None => {}
    }
    for key in condition_keys(statement) {
        check_key(&key.to_ascii_lowercase(), &actions)?;
    }
    Ok(())
}

/// The texts of an element or of its negation; exactly one of them must be there.
fn elements(statement: &Map<String, Value>, name: &str, negated: &str) -> Result<Vec<String>, String> {
    let given = match (statement.get(name), statement.get(negated)) {
        (Some(_), Some(_)) => return Err("Invalid policy syntax.".into()),
        (None, None) => return Err(format!("Missing required field {name}")),
        (Some(value), None) | (None, Some(value)) => value,
    };
    if !is_texts(given) {
        return Err("Invalid policy syntax.".into());
    }
    let texts = [list(statement, name), list(statement, negated)].concat();
    if texts.is_empty() {
        Err(format!("Missing required field {name} cannot be empty!"))
    } else {
        Ok(texts)
    }
}

fn principal_is_plausible(principal: &Value) -> bool {
    let Value::Object(kinds) = principal else {
        return principal.as_str() == Some("*");
    };
    !kinds.is_empty()
        && kinds.iter().all(|(kind, values)| {
            is_texts(values)
                && match kind.as_str() {
                    "AWS" => super::texts(values).iter().all(|value| plausible_aws_principal(value)),
                    "Service" | "Federated" | "CanonicalUser" => true,
                    _ => false,
                }
        })
}

/// Everybody, an account, or the ARN of an IAM or STS identity, without wildcards.
pub(super) fn plausible_aws_principal(value: &str) -> bool {
    let account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if value == "*" || account(value) {
        return true;
    }
    match value.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", partition, service @ ("iam" | "sts"), "", owner, name] => {
            let kinds: &[&str] = if *service == "iam" {
                &["user/", "role/"]
            } else {
                &["assumed-role/", "federated-user/"]
            };
            partition.starts_with("aws")
                && account(owner)
                && !name.contains('*')
                && (*name == "root"
                    || kinds
                        .iter()
                        .any(|kind| name.len() > kind.len() && name.starts_with(kind)))
        }
        _ => false,
    }
}

/// `arn:<partition>:s3:::<bucket>`, with anything behind the bucket's name that still names this bucket.
fn is_of_bucket(resource: &str, bucket: &str) -> bool {
    match resource.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", partition, "s3", "", "", name] => {
            partition.starts_with("aws")
                && name
                    .strip_prefix(bucket)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '*', '?']))
        }
        _ => false,
    }
}

/// An action that matches object actions needs an object among the resources, and a bucket action a bucket.
fn fits(action: &str, resources: &[String]) -> Result<(), String> {
    let pattern = Pattern::wild(action, None);
    let among = |names: &[&str]| names.iter().any(|name| pattern.matches_ignoring_case(name));
    let (on_bucket, on_object) = (among(BUCKET_ACTIONS), among(OBJECT_ACTIONS));
    let is_object = |resource: &String| resource.contains('/') || resource.ends_with('*');
    let is_bucket = |resource: &String| !resource.contains('/');
    let applies = (on_bucket && resources.iter().any(is_bucket))
        || (on_object && resources.iter().any(is_object))
        || !(on_bucket || on_object);
    if applies {
        Ok(())
    } else {
        Err("Action does not apply to any resource(s) in statement".into())
    }
}

/// Only global and S3's own keys exist here (the prefix rule is UNSOURCED in this breadth).
fn check_key(key: &str, actions: &[String]) -> Result<(), String> {
    if !key.starts_with("aws:") && !key.starts_with("s3:") {
        return Err("Policy has an invalid condition key".into());
    }
    let listing = |action: &String| {
        let pattern = Pattern::wild(action, None);
        ["s3:ListBucket", "s3:ListBucketVersions"]
            .iter()
            .any(|name| pattern.matches_ignoring_case(name))
    };
    if LISTING_KEYS.contains(&key) && !actions.iter().all(listing) {
        return Err("Conditions do not apply to combination of actions and resources in statement".into());
    }
    Ok(())
}

fn malformed(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "MalformedPolicy", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bucket_policies_are_refused_in_s3s_words() {
        let one = |statement: Value| json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let good = json!({"Sid": "x y", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                          "Resource": ["arn:aws:s3:::b/k", "arn:aws:s3:::b/l"]});
        assert!(validate_bucket(&one(good.clone()), "b").is_ok());
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
        let applies = "Action does not apply to any resource(s) in statement";
        let combination = "Conditions do not apply to combination of actions and resources in statement";
        let rows: Vec<(String, &str)> = vec![
            (
                " {}".into(),
                "Policies must be valid JSON and the first byte must be '{'",
            ),
            ("{".into(), "This policy contains invalid Json"),
            ("{}".into(), "Missing required field Statement"),
            (
                r#"{"Statement":[]}"#.into(),
                "Could not parse the policy: Statement is empty!",
            ),
            (
                json!({"Version": "2", "Statement": good}).to_string(),
                "The policy must contain a valid version string",
            ),
            (
                json!({"Comment": "2", "Statement": good}).to_string(),
                "Unknown field Comment",
            ),
            (without("Effect"), "Missing required field Effect"),
            (but("Effect", json!("No")), "Invalid effect: No"),
            (without("Principal"), "Missing required field Principal"),
            (but("Principal", json!("everybody")), "Invalid principal in policy"),
            (
                but("Principal", json!({"AWS": "arn:aws:iam::123456789012:role/*"})),
                "Invalid principal in policy",
            ),
            (without("Action"), "Missing required field Action"),
            (but("Action", json!("iam:GetRole")), "Policy has invalid action"),
            (without("Resource"), "Missing required field Resource"),
            (
                but("Resource", json!("arn:aws:s3:::other/*")),
                "Policy has invalid resource",
            ),
            (
                but("Resource", json!("arn:aws:s3:::bb/*")),
                "Policy has invalid resource",
            ),
            (but("Resource", json!("*")), "Policy has invalid resource"),
            (but("Resource", json!("arn:aws:s3:::b")), applies),
            (but("Action", json!("s3:ListBucket")), applies),
            (but("Action", json!(["s3:GetObject", "s3:ListBucket"])), applies),
            (
                but("Condition", json!({"Equals": {"aws:SourceIp": "1"}})),
                "Invalid Condition type : Equals",
            ),
            (
                but("Condition", json!({"StringEquals": {"iam:x": "1"}})),
                "Policy has an invalid condition key",
            ),
            (
                but("Condition", json!({"StringEquals": {"s3:prefix": "a"}})),
                combination,
            ),
            (one(json!({})), "Missing required field Effect"),
            (
                json!({"Statement": [good, good]}).to_string(),
                "The Statement Ids in the policy are not unique",
            ),
        ];
        for (document, want) in rows {
            let error = validate_bucket(&document, "b").expect_err(&document);
            assert_eq!(
                (error.code.as_str(), error.message.as_str()),
                ("MalformedPolicy", want),
                "{document}"
            );
        }
        let long = but("Sid", json!("x".repeat(MAX_BYTES)));
        assert!(
            validate_bucket(&long, "b")
                .expect_err("too long")
                .message
                .contains("20480 bytes")
        );
    }
}
