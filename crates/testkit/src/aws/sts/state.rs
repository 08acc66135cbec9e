//! Sessions that STS has opened, and issuers' keys that it may remember.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use rand::{Rng as _, distributions::Alphanumeric};

use super::jwks::KeySet;
use crate::aws::{
    credentials::Credentials,
    iam::RoleView,
    wire::{Principal, PrincipalKind},
};

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

    pub(super) fn remembered_keys(&self, issuer: &str, now: Timestamp) -> Option<KeySet> {
        let (since, keys) = self.key_sets.get(issuer)?;
        (now.duration_since(*since) < self.remember_keys_for).then(|| keys.clone())
    }

    pub(super) fn remember_keys(&mut self, issuer: &str, keys: &KeySet, now: Timestamp) {
        if self.remember_keys_for > SignedDuration::ZERO {
            self.key_sets.insert(issuer.to_owned(), (now, keys.clone()));
        }
    }

    /// Hands out credentials for a session of `role`.
    pub(super) fn open_session(&mut self, grant: &Grant<'_>, now: Timestamp) -> Session {
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
pub(super) struct Grant<'a> {
    pub(super) role: &'a RoleView,
    pub(super) account: &'a str,
    pub(super) partition: &'a str,
    pub(super) session_name: &'a str,
    pub(super) session_policy: Option<String>,
    pub(super) seconds: u32,
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
