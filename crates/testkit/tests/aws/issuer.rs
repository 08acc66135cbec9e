//! A token issuer: keys, documents and tokens, good and bad, made with nothing of the double's.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use p256::ecdsa::signature::{SignatureEncoding as _, Signer as _};
use rsa::{RsaPrivateKey, pkcs1v15, pkcs8::EncodePublicKey as _, traits::PublicKeyParts as _};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};

/// A signing key.
pub(crate) enum Key {
    Rsa(Box<RsaPrivateKey>),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
}

/// Two RSA keys for all tests: making one takes a while.
pub(crate) fn rsa(which: usize) -> Key {
    static KEYS: OnceLock<[RsaPrivateKey; 2]> = OnceLock::new();
    let make = || RsaPrivateKey::new(&mut rand::thread_rng(), 2048).unwrap();
    Key::Rsa(Box::new(KEYS.get_or_init(|| [make(), make()])[which].clone()))
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Key {
    pub(crate) fn p256() -> Self {
        Self::P256(p256::ecdsa::SigningKey::random(&mut rand::thread_rng()))
    }

    pub(crate) fn p384() -> Self {
        Self::P384(p384::ecdsa::SigningKey::random(&mut rand::thread_rng()))
    }

    pub(crate) fn p521() -> Self {
        Self::P521(p521::ecdsa::SigningKey::random(&mut rand::thread_rng()))
    }

    /// The usual algorithm of its kind.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::P384(_) => "ES384",
            Self::P521(_) => "ES512",
        }
    }

    /// The public key as PEM text: what an RS/HS confusion takes for a secret.
    pub(crate) fn public_pem(&self) -> String {
        match self {
            Self::Rsa(key) => key
                .to_public_key()
                .to_public_key_pem(rsa::pkcs8::LineEnding::LF)
                .unwrap(),
            _ => panic!("only for RSA"),
        }
    }

    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let ec = |curve: &str, point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            json!({"kty": "EC", "kid": kid, "use": "sig", "alg": self.algorithm(), "crv": curve, "x": encode(x), "y": encode(y)})
        };
        match self {
            Self::Rsa(key) => json!({"kty": "RSA", "kid": kid, "use": "sig",
                "n": encode(key.n().to_bytes_be()), "e": encode(key.e().to_bytes_be())}),
            Self::P256(key) => ec("P-256", key.verifying_key().to_encoded_point(false).as_bytes()),
            Self::P384(key) => ec("P-384", key.verifying_key().to_encoded_point(false).as_bytes()),
            Self::P521(key) => ec(
                "P-521",
                p521::ecdsa::VerifyingKey::from(key).to_encoded_point(false).as_bytes(),
            ),
        }
    }

    fn sign(&self, algorithm: &str, text: &str) -> Vec<u8> {
        let text = text.as_bytes();
        match (self, algorithm) {
            (_, "none") => Vec::new(),
            (Self::Rsa(_), "HS256") => {
                let mut mac = Hmac::<Sha256>::new_from_slice(self.public_pem().as_bytes()).unwrap();
                mac.update(text);
                mac.finalize().into_bytes().to_vec()
            }
            (Self::Rsa(key), "RS384") => pkcs1v15::SigningKey::<Sha384>::new(*key.clone()).sign(text).to_vec(),
            (Self::Rsa(key), "RS512") => pkcs1v15::SigningKey::<Sha512>::new(*key.clone()).sign(text).to_vec(),
            (Self::Rsa(key), _) => pkcs1v15::SigningKey::<Sha256>::new(*key.clone()).sign(text).to_vec(),
            (Self::P256(key), _) => {
                let signature: p256::ecdsa::Signature = key.sign(text);
                signature.to_vec()
            }
            (Self::P384(key), _) => {
                let signature: p384::ecdsa::Signature = key.sign(text);
                signature.to_vec()
            }
            (Self::P521(key), _) => {
                let signature: p521::ecdsa::Signature = key.sign(text);
                signature.to_vec()
            }
        }
    }

    /// A token with this header and these claims.
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let algorithm = header["alg"].as_str().unwrap_or("none");
        format!("{signed}.{}", encode(self.sign(algorithm, &signed)))
    }
}

/// The two documents of an issuer.
pub(crate) fn discovery(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/openid/v1/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

/// Claims as a Kubernetes API server makes them.
pub(crate) fn claims(issuer: &str, audience: &str, subject: &str) -> Value {
    let now = Timestamp::now().as_second();
    json!({"iss": issuer, "aud": [audience], "sub": subject, "iat": now, "nbf": now, "exp": now + 600, "jti": "x"})
}
