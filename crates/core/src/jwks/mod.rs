//! Signing keys as an API server serves them at `/openid/v1/jwks`.
//!
//! A set is read whole or refused whole: what is published decides who may become whom in AWS, so a set with a secret in
//! it, or one in which a `kid` names two keys, publishes nothing. A key of a kind that AWS does not take is no error: it
//! is flagged, left out of what is published, and shown.
//!
//! A `kid` is published exactly as it is served; an external signer chooses its own. Our own identity for a key is its
//! [`Thumbprint`].

mod error;
mod key;
mod parse;
mod pem;
mod spki;
mod verify;

pub use self::{
    error::JwksError,
    key::{KeyKind, KeySet, P521_ALGORITHM, PublicKey, Thumbprint},
    parse::parse,
    pem::{PemError, from_pem},
    verify::SignatureError,
};

/// Keys of one kind that AWS reads from a set (IAM user guide, prerequisites of an OIDC provider: 100 RSA, 100 EC).
pub const MAX_KEYS_OF_A_KIND: usize = 100;

#[cfg(test)]
mod pem_tests;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
