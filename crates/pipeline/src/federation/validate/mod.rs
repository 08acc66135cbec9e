//! A federation's spec, valid: as far as the spec alone decides.

pub mod account;
pub mod conflicts;

use irsa_api::OidcFederation;
use irsa_core::{
    jwks::{self, PublicKey},
    vocabulary::{ConditionType, Reason},
};

use crate::{
    spec::location::{Location, locate},
    step_error::StepError,
};

/// What a federation asks for, valid.
#[derive(Debug, Clone)]
pub struct ValidatedFederation {
    /// Where everything of it is.
    pub location: Location,
    /// Keys to publish before any API server serves them.
    pub additional: Vec<PublicKey>,
}

/// What a federation asks for.
///
/// # Errors
/// What the API server's schema could not refuse.
pub fn validate(federation: &OidcFederation, cluster: &str) -> Result<ValidatedFederation, StepError> {
    let location = locate(federation, cluster)?;
    location.target.check_issuer()?;
    Ok(ValidatedFederation {
        additional: announced(federation)?,
        location,
    })
}

fn announced(federation: &OidcFederation) -> Result<Vec<PublicKey>, StepError> {
    let listed = &federation.spec.signing_keys.additional;
    let keys = listed.iter().map(|key| {
        jwks::from_pem(&key.public_key_pem).map_err(|error| {
            let field = format!("spec.signingKeys.additional[{}].publicKeyPem", key.name);
            StepError::new(
                ConditionType::KeysObserved,
                Reason::InvalidSpec,
                format!("{field} {error}."),
            )
        })
    });
    keys.collect()
}
