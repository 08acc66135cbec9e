//! Which role a binding has, and in which account.

use irsa_api::IamRoleBinding;
use irsa_core::{
    naming::{RoleName, account_of},
    vocabulary::{ConditionType, Reason},
};

use super::{federation::Known, siblings::role_name};
use crate::halt::Halt;

/// The role that this binding may have made. The status has its name; a binding that was deleted before its first status
/// may have made the one that its spec names.
pub(super) fn role_in_place(binding: &IamRoleBinding, known: Option<&Known>) -> Option<RoleName> {
    // Somebody else's role is not one that we made.
    if binding.spec.existing_role.is_some() {
        return None;
    }
    let recorded = binding.status.as_ref().and_then(|status| status.role_name.as_deref());
    match recorded {
        Some(name) => RoleName::new(name).ok(),
        None => role_name(binding, &known?.usage.guardrails.role_name_prefix),
    }
}

/// A role stays in the account that it was made in: one that is looked for in another is not gone.
pub(super) fn check_home(binding: &IamRoleBinding, account: &str) -> Result<(), Halt> {
    let arn = binding.status.as_ref().and_then(|status| status.role_arn.as_deref());
    let Some((arn, home)) = arn.and_then(|arn| Some((arn, account_of(arn)?))) else {
        return Ok(());
    };
    if home == account {
        return Ok(());
    }
    let message = format!(
        "The role {arn} is in account {home}, and the federation now works in account {account}; have spec.aws of the \
         federation or the operator's credentials corrected. To move, delete the binding first and make it again after."
    );
    Err(Halt::new(ConditionType::RoleSynced, Reason::WrongAccount, message))
}
