//! Service-account signing keys: made by us, handed to the API server as files.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::ecdsa::signature::{SignatureEncoding, Signer};
use rand::rngs::OsRng;
use rsa::{
    pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding},
    traits::PublicKeyParts,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::ControlPlaneError;

const RSA_BITS: usize = 2048;

/// A private key that an API server signs ServiceAccount tokens with.
#[derive(Clone)]
pub struct SigningKey {
    kind: Kind,
    pem: String,
    public: PublicKey,
}

#[derive(Clone)]
enum Kind {
    Rsa(Box<rsa::RsaPrivateKey>),
    P256(p256::SecretKey),
    P384(p384::SecretKey),
    P521(p521::SecretKey),
}

/// The public half of a [`SigningKey`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    pem: String,
    key_id: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SigningKey")
            .field("algorithm", &self.algorithm())
            .field("kid", &self.key_id())
            .finish()
    }
}

impl SigningKey {
    /// A new RSA key of 2048 bits (RS256).
    pub fn generate_rsa() -> Result<Self, ControlPlaneError> {
        let key = rsa::RsaPrivateKey::new(&mut OsRng, RSA_BITS).map_err(crypto("an RSA key"))?;
        let public = PublicKey::of(&key.to_public_key())?;
        let pem = key
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(crypto("an RSA key"))?
            .to_string();
        Ok(Self {
            kind: Kind::Rsa(Box::new(key)),
            pem,
            public,
        })
    }

    /// A new key on P-256 (ES256).
    pub fn generate_ec_p256() -> Result<Self, ControlPlaneError> {
        let key = p256::SecretKey::random(&mut OsRng);
        let public = PublicKey::of(&key.public_key())?;
        let pem = key
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(crypto("a P-256 key"))?
            .to_string();
        Ok(Self {
            kind: Kind::P256(key),
            pem,
            public,
        })
    }

    /// A new key on P-384 (ES384).
    pub fn generate_ec_p384() -> Result<Self, ControlPlaneError> {
        let key = p384::SecretKey::random(&mut OsRng);
        let public = PublicKey::of(&key.public_key())?;
        let pem = key
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(crypto("a P-384 key"))?
            .to_string();
        Ok(Self {
            kind: Kind::P384(key),
            pem,
            public,
        })
    }

    /// A new key on P-521 (ES512).
    pub fn generate_ec_p521() -> Result<Self, ControlPlaneError> {
        let key = p521::SecretKey::random(&mut OsRng);
        let public = PublicKey::of(&key.public_key())?;
        let pem = key
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(crypto("a P-521 key"))?
            .to_string();
        Ok(Self {
            kind: Kind::P521(key),
            pem,
            public,
        })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// PKCS #8 PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The `kid` that Kubernetes gives this key; see [`PublicKey::key_id`].
    pub fn key_id(&self) -> &str {
        self.public.key_id()
    }

    /// The JWS algorithm that Kubernetes signs with under this kind of key.
    pub fn algorithm(&self) -> &'static str {
        match self.kind {
            Kind::Rsa(_) => "RS256",
            Kind::P256(_) => "ES256",
            Kind::P384(_) => "ES384",
            Kind::P521(_) => "ES512",
        }
    }

    /// The public half as a JWK, as an API server that has it would serve it.
    pub fn jwk(&self) -> Result<Value, ControlPlaneError> {
        let mut jwk = match &self.kind {
            Kind::Rsa(key) => json!({
                "kty": "RSA",
                "n": URL_SAFE_NO_PAD.encode(key.n().to_bytes_be()),
                "e": URL_SAFE_NO_PAD.encode(key.e().to_bytes_be()),
            }),
            Kind::P256(key) => read_jwk(&key.public_key().to_jwk_string())?,
            Kind::P384(key) => read_jwk(&key.public_key().to_jwk_string())?,
            Kind::P521(key) => read_jwk(&key.public_key().to_jwk_string())?,
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("use".to_owned(), json!("sig"));
            members.insert("alg".to_owned(), json!(self.algorithm()));
            members.insert("kid".to_owned(), json!(self.key_id()));
        }
        Ok(jwk)
    }

    /// A compact JWS over exactly these headers and claims, for tokens that no API server would issue.
    ///
    /// Nothing is checked or added: the `alg` in `header` may well lie.
    pub fn sign_jwt(&self, header: &Value, claims: &Value) -> Result<String, ControlPlaneError> {
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self.sign(message.as_bytes())?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ControlPlaneError> {
        Ok(match &self.kind {
            Kind::Rsa(key) => rsa::pkcs1v15::SigningKey::<Sha256>::new((**key).clone())
                .try_sign(message)
                .map_err(crypto("a signature"))?
                .to_vec(),
            Kind::P256(key) => {
                let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(key).sign(message);
                signature.to_vec()
            }
            Kind::P384(key) => {
                let signature: p384::ecdsa::Signature = p384::ecdsa::SigningKey::from(key).sign(message);
                signature.to_vec()
            }
            Kind::P521(key) => {
                let signer = p521::ecdsa::SigningKey::from_bytes(&key.to_bytes()).map_err(crypto("a signature"))?;
                let signature: p521::ecdsa::Signature = signer.sign(message);
                signature.to_vec()
            }
        })
    }
}

impl PublicKey {
    fn of(key: &impl EncodePublicKey) -> Result<Self, ControlPlaneError> {
        let der = key.to_public_key_der().map_err(crypto("a public key"))?;
        let pem = key.to_public_key_pem(LineEnding::LF).map_err(crypto("a public key"))?;
        Ok(Self {
            pem,
            key_id: URL_SAFE_NO_PAD.encode(Sha256::digest(der.as_bytes())),
        })
    }

    /// PEM of the `SubjectPublicKeyInfo`.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// `base64url(SHA-256(DER SubjectPublicKeyInfo))`, as kube-apiserver computes it
    /// (kubernetes/pkg/serviceaccount/jwt.go, `keyIDFromPublicKey`).
    pub fn key_id(&self) -> &str {
        &self.key_id
    }
}

fn read_jwk(text: &str) -> Result<Value, ControlPlaneError> {
    serde_json::from_str(text).map_err(crypto("a JWK"))
}

fn crypto<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> ControlPlaneError {
    move |error| ControlPlaneError::Crypto {
        what,
        reason: error.to_string(),
    }
}
