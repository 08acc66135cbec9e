//! When S3 calls a bucket policy public.

use std::net::IpAddr;

use serde_json::Value;

use super::{condition::texts, evaluate::statements};

/// Keys that, compared with fixed values, make a grant to everybody not public
/// [S3UG access-control-block-public-access, "The meaning of public"].
const NARROWING: &[&str] = &[
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];

const NARROWING_OPERATORS: &[&str] = &[
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "ArnEquals",
    "ArnLike",
    "IpAddress",
];

/// Whether a bucket policy is public: some `Allow` for everybody that no condition narrows to fixed values. Denials
/// are not weighed: S3 "begins by assuming that the policy is public" and looks at each grant by itself.
pub fn is_public(document: &Value) -> bool {
    statements(document).iter().any(|statement| {
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && for_everybody(statement)
            && !narrowed(statement)
    })
}

fn for_everybody(statement: &Value) -> bool {
    let Some(principal) = statement.get("Principal") else {
        // Allow with NotPrincipal is everybody but a few.
        return statement.get("NotPrincipal").is_some();
    };
    principal.as_str() == Some("*")
        || principal
            .get("AWS")
            .is_some_and(|list| texts(list).iter().any(|id| id == "*"))
}

fn narrowed(statement: &Value) -> bool {
    let Some(operators) = statement.get("Condition").and_then(Value::as_object) else {
        return false;
    };
    operators
        .iter()
        .filter(|(name, _)| NARROWING_OPERATORS.contains(&name.as_str()))
        .any(|(_, keys)| {
            keys.as_object().is_some_and(|keys| {
                keys.iter().any(|(key, values)| {
                    let key = key.to_ascii_lowercase();
                    let values = texts(values);
                    NARROWING.contains(&key.as_str())
                        && !values.is_empty()
                        && values.iter().all(|value| fixed(&key, value))
                })
            })
        })
}

/// Fixed: no wildcard and no policy variable; an ARN may have a wildcard behind its account; an address range may not
/// be broader than /8 (IPv4) or /32 (IPv6) [S3UG, same section].
fn fixed(key: &str, value: &str) -> bool {
    let plain = |text: &str| !text.contains(['*', '?']) && !text.contains("${");
    if key == "aws:sourceip" {
        let (address, length) = value
            .split_once('/')
            .map_or((value, None), |(a, l)| (a, l.parse::<u32>().ok()));
        return match address.parse() {
            Ok(IpAddr::V4(_)) => length.is_none_or(|length| length >= 8),
            Ok(IpAddr::V6(_)) => length.is_none_or(|length| length >= 32),
            Err(_) => false,
        };
    }
    match value.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", _, _, _, account, _] if !account.is_empty() => plain(account),
        _ => plain(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_is_public_unless_everybody_is_narrowed_to_fixed_values() {
        let with = |condition: Value| {
            json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*",
                   "Condition": condition})
        };
        let rows: Vec<(Value, bool)> = vec![
            (json!({"Effect": "Allow", "Principal": "*"}), true),
            (json!({"Effect": "Allow", "Principal": {"AWS": ["*"]}}), true),
            (
                json!({"Effect": "Allow", "NotPrincipal": {"AWS": "123456789012"}}),
                true,
            ),
            (json!({"Effect": "Allow", "Principal": {"AWS": "123456789012"}}), false),
            (
                json!({"Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"}}),
                false,
            ),
            (json!({"Effect": "Deny", "Principal": "*"}), false),
            (with(json!({"Bool": {"aws:SecureTransport": "true"}})), true),
            (with(json!({"StringEquals": {"aws:SourceVpc": "vpc-91237329"}})), false),
            (with(json!({"StringLike": {"aws:SourceVpc": "vpc-*"}})), true),
            (with(json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}})), false),
            (with(json!({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}})), true),
            (
                with(json!({"ArnLike": {"aws:SourceArn": "arn:aws:cloudfront::123456789012:distribution/*"}})),
                false,
            ),
            (
                with(json!({"ArnLike": {"aws:SourceArn": "arn:aws:cloudfront::*:distribution/*"}})),
                true,
            ),
            (with(json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})), false),
            (
                with(json!({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/1"]}})),
                true,
            ),
        ];
        for (statement, want) in rows {
            let document = json!({"Version": "2012-10-17", "Statement": [statement]});
            assert_eq!(is_public(&document), want, "{document}");
        }
    }
}
