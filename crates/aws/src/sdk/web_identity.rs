//! [`WebIdentity`] over the SDK.

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_sdk_sts::config::IdentityCache;

use super::call::about;
use crate::{
    error::{AwsError, Kind},
    ports::{AssumedRole, TemporaryCredentials, WebIdentity, WebIdentityRequest},
};

/// STS of one region. Clones share connections.
#[derive(Debug, Clone)]
pub struct SdkWebIdentity(pub(super) Arc<aws_sdk_sts::Client>);

impl WebIdentity for SdkWebIdentity {
    async fn assume(&self, request: &WebIdentityRequest) -> Result<AssumedRole, AwsError> {
        let about = about("sts:AssumeRoleWithWebIdentity", &request.role_arn);
        let answer = self
            .0
            .assume_role_with_web_identity()
            .role_arn(&request.role_arn)
            .role_session_name(&request.session_name)
            .web_identity_token(&request.token)
            .set_duration_seconds(request.duration_seconds)
            .send()
            .await
            .map_err(|error| about.failed(error))?;
        let (Some(user), Some(credentials)) = (answer.assumed_role_user, answer.credentials) else {
            return Err(about.error("BrokenAnswer", "the answer has no credentials", Kind::Unavailable));
        };
        Ok(AssumedRole {
            arn: user.arn,
            credentials: TemporaryCredentials {
                access_key_id: credentials.access_key_id,
                secret_access_key: credentials.secret_access_key,
                session_token: credentials.session_token,
                expires: credentials.expiration.secs(),
            },
        })
    }

    async fn identity_of(&self, session: &AssumedRole) -> Result<String, AwsError> {
        let about = about("sts:GetCallerIdentity", &session.arn);
        let TemporaryCredentials {
            access_key_id,
            secret_access_key,
            session_token,
            ..
        } = &session.credentials;
        let own = Credentials::new(
            access_key_id,
            secret_access_key,
            Some(session_token.clone()),
            None,
            "AssumeRoleWithWebIdentity",
        );
        // Without a cache, which would keep the credentials of every session for as long as the process lives.
        let config = self.0.config().to_builder().credentials_provider(own);
        let config = config.identity_cache(IdentityCache::no_cache()).build();
        let answer = aws_sdk_sts::Client::from_conf(config)
            .get_caller_identity()
            .send()
            .await;
        let answer = answer.map_err(|error| about.failed(error))?;
        answer
            .arn
            .ok_or_else(|| about.error("BrokenAnswer", "the answer has no ARN", Kind::Unavailable))
    }
}
