//! Tokens that no API server would issue, made from one that an API server did.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use irsa_testkit::controlplane::SigningKey;
use serde_json::{Value, json};

/// The parts of a compact JWS.
pub(crate) struct Parts {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) signature: String,
}

pub(crate) fn parse(token: &str) -> Parts {
    let mut parts = token.split('.');
    let mut json = || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap()).unwrap();
    let (header, claims) = (json(), json());
    Parts {
        header,
        claims,
        signature: parts.next().unwrap().to_owned(),
    }
}

impl Parts {
    /// The same words, signed by somebody else.
    pub(crate) fn signed_by(&self, key: &SigningKey) -> String {
        key.sign_jwt(&self.header, &self.claims).unwrap()
    }

    /// Another claim under the old signature.
    pub(crate) fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims.clone();
        claims[name] = value;
        compact(&self.header, &claims, &self.signature)
    }

    /// Another `kid` under the old signature.
    pub(crate) fn with_key_id(&self, key_id: &str) -> String {
        let mut header = self.header.clone();
        header["kid"] = json!(key_id);
        compact(&header, &self.claims, &self.signature)
    }

    /// `alg: none`, with or without the old signature.
    pub(crate) fn unsigned(&self, signature: &str) -> String {
        compact(
            &json!({"alg": "none", "kid": self.header["kid"]}),
            &self.claims,
            signature,
        )
    }

    /// Signed with HMAC under the published public key as the secret, for verifiers that let the token choose.
    pub(crate) fn hmac_signed(&self, secret: &[u8]) -> String {
        use hmac::{Hmac, Mac};
        let header = json!({"alg": "HS256", "kid": self.header["kid"]});
        let message = compact(&header, &self.claims, "");
        let message = message.trim_end_matches('.');
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
        mac.update(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }
}

fn compact(header: &Value, claims: &Value, signature: &str) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", encode(header), encode(claims))
}
