//! Refusing documents.

use serde_json::Value;

use crate::aws::wire::AwsError;

/// An identity policy (inline, managed, boundary, session): `MalformedPolicyDocument`.
pub fn validate_identity(_document: &str) -> Result<Value, AwsError> {
    Err(AwsError::new(400, "MalformedPolicyDocument", "Syntax errors in policy."))
}

/// A role's trust policy: `MalformedPolicyDocument`.
pub fn validate_trust(_document: &str) -> Result<Value, AwsError> {
    Err(AwsError::new(400, "MalformedPolicyDocument", "Syntax errors in policy."))
}

/// The policy of this bucket: `MalformedPolicy`.
pub fn validate_bucket(_document: &str, _bucket_arn: &str) -> Result<Value, AwsError> {
    Err(AwsError::new(400, "MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'"))
}
