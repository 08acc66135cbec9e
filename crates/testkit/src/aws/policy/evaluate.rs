//! Judging one document.

use serde_json::Value;

use super::Context;

/// What a document says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Some statement allows it and none denies it.
    Allow,
    /// Some statement denies it.
    ExplicitDeny,
    /// No statement speaks of it.
    ImplicitDeny,
}

/// Who asks, as a `Principal` element sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Nobody signed.
    Anonymous,
    /// A signed caller: its account, and every ARN it answers to (user ARN; session ARN and role ARN).
    Aws {
        /// Twelve digits.
        account: String,
        /// The caller's own ARN first.
        arns: Vec<String>,
    },
    /// A web identity: the ARN of the IAM provider that vouches for it.
    Federated(String),
    /// An AWS service (`cloudfront.amazonaws.com`).
    Service(String),
}

/// Judges an identity policy (no `Principal`).
pub fn evaluate(_document: &Value, _action: &str, _resource: &str, _context: &Context) -> Verdict {
    Verdict::ImplicitDeny
}

/// Judges a resource policy (bucket policy).
pub fn evaluate_resource(
    _document: &Value,
    _who: &Identity,
    _action: &str,
    _resource: &str,
    _context: &Context,
) -> Verdict {
    Verdict::ImplicitDeny
}

/// Judges a role's trust policy, which has no `Resource`.
pub fn evaluate_trust(_document: &Value, _who: &Identity, _action: &str, _context: &Context) -> Verdict {
    Verdict::ImplicitDeny
}
