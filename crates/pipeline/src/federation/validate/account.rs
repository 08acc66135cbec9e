//! The account that a federation lives in.

use irsa_api::OidcFederation;
use irsa_core::{
    naming::account_of,
    vocabulary::{ConditionType, Reason},
};

use crate::step_error::StepError;

/// A provider stays in the account that it was made in. In another one everything would be made anew, and the provider
/// and the roles of the first would stay behind, trusted and looked after by nobody.
pub fn check_account(federation: &OidcFederation, account: &str) -> Result<(), StepError> {
    let arn = federation
        .status
        .as_ref()
        .and_then(|status| status.provider_arn.as_deref());
    let Some((arn, home)) = arn.and_then(|arn| Some((arn, account_of(arn)?))) else {
        return Ok(());
    };
    if home == account {
        return Ok(());
    }
    let message = format!(
        "The provider {arn} is in account {home}, and the operator's credentials belong to {account}; correct spec.aws or \
         the credentials. To move, delete the bindings and this federation first and make them again after."
    );
    Err(StepError::new(
        ConditionType::ProviderRegistered,
        Reason::WrongAccount,
        message,
    ))
}
