//! [`WebIdentity`] over the SDK.

use std::sync::Arc;

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
}
