//! Whether a binding's role and the operator's credentials belong to one account.

use irsa_api::IamRoleBinding;
use irsa_aws::CallerIdentity;
use irsa_core::{
    naming::account_of,
    vocabulary::{ConditionType, Reason},
};

use crate::{spec::federation_view::Provider, step_error::StepError};

/// A role stays in the account that it was made in: one that is looked for in another is not gone.
pub fn check_role_account(binding: &IamRoleBinding, account: &str) -> Result<(), StepError> {
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
    Err(StepError::new(ConditionType::RoleSynced, Reason::WrongAccount, message))
}

/// The role must be in the account of the provider that it trusts.
pub fn check_caller<A: CallerIdentity>(aws: &A, provider: &Provider) -> Result<(), StepError> {
    let ours = &aws.caller().account;
    if *ours == provider.account {
        return Ok(());
    }
    let message = format!(
        "The operator's credentials belong to account {ours} and the federation's provider to {}; correct one of them.",
        provider.account
    );
    Err(StepError::new(
        ConditionType::FederationReady,
        Reason::FederationNotReady,
        message,
    ))
}
