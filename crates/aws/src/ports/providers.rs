//! IAM OIDC providers.

use std::collections::BTreeSet;

use super::AwsTags;
use crate::error::AwsError;

/// An IAM OIDC provider as IAM has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcProvider {
    /// The issuer, **without** `https://`: that is how IAM reads it back.
    pub url: String,
    /// Accepted audiences.
    pub client_ids: BTreeSet<String>,
    /// SHA-1 certificate thumbprints, lower-case hex. IAM fills one in when none was given: never drift then.
    pub thumbprints: Vec<String>,
    /// Tags.
    pub tags: AwsTags,
}

/// An IAM OIDC provider to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOidcProvider {
    /// The issuer, with `https://`, byte for byte the tokens' `iss`.
    pub url: String,
    /// Accepted audiences, 1 to 100.
    pub client_ids: BTreeSet<String>,
    /// At most five; empty lets IAM fill in its own.
    pub thumbprints: Vec<String>,
    /// Tags, in the same call: a crash right after it leaves a provider that is recognisably ours.
    pub tags: AwsTags,
}

/// OIDC providers in IAM, addressed by ARN (`arn:{partition}:iam::{account}:oidc-provider/{issuer without https://}`).
pub trait IdentityProviders: Send + Sync {
    /// Reads a provider, `None` when there is none.
    fn provider(&self, arn: &str) -> impl Future<Output = Result<Option<OidcProvider>, AwsError>> + Send;

    /// Creates a provider and returns its ARN.
    ///
    /// # Errors
    /// [`Kind::AlreadyExists`](crate::Kind::AlreadyExists), [`Kind::LimitExceeded`](crate::Kind::LimitExceeded), and
    /// [`Kind::IdpUnreachable`](crate::Kind::IdpUnreachable) when IAM cannot fetch the issuer's certificate.
    fn create_provider(&self, provider: &NewOidcProvider) -> impl Future<Output = Result<String, AwsError>> + Send;

    /// Adds an audience; idempotent.
    fn add_client_id(&self, arn: &str, client_id: &str) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Removes an audience; idempotent.
    fn remove_client_id(&self, arn: &str, client_id: &str) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Replaces the whole list of thumbprints, which must not be empty.
    fn set_thumbprints(&self, arn: &str, thumbprints: &[String]) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Sets tags, leaving others alone.
    fn tag_provider(&self, arn: &str, tags: &AwsTags) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Removes tags by key.
    fn untag_provider(&self, arn: &str, keys: &[String]) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Deletes a provider; one that is gone already is fine. Roles that trust it stay, and no longer can be assumed.
    fn delete_provider(&self, arn: &str) -> impl Future<Output = Result<(), AwsError>> + Send;
}
