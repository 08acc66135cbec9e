//! A role that somebody else makes and keeps, as IAM shows it.

use irsa_api::ExistingRole;
use irsa_aws::{Role, Roles};
use irsa_core::vocabulary::{ConditionType, Reason};

use crate::{binding::aws_errors::step_error, step_error::StepError};

/// Reads the role that a binding names.
///
/// # Errors
/// [`Reason::RoleMismatch`]: there is none, or another under its name; what AWS said otherwise.
pub async fn existing_role<A: Roles>(aws: &A, existing: &ExistingRole) -> Result<Role, StepError> {
    let arn = &existing.arn;
    let name = arn.rsplit('/').next().unwrap_or_default();
    let found = aws
        .role(name)
        .await
        .map_err(|error| step_error(ConditionType::RoleSynced, &error))?;
    let mismatch = |message| Err(StepError::new(ConditionType::RoleSynced, Reason::RoleMismatch, message));
    match found {
        // IAM compares names without case, and a name is unique whatever the path.
        Some(role) if role.arn == *arn => Ok(role),
        Some(role) => mismatch(format!(
            "spec.existingRole.arn is {arn}, and the role of that name is {}; correct it.",
            role.arn
        )),
        None => mismatch(format!(
            "The role {arn} does not exist; create it with whatever manages it, or correct spec.existingRole.arn."
        )),
    }
}
