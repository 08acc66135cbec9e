//! Tokens that no API server would issue, made from one that an API server did.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use irsa_testkit::controlplane::SigningKey;
use serde_json::Value;

use crate::world::Problem;

/// The readable parts of a compact JWS.
#[derive(Debug, Clone)]
pub struct Token {
    /// Its header.
    pub header: Value,
    /// Its claims.
    pub claims: Value,
}

impl Token {
    /// Reads a token without checking it.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(token: &str) -> Result<Self, Problem> {
        let mut parts = token.split('.');
        let mut next = || -> Result<Value, Problem> {
            let part = parts.next().ok_or("a token has three parts")?;
            Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?)
        };
        Ok(Self {
            header: next()?,
            claims: next()?,
        })
    }

    /// The same words, signed by somebody else.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn signed_by(&self, key: &SigningKey) -> Result<String, Problem> {
        Ok(key.sign_jwt(&self.header, &self.claims)?)
    }
}
