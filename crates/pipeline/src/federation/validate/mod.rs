//! A federation's spec, valid: as far as the spec alone decides.

pub mod account;
pub mod conflicts;

use irsa_api::{BucketAccess, OidcFederation, S3Publish};
use irsa_core::{
    issuer::bucket_host,
    jwks::{self, PublicKey},
    vocabulary::{ConditionType, Reason},
};

use crate::{
    spec::location::{Location, invalid, locate},
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
    let closed = |s3: &&S3Publish| {
        s3.access == BucketAccess::BucketPolicy && !location.issuer.is_served_by_bucket(&s3.bucket, &s3.region)
    };
    if let Some(s3) = location.s3.as_ref().filter(closed) {
        let host = bucket_host(&s3.bucket, &s3.region);
        return Err(invalid(&format!(
            "spec.issuer must be https://{host}, with or without a path, because spec.publish.s3.access is BucketPolicy; \
             if something else serves this issuer from the bucket, set access: Unmanaged."
        )));
    }
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
