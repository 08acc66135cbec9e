//! The operator's own policy, as the documentation gives it.

use std::fs;

use super::{ACCOUNT, ISSUER, ISSUER_BUCKET, Problem, repository};

/// `docs/iam-policy.json` with its placeholders filled in for this world.
///
/// # Errors
/// When the file cannot be read, or a placeholder is left.
pub fn operator_policy() -> Result<String, Problem> {
    operator_policy_for(ISSUER)
}

/// The same for another issuer in the same bucket.
///
/// # Errors
/// As for [`operator_policy`].
pub fn operator_policy_for(url: &str) -> Result<String, Problem> {
    let issuer = url.trim_start_matches("https://");
    let prefix = issuer.split_once('/').map(|(_, path)| path).unwrap_or_default();
    let text = fs::read_to_string(repository().join("docs/iam-policy.json"))?
        .replace("<partition>", "aws")
        .replace("<account>", ACCOUNT)
        .replace("<issuer>", issuer)
        .replace("<bucket>", ISSUER_BUCKET)
        .replace("<prefix>", prefix)
        .replace("<id>", &irsa_core::naming::federation_id(url));
    match text.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        Some((placeholder, _)) => Err(format!("docs/iam-policy.json: unknown placeholder <{placeholder}>").into()),
        None => Ok(text),
    }
}
