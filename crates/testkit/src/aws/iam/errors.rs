//! IAM's refusals, in AWS's words where they are known.

use crate::aws::wire::AwsError;

/// 404 [IAM-model].
pub(super) fn no_such_entity(message: impl Into<String>) -> AwsError {
    AwsError::new(404, "NoSuchEntity", message)
}

/// 409 [IAM-model].
pub(super) fn already_exists(message: impl Into<String>) -> AwsError {
    AwsError::new(409, "EntityAlreadyExists", message)
}

/// 409 [IAM-model].
pub(super) fn delete_conflict(message: impl Into<String>) -> AwsError {
    AwsError::new(409, "DeleteConflict", message)
}

/// 409 [IAM-model].
pub(super) fn limit_exceeded(message: impl Into<String>) -> AwsError {
    AwsError::new(409, "LimitExceeded", message)
}

/// 400 [IAM-model].
pub(super) fn invalid_input(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "InvalidInput", message)
}

/// 400; the query front end's own checks, before any service code.
pub(super) fn validation(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "ValidationError", message)
}

/// A value that breaks a constraint of the model. Wording as in [VGW iamerr], which quotes AWS.
pub(super) fn constraint(field: &str, constraint: &str) -> AwsError {
    validation(format!(
        "1 validation error detected: Value at '{field}' failed to satisfy constraint: {constraint}"
    ))
}

/// "Cannot exceed quota for X: n": the wording of `ACLSizePerRole`, used by IAM for every quota it names.
pub(super) fn quota(name: &str, limit: usize) -> AwsError {
    limit_exceeded(format!("Cannot exceed quota for {name}: {limit}"))
}

pub(super) fn no_such_role(name: &str) -> AwsError {
    no_such_entity(format!("The role with name {name} cannot be found."))
}

/// Attaching, or detaching, or reading what is not there. Wording UNSOURCED (from memory).
pub(super) fn no_such_policy(arn: &str) -> AwsError {
    no_such_entity(format!("Policy {arn} does not exist or is not attachable."))
}

/// 409 `EntityTemporarilyUnmodifiable`: deleted and created again a moment ago [IAM-model].
pub(super) fn temporarily_unmodifiable(name: &str) -> AwsError {
    AwsError::new(
        409,
        "EntityTemporarilyUnmodifiable",
        format!("The role {name} was deleted and recreated. Try again later."),
    )
}
