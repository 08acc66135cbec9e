//! Why a set of keys is refused whole.

/// Why a set publishes nothing. No message ever repeats key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Not JSON, or not `{"keys": […]}`.
    #[error("the key set is not a JWKS: {0}")]
    Unreadable(String),
    /// No keys at all.
    #[error("the key set has no keys")]
    Empty,
    /// A private or symmetric key, of which the public must see nothing.
    #[error("key {position} of the key set carries the secret member {member:?}; nothing of it is published")]
    Secret {
        /// Counted from 0.
        position: usize,
        /// The member's name.
        member: String,
    },
    /// A key without a `kid`, or with an impossible one.
    #[error("key {position} of the key set has no kid of 1 to 1024 characters")]
    Kid {
        /// Counted from 0.
        position: usize,
    },
    /// One `kid`, two keys: a verifier could take either.
    #[error("the kid {kid:?} names two different keys")]
    KidTaken {
        /// The `kid`.
        kid: String,
    },
    /// A key whose numbers are not what its kind needs.
    #[error("the key {kid:?} is malformed: {problem}")]
    Malformed {
        /// Its `kid`.
        kid: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}
