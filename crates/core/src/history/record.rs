//! The record of signing keys, as JSON for a ConfigMap.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    instance::Instance,
    jwks::{self, PublicKey},
};

const VERSION: u32 = 1;

/// Every key that was seen and is not gone yet. Public keys only; the secret of [`Instance`] proves who wrote
/// to the bucket, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// UID of the namespace kube-system of the cluster that it speaks of.
    pub cluster: String,
    /// The keys, in the order of their `kid`.
    pub keys: Vec<RecordedKey>,
    /// The bucket that was created for the documents, noted before it is: CreateBucket takes no mark of ownership. Lost
    /// with the record, the bucket is somebody else's, and stays.
    pub made_bucket: Option<String>,
    /// What tells this cluster from a copy of it.
    pub instance: Option<Instance>,
}

/// A key of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedKey {
    /// The key.
    pub key: PublicKey,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// Since when no API server serves it and nobody announces it.
    pub retired_at: Option<Timestamp>,
    /// Whether it is there because it was announced, and no API server serves it.
    pub announced: bool,
    /// Whether it was revoked when last looked at.
    pub revoked: bool,
}

/// Why a record cannot be understood. It is never overwritten then: a newer version may have written it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// No record at all, or a broken one.
    #[error("the key history cannot be read ({0}); restore its ConfigMap from a backup, or delete it")]
    Unreadable(String),
    /// Written by a later release.
    #[error("the key history has version {0} and this release knows 1; run the release that wrote it")]
    Version(u32),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    version: u32,
    cluster: String,
    keys: Vec<StoredKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made_bucket: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance: Option<Instance>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredKey {
    jwk: Value,
    first_seen: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retired_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    announced: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    revoked: bool,
}

impl KeyRecord {
    /// An empty record of a cluster.
    pub fn new(cluster: impl Into<String>) -> Self {
        Self {
            cluster: cluster.into(),
            keys: Vec::new(),
            made_bucket: None,
            instance: None,
        }
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn from_json(text: &str) -> Result<Self, RecordError> {
        let unreadable = |problem: String| RecordError::Unreadable(problem);
        let stored: Value = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        let version = stored.get("version").and_then(Value::as_u64).unwrap_or_default();
        if version != u64::from(VERSION) {
            return Err(RecordError::Version(u32::try_from(version).unwrap_or(u32::MAX)));
        }
        let stored: Stored = serde_json::from_value(stored).map_err(|error| unreadable(error.to_string()))?;
        let keys = stored.keys.into_iter().map(|stored| {
            let set = jwks::parse(json!({ "keys": [stored.jwk] }).to_string().as_bytes());
            let key = set
                .map_err(|error| unreadable(error.to_string()))?
                .keys()
                .first()
                .cloned();
            Ok(RecordedKey {
                key: key.ok_or_else(|| unreadable("a key is missing".to_owned()))?,
                first_seen: stored.first_seen,
                retired_at: stored.retired_at,
                announced: stored.announced,
                revoked: stored.revoked,
            })
        });
        Ok(Self {
            cluster: stored.cluster,
            keys: keys.collect::<Result<_, _>>()?,
            made_bucket: stored.made_bucket,
            instance: stored.instance,
        })
    }

    /// The record as text: equal records are equal texts.
    pub fn to_json(&self) -> String {
        let keys = self.keys.iter().map(|recorded| StoredKey {
            jwk: recorded.key.to_jwk(),
            first_seen: recorded.first_seen,
            retired_at: recorded.retired_at,
            announced: recorded.announced,
            revoked: recorded.revoked,
        });
        let stored = Stored {
            version: VERSION,
            cluster: self.cluster.clone(),
            keys: keys.collect(),
            made_bucket: self.made_bucket.clone(),
            instance: self.instance.clone(),
        };
        // A struct of strings, numbers and JSON values: there is nothing in it that JSON cannot say.
        serde_json::to_string(&stored).unwrap_or_default()
    }
}
