//! The history of signing keys, and which of them are published: every key that any API server serves, every key
//! that one has served until no token of it can live any more, and every key that was announced before any of them serves it.
//!
//! The inputs are what the API servers serve, the record of what they have served, and what the spec announces. Status and bucket are outputs;
//! only when the record is lost are they looked at, and then both must agree on a key.
//!
//! An entry is a `kid` *and* a key: a key served under a new `kid` stays published under the old one too, since tokens
//! carry the old one.

mod advance;
mod record;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

pub use self::{
    advance::advance,
    record::{KeyRecord, RecordError, RecordedKey},
};
use crate::{
    jwks::{JwksError, KeySet, PublicKey, Thumbprint},
    vocabulary::EventReason,
};

/// What was found in one pass.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// UID of the namespace kube-system.
    pub cluster: &'a str,
    /// The record, if there is one.
    pub record: Option<&'a KeyRecord>,
    /// The keys of every API server that answered.
    pub served: &'a [KeySet],
    /// Whether every API server answered. If not, absence proves nothing: no key is retired or removed.
    pub all_answered: bool,
    /// The keys in the published object, if it could be read; looked at only when the record is lost.
    pub published: Option<&'a KeySet>,
    /// The thumbprints in the federation's status; looked at only when the record is lost.
    pub known: &'a BTreeSet<Thumbprint>,
    /// Keys that are published before any API server serves them.
    pub additional: &'a [PublicKey],
    /// Keys that must not be published, whoever serves them: they have leaked.
    pub revoked: &'a BTreeSet<Thumbprint>,
    /// How long a key stays published after the last API server stopped serving it.
    pub retain_for: SignedDuration,
    /// The time of this pass.
    pub now: Timestamp,
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyPhase {
    /// Served, and published.
    Live,
    /// No longer served, and still published.
    Retained,
    /// Announced, published, and served by nobody now.
    Additional,
    /// Not published, served or not: it was revoked.
    Revoked,
    /// Served, and not published: AWS does not take its kind, or takes only 100 of it.
    Unsupported,
}

/// A key and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The `kid`, as served.
    pub kid: String,
    /// What identifies the key.
    pub thumbprint: Thumbprint,
    /// The algorithm.
    pub alg: String,
    /// Where it stands.
    pub state: KeyPhase,
    /// When it was first seen, in whole seconds.
    pub first_seen: Timestamp,
    /// When a retained key goes.
    pub expires: Option<Timestamp>,
}

/// Something that happened to a key, or to all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// What.
    pub event: EventReason,
    /// To which key; none where it concerns the whole set.
    pub kid: Option<String>,
}

/// What follows from an observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// The new record; equal to the old one when nothing happened.
    pub record: KeyRecord,
    /// What must be published; empty only if every key is revoked.
    pub published: KeySet,
    /// Every known key, in the order of the published set.
    pub keys: Vec<KnownKey>,
    /// What happened.
    pub transitions: Vec<Transition>,
    /// When the next retained key goes: look again then.
    pub next_expiry: Option<Timestamp>,
}

/// Why nothing may be published now. What is published already stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The record was written by another cluster.
    #[error("the key history was recorded by the cluster {recorded}, and this is {found}")]
    ClusterChanged {
        /// The recorded kube-system UID.
        recorded: String,
        /// Ours.
        found: String,
    },
    /// The API servers' keys do not go together with each other or with the record.
    #[error(transparent)]
    Conflict(#[from] JwksError),
    /// There is no key that AWS takes.
    #[error("no API server serves a key that AWS takes (RSA, or EC on P-256, P-384 or P-521)")]
    NothingToPublish,
    /// The record cannot be understood.
    #[error(transparent)]
    Record(#[from] RecordError),
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
