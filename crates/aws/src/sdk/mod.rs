//! The ports over the AWS SDK: one entry, [`SdkConnect`].

mod assume;
mod call;
mod connect;
mod http;
mod listings;
mod metered;
mod providers;
mod public;
mod rehearsal;
mod roles;
mod s3;
mod settings;
mod simulation;
mod stranger;
mod tags;
mod web_identity;
mod wire;

use std::sync::Arc;

pub use connect::SdkConnect;
pub use http::SettingsError;
pub use public::SdkPublicReader;
pub use settings::{Proxy, Settings, StaticCredentials, Timeouts};
pub use web_identity::SdkWebIdentity;
pub use wire::{NoAnswer, Wire};

use crate::{
    error::AwsError,
    ports::{AssumedRole, Caller, CallerIdentity, WebIdentity, WebIdentityRequest},
};

/// One connection to an account. Clones share clients, credentials, limiter and counts.
#[derive(Debug, Clone)]
pub struct SdkAws {
    iam: aws_sdk_iam::Client,
    s3: aws_sdk_s3::Client,
    web_identity: SdkWebIdentity,
    caller: Arc<Caller>,
}

impl CallerIdentity for SdkAws {
    fn caller(&self) -> &Caller {
        &self.caller
    }
}

impl WebIdentity for SdkAws {
    async fn assume(&self, request: &WebIdentityRequest) -> Result<AssumedRole, AwsError> {
        self.web_identity.assume(request).await
    }

    async fn identity_of(&self, session: &AssumedRole) -> Result<String, AwsError> {
        self.web_identity.identity_of(session).await
    }
}
