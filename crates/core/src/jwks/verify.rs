//! Verification of a signature with a key of a set.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use p521::ecdsa::signature::Verifier as _;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA384, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::Value;

use super::PublicKey;

/// Why a signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The algorithm is not one for this key, or not one that is checked here.
    #[error("the algorithm is not one for this key")]
    Algorithm,
    /// The key did not sign this.
    #[error("the key did not sign this")]
    Mismatch,
}

impl PublicKey {
    /// Whether this key signed the bytes with a JOSE algorithm (RFC 7518, 3.1). The key's own `alg` is not asked.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self, algorithm: &str, signed: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        match (self.text("crv"), algorithm) {
            ("", "RS256") => self.rsa(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, signed, signature),
            ("", "RS384") => self.rsa(&RSA_PKCS1_2048_8192_SHA384, signed, signature),
            ("", "RS512") => self.rsa(&RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, signed, signature),
            ("P-256", "ES256") => self.ec(&ECDSA_P256_SHA256_FIXED, signed, signature),
            ("P-384", "ES384") => self.ec(&ECDSA_P384_SHA384_FIXED, signed, signature),
            ("P-521", "ES512") => self.p521(signed, signature),
            _ => Err(SignatureError::Algorithm),
        }
    }

    fn rsa(&self, parameters: &'static RsaParameters, signed: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let key = RsaPublicKeyComponents {
            n: self.number("n"),
            e: self.number("e"),
        };
        let verified = key.verify(parameters, signed, signature);
        verified.map_err(|_| SignatureError::Mismatch)
    }

    fn ec(
        &self,
        curve: &'static dyn VerificationAlgorithm,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let key = UnparsedPublicKey::new(curve, self.point());
        key.verify(signed, signature).map_err(|_| SignatureError::Mismatch)
    }

    fn p521(&self, signed: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let verified = || {
            let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(&self.point()).ok()?;
            let signature = p521::ecdsa::Signature::from_slice(signature).ok()?;
            key.verify(signed, &signature).ok()
        };
        verified().ok_or(SignatureError::Mismatch)
    }

    /// SEC 1, 2.3.3: uncompressed.
    fn point(&self) -> Vec<u8> {
        let coordinates = ["x", "y"].into_iter().flat_map(|member| self.number(member));
        std::iter::once(4).chain(coordinates).collect()
    }

    fn number(&self, member: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(self.text(member)).unwrap_or_default()
    }

    fn text(&self, member: &str) -> &str {
        self.members.get(member).and_then(Value::as_str).unwrap_or_default()
    }
}
