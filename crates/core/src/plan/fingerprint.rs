//! A digest of what was asked for, to tell a change of the spec from a change in AWS.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};

/// A digest of everything that something was asked to be: the same as last time means that any difference found in AWS is
/// somebody else's doing. Comparable within one process only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The digest of anything.
    pub(crate) fn of(value: &impl Hash) -> Self {
        let mut hasher = Sha256Hasher(Sha256::new());
        value.hash(&mut hasher);
        Self(hasher.0.finalize().into())
    }
}

/// Feeds `Hash` into SHA-256: 64 bits would do against accidents, but costs no less.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        self.0
            .clone()
            .finalize()
            .iter()
            .take(8)
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }
}
