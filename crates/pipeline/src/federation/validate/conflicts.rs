//! Two federations with one issuer in one account: the older keeps it.

use irsa_api::OidcFederation;
use irsa_core::vocabulary::{ConditionType, Reason};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::{object::Managed, spec::federation_view::connection, step_error::StepError};

/// Whether the federation is the first of its issuer in its account.
///
/// # Errors
/// [`Reason::DuplicateIssuer`] when an older federation has the same issuer in this account.
pub fn check<'a>(
    federation: &OidcFederation,
    account: &str,
    all: impl IntoIterator<Item = &'a OidcFederation>,
) -> Result<(), StepError> {
    let older = all
        .into_iter()
        .filter(|other| other.name_any() != federation.name_any() && !other.is_deleted())
        .filter(|other| other.spec.issuer == federation.spec.issuer && age(other) < age(federation))
        .find(|other| shares_account(federation, account, other));
    let Some(older) = older else { return Ok(()) };
    let message = format!(
        "The OidcFederation {} is older and has the same spec.issuer in the same AWS account; delete one of them.",
        older.name_any()
    );
    Err(StepError::new(
        ConditionType::ProviderRegistered,
        Reason::DuplicateIssuer,
        message,
    ))
}

fn age(federation: &OidcFederation) -> (Timestamp, String) {
    let created = federation.creation_timestamp().map(|time| time.0).unwrap_or_default();
    (created, federation.name_any())
}

/// A federation that has not found out its account yet has ours, if it gets to AWS the same way.
fn shares_account(federation: &OidcFederation, account: &str, other: &OidcFederation) -> bool {
    let found_out = other.status.as_ref().and_then(|status| status.account_id.as_deref());
    match found_out.or(other.spec.aws.account_id.as_deref()) {
        Some(theirs) => theirs == account,
        None => connection(other) == connection(federation),
    }
}
