//! Error answers of the Kubernetes API, as `meta/v1` Status.

use http::StatusCode;
use serde_json::{Value, json};

/// An answer's status and body.
pub(super) type ApiAnswer = Result<(StatusCode, Value), StatusError>;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatusError {
    status: StatusCode,
    reason: &'static str,
    message: String,
}

impl StatusError {
    fn new(status: StatusCode, reason: &'static str, message: &str) -> Self {
        Self {
            status,
            reason,
            message: message.to_owned(),
        }
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", &format!("{what} not found"))
    }

    pub(super) fn exists(what: &str) -> Self {
        Self::new(StatusCode::CONFLICT, "AlreadyExists", &format!("{what} already exists"))
    }

    pub(super) fn conflict(message: &str) -> Self {
        Self::new(StatusCode::CONFLICT, "Conflict", message)
    }

    pub(super) fn bad(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// A JSON patch that does not fit.
    pub(super) fn invalid(message: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
    }

    pub(super) fn into_status(self) -> (StatusCode, Value) {
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "reason": self.reason, "message": self.message, "code": self.status.as_u16(),
        });
        (self.status, body)
    }
}

/// Refuses when `wanted` names another version, or another object, than what is there.
pub(super) fn same_version(object: &Value, wanted: &Value) -> Result<(), StatusError> {
    for field in ["resourceVersion", "uid"] {
        let named = wanted["metadata"].get(field).filter(|named| !named.is_null());
        if named.is_some_and(|named| *named != object["metadata"][field]) {
            return Err(StatusError::conflict("the object has been modified"));
        }
    }
    Ok(())
}
