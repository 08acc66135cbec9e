//! AssumeRole: the credentials of a role that is assumed before anything else.

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};

use super::call::about;
use crate::{
    error::{AwsError, Kind},
    ports::RoleToAssume,
};

/// How the operator calls itself in the other account's CloudTrail.
const SESSION_NAME: &str = "irsa-anywhere";

/// Assumes a role whenever the SDK's cache asks for new credentials.
///
/// The SDK has such a provider too; ours keeps the refusal as an [`AwsError`] that [`super::call`] finds again.
#[derive(Debug)]
pub(super) struct Assumed {
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) role: RoleToAssume,
}

impl Assumed {
    async fn fetch(&self) -> Result<Credentials, AwsError> {
        let about = about("sts:AssumeRole", &self.role.arn);
        let answer = self
            .sts
            .assume_role()
            .role_arn(&self.role.arn)
            .role_session_name(SESSION_NAME)
            .set_external_id(self.role.external_id.clone())
            .send()
            .await
            .map_err(|error| about.failed(error))?;
        let broken = |message: &str| about.error("BrokenAnswer", message, Kind::Unavailable);
        let credentials = answer
            .credentials
            .ok_or_else(|| broken("the answer has no credentials"))?;
        let expires = std::time::SystemTime::try_from(credentials.expiration)
            .map_err(|_| broken("the credentials' expiration is no time"))?;
        Ok(Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            Some(expires),
            "AssumeRole",
        ))
    }
}

impl ProvideCredentials for Assumed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.fetch().await.map_err(CredentialsError::provider_error) })
    }
}
