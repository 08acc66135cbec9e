//! STS: temporary credentials.
//!
//! STS here knows the issuer of a token as a URL only. It dials it as a stranger, over TLS, by host name, and has no
//! other way into S3 or any other service.

mod assume;
pub(crate) mod fetch;
mod jwks;
mod jwt;
mod parameters;
mod web_identity;

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use rand::{Rng as _, distributions::Alphanumeric};

use self::{fetch::Dialer, jwks::KeySet};
use super::{
    front::endpoint,
    iam::RoleView,
    wire::{AwsError, Call, Caller, Outcome, Principal, PrincipalKind, Reply, xml_escape},
    world::{Credentials, World},
};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// STS's state: the sessions it handed out, and the keys it may remember.
#[derive(Debug, Default)]
pub struct Sts {
    sessions: HashMap<String, Session>,
    key_sets: HashMap<String, (Timestamp, KeySet)>,
    remember_keys_for: SignedDuration,
}

/// One session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) principal: Principal,
    pub(crate) credentials: Credentials,
    pub(crate) expires: Timestamp,
}

impl Sts {
    /// The session behind a temporary access key.
    pub(crate) fn session(&self, access_key_id: &str) -> Option<&Session> {
        self.sessions.get(access_key_id)
    }

    /// Remembers an issuer's keys for so long. AWS does not document how long STS does [reference 1.5]; the default is
    /// not at all.
    pub(crate) fn remember_keys_for(&mut self, duration: SignedDuration) {
        self.remember_keys_for = duration;
        self.key_sets.clear();
    }

    fn remembered_keys(&self, issuer: &str, now: Timestamp) -> Option<KeySet> {
        let (since, keys) = self.key_sets.get(issuer)?;
        (now.duration_since(*since) < self.remember_keys_for).then(|| keys.clone())
    }

    fn remember_keys(&mut self, issuer: &str, keys: &KeySet, now: Timestamp) {
        if self.remember_keys_for > SignedDuration::ZERO {
            self.key_sets.insert(issuer.to_owned(), (now, keys.clone()));
        }
    }

    /// Hands out credentials for a session of `role`.
    fn open_session(&mut self, grant: &Grant<'_>, now: Timestamp) -> Session {
        let Grant {
            role,
            account,
            partition,
            session_name,
            session_policy,
            seconds,
        } = grant;
        let principal = Principal {
            account: (*account).to_owned(),
            // The session's ARN has the role's name without its path [IAMUG-2023 reference_identifiers].
            arn: format!(
                "arn:{partition}:sts::{account}:assumed-role/{}/{session_name}",
                role.name
            ),
            user_id: format!("{}:{session_name}", role.id),
            kind: PrincipalKind::AssumedRole {
                role: role.name.clone(),
                session_policy: session_policy.clone(),
            },
        };
        let session = Session {
            principal,
            credentials: temporary_credentials(),
            expires: now + SignedDuration::from_secs(i64::from(*seconds)),
        };
        self.sessions
            .insert(session.credentials.access_key_id.clone(), session.clone());
        session
    }
}

/// What a session is opened with.
struct Grant<'a> {
    role: &'a RoleView,
    account: &'a str,
    partition: &'a str,
    session_name: &'a str,
    session_policy: Option<String>,
    seconds: u32,
}

/// `ASIA` and 16 more of `A-Z2-7`, a secret of 40, a token of a few hundred characters [IAMUG-2023
/// reference_identifiers; the token's length is not fixed].
fn temporary_credentials() -> Credentials {
    const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut random = rand::thread_rng();
    let id: String = (0..16)
        .filter_map(|_| BASE32.get(random.gen_range(0..BASE32.len())))
        .map(|c| char::from(*c))
        .collect();
    let secret: String = (0..40).map(|_| char::from(random.sample(Alphanumeric))).collect();
    let token: Vec<u8> = (0..264).map(|_| random.r#gen()).collect();
    Credentials {
        access_key_id: format!("ASIA{id}"),
        secret_access_key: secret,
        session_token: Some(format!("IQoJb3JpZ2luX2Vj{}", STANDARD.encode(token))),
    }
}

/// Serves one call.
pub(crate) async fn handle(world: &World, dialer: &Dialer, call: &Call) -> Outcome {
    let form = call.form();
    let action = form.get("Action").map_or("", String::as_str);
    match action {
        "GetCallerIdentity" => get_caller_identity(call),
        "AssumeRole" => assume::assume_role(world, call, &form),
        "AssumeRoleWithWebIdentity" => web_identity::assume_role_with_web_identity(world, dialer, call, &form).await,
        // [VGW iamerr InvalidAction]
        _ => {
            let version = form.get("Version").map_or("", String::as_str);
            let message = format!("Could not find operation {action} for version {version}");
            Err(AwsError::new(400, "InvalidAction", message))
        }
    }
}

/// "No permissions are required to perform this operation" [STS-model GetCallerIdentity].
fn get_caller_identity(call: &Call) -> Outcome {
    let Caller::Principal(principal) = &call.caller else {
        return Err(AwsError::new(
            403,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        ));
    };
    let result = format!(
        "<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>",
        xml_escape(&principal.arn),
        xml_escape(&principal.user_id),
        principal.account
    );
    Ok(answer(call, "GetCallerIdentity", &result))
}

/// The partition of the endpoint that was called.
fn partition(call: &Call) -> &'static str {
    endpoint(&call.host).map_or("aws", |endpoint| endpoint.partition)
}

fn answer(call: &Call, action: &str, result: &str) -> Reply {
    let body = format!(
        "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{action}Response>",
        call.request_id
    );
    Reply {
        status: StatusCode::OK,
        ..Reply::ok("text/xml", body)
    }
}

/// The elements that both AssumeRole calls answer.
fn session_elements(session: &Session) -> String {
    let Session {
        principal,
        credentials,
        expires,
    } = session;
    format!(
        "<AssumedRoleUser><Arn>{}</Arn><AssumedRoleId>{}</AssumedRoleId></AssumedRoleUser>\
         <Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
         <SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>",
        xml_escape(&principal.arn),
        xml_escape(&principal.user_id),
        credentials.access_key_id,
        credentials.secret_access_key,
        credentials.session_token.as_deref().unwrap_or_default(),
        expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
}
