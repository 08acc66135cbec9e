//! `whoami`: takes the role as a pod of the ServiceAccount would, and says who that is; or runs a command as it.

use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

use irsa_aws::{AssumedRole, WebIdentity, WebIdentityRequest};
use irsa_core::{explain::Expectation, text::plain};
use jiff::Timestamp;
use serde::Serialize;

use crate::{args::DoctorTarget, aws, cluster::Cluster, doctor, failure::Failure};

/// How the sessions are named.
const SESSION_NAME: &str = "irsa-anywhere-whoami";
/// What of the environment would lead an SDK to other credentials.
const OTHERS: [&str; 10] = [
    // botocore reads the first before the session token that is set below.
    "AWS_SECURITY_TOKEN",
    "AWS_ACCOUNT_ID",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CREDENTIAL_EXPIRATION",
];

/// Who a pod of the ServiceAccount is to AWS.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    /// The session's ARN.
    arn: String,
    /// The role's.
    role: String,
    /// The ServiceAccount, as STS is told.
    subject: String,
    /// When the session ends.
    expires: String,
    #[serde(skip)]
    credentials: irsa_aws::TemporaryCredentials,
    #[serde(skip)]
    region: String,
}

/// Takes the role.
///
/// # Errors
/// There is no role, no token, or STS refuses.
pub(crate) async fn whoami(cluster: &Cluster, target: &DoctorTarget, seconds: i32) -> Result<Session, Failure> {
    let (account, expected) = doctor::expected(cluster, target).await?;
    let Expectation { audience, role_arn, .. } = &expected;
    let token = cluster
        .token(&account.namespace, &account.account, audience.as_str(), 0)
        .await;
    let token = token.map_err(|unseen| format!("no token of {} is to be had: {unseen}", expected.subject))?;
    let connect = aws::connect()?;
    let request = WebIdentityRequest {
        role_arn: role_arn.clone(),
        session_name: SESSION_NAME.to_owned(),
        token: token.expose().to_owned(),
        duration_seconds: Some(seconds),
    };
    let region = account.region();
    let assumed = connect.web_identity(&region).await.assume(&request).await;
    let AssumedRole { arn, credentials } = assumed.map_err(|error| {
        let (namespace, name) = (&account.namespace, &account.account);
        format!("{error}. Why: kubectl irsa doctor sa {name} -n {namespace}")
    })?;
    let expires = Timestamp::from_second(credentials.expires)?;
    Ok(Session {
        arn,
        role: expected.role_arn,
        subject: expected.subject.to_string(),
        expires: expires.to_string(),
        credentials,
        region: account.pods_region().unwrap_or(region),
    })
}

impl Session {
    /// For people.
    pub(crate) fn table(&self) -> String {
        let row = |name: &str, value: &str| format!("{name:<10}{}\n", plain(value));
        [
            row("Session", &self.arn),
            row("Role", &self.role),
            row("Subject", &self.subject),
            row("Until", &self.expires),
        ]
        .concat()
    }

    /// Becomes a command with the session's credentials in its environment, and nowhere else: signals, the terminal and how it ends are the
    /// command's own.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn become_command(&self, command: &[OsString]) -> Result<u8, Failure> {
        let Some((program, arguments)) = command.split_first() else {
            return Err("there is no command behind --".into());
        };
        let mut child = Command::new(program);
        child.args(arguments);
        for name in OTHERS {
            child.env_remove(name);
        }
        let credentials = &self.credentials;
        child
            .env("AWS_ACCESS_KEY_ID", &credentials.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key)
            .env("AWS_SESSION_TOKEN", &credentials.session_token);
        for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            child.env(name, &self.region);
        }
        let error = child.exec();
        Err(format!("{}: {error}", program.display()).into())
    }
}
