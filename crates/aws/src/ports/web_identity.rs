//! Showing a token to STS: what a pod's SDK does, and the only real proof that a role can be assumed.

use std::fmt;

use crate::error::AwsError;

/// What is asked of STS.
#[derive(Clone)]
pub struct WebIdentityRequest {
    /// ARN of the role.
    pub role_arn: String,
    /// Name of the session, 2 to 64 characters: what CloudTrail shows.
    pub session_name: String,
    /// The token, as compact JWS.
    pub token: String,
    /// Seconds, from 900 up to the role's own limit; `None`: one hour.
    pub duration_seconds: Option<i32>,
}

/// Without the token.
impl fmt::Debug for WebIdentityRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebIdentityRequest")
            .field("role_arn", &self.role_arn)
            .field("session_name", &self.session_name)
            .finish_non_exhaustive()
    }
}

/// A session of a role.
#[derive(Debug, Clone)]
pub struct AssumedRole {
    /// `arn:aws:sts::<account>:assumed-role/<role>/<session>`.
    pub arn: String,
    /// Its credentials.
    pub credentials: TemporaryCredentials,
}

/// Credentials of a session. `Debug` shows no secret.
#[derive(Clone)]
pub struct TemporaryCredentials {
    /// `ASIA…`.
    pub access_key_id: String,
    /// The secret key.
    pub secret_access_key: String,
    /// What belongs to both.
    pub session_token: String,
    /// When they end, in seconds since 1970.
    pub expires: i64,
}

impl fmt::Debug for TemporaryCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TemporaryCredentials(…)")
    }
}

/// STS, for whoever has a token and no credentials.
pub trait WebIdentity: Send + Sync {
    /// Takes a role by a token (`AssumeRoleWithWebIdentity`). Nobody's credentials are used.
    ///
    /// # Errors
    /// STS's refusal: [`Kind::AccessDenied`](crate::Kind::AccessDenied) where the trust policy keeps the token out or there is no such role,
    /// [`Kind::IdpUnreachable`](crate::Kind::IdpUnreachable) where STS cannot read the issuer's documents.
    fn assume(&self, request: &WebIdentityRequest) -> impl Future<Output = Result<AssumedRole, AwsError>> + Send;

    /// Who a session is, as STS itself says when it is asked with the session's own credentials (`GetCallerIdentity`): its ARN. No
    /// policy can refuse the call [STS API reference, GetCallerIdentity], so it shows that the credentials are good.
    ///
    /// # Errors
    /// [`Kind::NoCredentials`](crate::Kind::NoCredentials) for credentials that STS does not know.
    fn identity_of(&self, session: &AssumedRole) -> impl Future<Output = Result<String, AwsError>> + Send;
}
