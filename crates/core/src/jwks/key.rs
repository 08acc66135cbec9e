//! Public keys, what identifies them, and sets of them.

use std::fmt;

use serde_json::{Map, Value, json};

use super::JwksError;

/// The algorithm of keys on P-521 (RFC 7518, section 3.4).
pub const P521_ALGORITHM: &str = "ES512";

/// What identifies a key, whatever its `kid`: SHA-256 of its `SubjectPublicKeyInfo`, in hexadecimal.
///
/// For a key of an unsupported kind, whose encoding is not ours to know, SHA-256 of its public members.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint(String);

impl Thumbprint {
    /// Takes what a status or record says.
    pub fn from_hex(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// In hexadecimal.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of key it is, as far as AWS cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// RSA.
    Rsa,
    /// P-256, P-384 or P-521.
    Ec,
    /// AWS does not take it (Ed25519, ML-DSA, another curve or algorithm).
    Unsupported,
}

/// One public key of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    pub(super) kid: String,
    pub(super) thumbprint: Thumbprint,
    pub(super) kind: KeyKind,
    pub(super) alg: String,
    /// The members that are published, `use` included.
    pub(super) members: Map<String, Value>,
}

impl PublicKey {
    /// The key id, exactly as served; 1 to 1024 characters.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What identifies the key.
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// Its kind.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The signature algorithm (`RS256`, `ES256`, …); for an unsupported key what it says of itself.
    pub fn alg(&self) -> &str {
        &self.alg
    }

    /// Whether it is an EC key on P-521. AWS takes it; of other verifiers many cannot, and some then read nothing of the
    /// set at all.
    pub fn is_p521(&self) -> bool {
        self.kind == KeyKind::Ec && self.alg == P521_ALGORITHM
    }

    /// The key as a JWK: public members only.
    pub fn to_jwk(&self) -> Value {
        Value::Object(self.members.clone())
    }
}

/// Keys, sorted by `kid` and thumbprint unless they were [ranked](Self::ranked), none twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeySet(Vec<PublicKey>);

impl KeySet {
    /// The keys.
    pub fn keys(&self) -> &[PublicKey] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One set of several keys, or why they cannot be in one: the same `kid` for two keys.
    ///
    /// # Errors
    /// [`JwksError::KidTaken`].
    pub fn of(keys: impl IntoIterator<Item = PublicKey>) -> Result<Self, JwksError> {
        let mut keys: Vec<PublicKey> = keys.into_iter().collect();
        keys.sort_by(|one, other| (&one.kid, &one.thumbprint).cmp(&(&other.kid, &other.thumbprint)));
        keys.dedup_by(|one, other| one.kid == other.kid && one.thumbprint == other.thumbprint);
        match keys
            .iter()
            .zip(keys.iter().skip(1))
            .find(|(one, next)| one.kid == next.kid)
        {
            Some((one, _)) => Err(JwksError::KidTaken { kid: one.kid.clone() }),
            None => Ok(Self(keys)),
        }
    }

    /// The same keys in this order; within a rank they stay sorted by `kid`.
    #[must_use]
    pub fn ranked<R: Ord>(mut self, rank: impl Fn(&PublicKey) -> R) -> Self {
        self.0.sort_by_cached_key(rank);
        self
    }

    /// The set as a JWKS: deterministic, whatever the order in which the keys came.
    pub fn to_jwks(&self) -> Value {
        json!({ "keys": self.0.iter().map(PublicKey::to_jwk).collect::<Vec<_>>() })
    }
}
