//! [`Settings`]: what the operator's flags say about AWS.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use aws_credential_types::Credentials;

use crate::{gate::WriteGate, limiter::Rate};

/// How AWS is reached. Endpoints come from the environment (`AWS_ENDPOINT_URL*`), read by the SDK.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// PEM certificates to be trusted beside the system's. Default: the file that `AWS_CA_BUNDLE` names.
    pub ca_bundle: Option<PathBuf>,
    /// The only accounts that may be reached, twelve digits each. Empty: any.
    pub allowed_accounts: BTreeSet<String>,
    /// The way out.
    pub proxy: Proxy,
    /// Whose credentials come first. Default: the SDK's chain (environment, web identity, instance metadata, …).
    pub credentials: Option<StaticCredentials>,
    /// Pace per account.
    pub rate: Rate,
    /// Time limits.
    pub timeouts: Timeouts,
    /// Asked for each attempt of a write, when the limiter has let it pass. Default: always open.
    pub gate: WriteGate,
    /// Name and version, `name/1.2 (platform)`, that requests to AWS and anonymous reads begin their User-Agent with: what
    /// CloudTrail and access logs show. Default: none.
    pub user_agent: String,
}

/// The way out to the Internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Proxy {
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    #[default]
    FromEnvironment,
    /// This proxy for everything.
    Url(String),
}

/// Keys that do not come from the SDK's chain. `Debug` shows no secret.
#[derive(Clone)]
pub struct StaticCredentials(pub(super) Credentials);

impl StaticCredentials {
    /// From an access key and, for temporary ones, its session token.
    pub fn new(access_key_id: &str, secret_access_key: &str, session_token: Option<String>) -> Self {
        Self(Credentials::new(
            access_key_id,
            secret_access_key,
            session_token,
            None,
            "irsa-anywhere",
        ))
    }
}

impl std::fmt::Debug for StaticCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StaticCredentials(…)")
    }
}

/// Time limits. Each bounds all that is inside it, so a hung endpoint never holds a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS and proxy included.
    pub connect: Duration,
    /// For the first byte of an answer.
    pub read: Duration,
    /// For one attempt from its start to the answer's last byte, without the wait for the limiter.
    pub attempt: Duration,
    /// For a call with all its attempts and waits.
    pub operation: Duration,
    /// For an anonymous read.
    pub public_read: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(10),
            attempt: Duration::from_secs(15),
            operation: Duration::from_mins(1),
            public_read: Duration::from_secs(10),
        }
    }
}
