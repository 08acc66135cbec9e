//! [`AccountState`]: roles, users, policies and providers of one account.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    limits::Quotas,
    tags::Tags,
    versioned::{Instant, Table, View},
};

/// A policy document: as it was put, and parsed.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) text: String,
    pub(super) value: Value,
}

/// A role.
#[derive(Debug, Clone)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) created: Timestamp,
    pub(super) description: Option<String>,
    /// Seconds.
    pub(super) max_session: u32,
    pub(super) trust: Document,
    pub(super) boundary: Option<String>,
    pub(super) tags: Tags,
    /// ARNs in the order of their attachment.
    pub(super) attached: Vec<String>,
    /// Inline policies by name.
    pub(super) inline: BTreeMap<String, Document>,
}

/// A user.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) created: Timestamp,
    pub(super) boundary: Option<String>,
    pub(super) attached: Vec<String>,
    pub(super) inline: BTreeMap<String, Document>,
    /// Access key ids.
    pub(super) keys: Vec<String>,
}

/// An instance profile. It exists here because it blocks deleting a role.
#[derive(Debug, Clone)]
pub(super) struct InstanceProfile {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) created: Timestamp,
    /// At most one role [IAM-model AddRoleToInstanceProfile]; its key.
    pub(super) role: Option<String>,
}

/// One version of a managed policy.
#[derive(Debug, Clone)]
pub(super) struct PolicyVersion {
    pub(super) number: u32,
    pub(super) document: Document,
    pub(super) created: Timestamp,
}

/// A managed policy, of AWS or of the account.
#[derive(Debug, Clone)]
pub(super) struct ManagedPolicy {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) description: Option<String>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) default_version: u32,
    pub(super) next_version: u32,
    pub(super) versions: Vec<PolicyVersion>,
    pub(super) tags: Tags,
}

impl ManagedPolicy {
    /// The document in force.
    pub(super) fn default_document(&self) -> Option<&Document> {
        self.version(self.default_version).map(|version| &version.document)
    }

    pub(super) fn version(&self, number: u32) -> Option<&PolicyVersion> {
        self.versions.iter().find(|version| version.number == number)
    }
}

/// An OIDC provider.
#[derive(Debug, Clone)]
pub(super) struct Provider {
    pub(super) arn: String,
    /// Without `https://`, else byte for byte as registered [IAMUG-2023: case-sensitive].
    pub(super) url: String,
    pub(super) client_ids: Vec<String>,
    pub(super) thumbprints: Vec<String>,
    pub(super) created: Timestamp,
    pub(super) tags: Tags,
}

/// One account.
#[derive(Debug, Default)]
pub(super) struct AccountState {
    pub(super) quotas: Quotas,
    /// How long a write stays unseen by reads.
    pub(super) delay: SignedDuration,
    /// By lower-case name: unique without regard to case [IAM-model CreateRole.RoleName].
    pub(super) roles: Table<Role>,
    /// By lower-case name.
    pub(super) users: Table<User>,
    /// By lower-case name.
    pub(super) profiles: Table<InstanceProfile>,
    /// The account's own, by ARN.
    pub(super) policies: Table<ManagedPolicy>,
    /// By ARN.
    pub(super) providers: Table<Provider>,
    /// When a role of this key was last deleted.
    pub(super) deleted_roles: BTreeMap<String, Timestamp>,
    /// Service control policies that the organisation puts on the account.
    pub(super) control_policies: Vec<Value>,
}

impl AccountState {
    /// What a management read at `now` sees.
    pub(super) fn view(&self, now: Timestamp) -> View {
        if self.delay.is_zero() {
            View::Newest
        } else {
            View::At(self.horizon(now))
        }
    }

    /// The moment of a write.
    pub(super) fn instant(&self, now: Timestamp) -> Instant {
        Instant {
            now,
            horizon: self.horizon(now),
        }
    }

    fn horizon(&self, now: Timestamp) -> Timestamp {
        now.checked_sub(self.delay).unwrap_or(Timestamp::MIN)
    }

    /// The instance profiles that hold the role of this key.
    pub(super) fn profiles_of(&self, role_key: &str, view: View) -> impl Iterator<Item = &Arc<InstanceProfile>> {
        self.profiles
            .iter(view)
            .filter(move |profile| profile.role.as_deref() == Some(role_key))
    }

    /// Changes a role that exists.
    pub(super) fn update_role(&mut self, role: Role, now: Timestamp) {
        let instant = self.instant(now);
        self.roles.put(&key(&role.name), role, instant);
    }

    /// Changes a provider that exists.
    pub(super) fn update_provider(&mut self, provider: Provider, now: Timestamp) {
        let instant = self.instant(now);
        let arn = provider.arn.clone();
        self.providers.put(&arn, provider, instant);
    }
}

/// The key of a name that is unique without regard to case.
pub(super) fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// A unique id as IAM makes them: a prefix that tells the kind, then 17 characters [IAMUG-2023 identifiers].
pub(super) fn unique_id(prefix: &str) -> String {
    format!("{prefix}{}", random_text(17, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
}

/// Random characters out of an alphabet.
pub(super) fn random_text(length: usize, alphabet: &[u8]) -> String {
    use rand::seq::SliceRandom as _;
    let mut random = rand::thread_rng();
    (0..length)
        .filter_map(|_| alphabet.choose(&mut random))
        .map(|byte| char::from(*byte))
        .collect()
}
