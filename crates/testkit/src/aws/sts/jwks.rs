//! An issuer's keys, and the check of a signature with one of them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::ecdsa::signature::Verifier as _;
use rsa::{BigUint, RsaPublicKey, pkcs1v15};
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};

/// Keys of one kind that a JWKS may have at most [reference 1.5, AWS "prerequisites"; same in VGW].
const MOST_OF_A_KIND: usize = 100;

/// The public keys of an issuer that AWS can use.
#[derive(Clone)]
pub(crate) struct KeySet(Vec<Key>);

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

#[derive(Clone)]
struct Key {
    id: Option<String>,
    /// `alg`, when the key says it.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Rsa(RsaPublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
    /// A key of a kind that AWS counts but the double cannot read; verifies nothing.
    Unreadable,
}

/// Why no key can be had from a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeySetError {
    #[error("the document is not a JSON Web Key Set")]
    Malformed,
    #[error("the key set has no RSA or EC key")]
    Empty,
    #[error("the key set has more than 100 RSA or 100 EC keys")]
    TooMany,
}

/// Why a signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureError {
    #[error("the algorithm is not one that AWS takes")]
    Algorithm,
    #[error("no key of the set has this kid")]
    UnknownKey,
    #[error("the key is not one for this algorithm")]
    WrongKind,
    #[error("the signature does not match")]
    Mismatch,
}

impl KeySet {
    /// Reads a JWKS. Keys of other kinds than RSA and EC are passed over.
    pub(super) fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        let document: Value = serde_json::from_slice(document).map_err(|_| KeySetError::Malformed)?;
        let list = document
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeySetError::Malformed)?;
        let count = |kind: &str| list.iter().filter(|key| text(key, "kty") == Some(kind)).count();
        let (rsa, ec) = (count("RSA"), count("EC"));
        if rsa + ec == 0 {
            return Err(KeySetError::Empty);
        }
        if rsa > MOST_OF_A_KIND || ec > MOST_OF_A_KIND {
            return Err(KeySetError::TooMany);
        }
        let keys = list.iter().filter(|key| matches!(text(key, "kty"), Some("RSA" | "EC")));
        Ok(Self(
            keys.map(|key| Key {
                id: text(key, "kid").map(ToOwned::to_owned),
                algorithm: text(key, "alg").map(ToOwned::to_owned),
                material: material(key).unwrap_or(Material::Unreadable),
            })
            .collect(),
        ))
    }

    /// Checks `signature` over `signed` with the key of this id. The algorithm must be one of AWS's six [STS-model
    /// WebIdentityToken] and must be for the kind of the key, so that no public key is ever taken for a secret.
    pub(super) fn verify(
        &self,
        algorithm: &str,
        key_id: Option<&str>,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        if !["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"].contains(&algorithm) {
            return Err(SignatureError::Algorithm);
        }
        // A token without kid is refused: UNSOURCED.
        let key_id = key_id.ok_or(SignatureError::UnknownKey)?;
        let key = self
            .0
            .iter()
            .find(|key| key.id.as_deref() == Some(key_id))
            .ok_or(SignatureError::UnknownKey)?;
        if key.algorithm.as_deref().is_some_and(|wanted| wanted != algorithm) {
            return Err(SignatureError::WrongKind);
        }
        let holds = match (&key.material, algorithm) {
            (Material::Rsa(key), "RS256") => rsa_holds::<Sha256>(key, signed, signature),
            (Material::Rsa(key), "RS384") => rsa_holds::<Sha384>(key, signed, signature),
            (Material::Rsa(key), "RS512") => rsa_holds::<Sha512>(key, signed, signature),
            (Material::P256(key), "ES256") => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(signed, &signature).is_ok()),
            (Material::P384(key), "ES384") => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(signed, &signature).is_ok()),
            (Material::P521(key), "ES512") => p521::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(signed, &signature).is_ok()),
            _ => return Err(SignatureError::WrongKind),
        };
        if holds { Ok(()) } else { Err(SignatureError::Mismatch) }
    }
}

fn rsa_holds<D>(key: &RsaPublicKey, signed: &[u8], signature: &[u8]) -> bool
where
    D: sha2::Digest + rsa::pkcs8::AssociatedOid,
{
    let Ok(signature) = pkcs1v15::Signature::try_from(signature) else {
        return false;
    };
    pkcs1v15::VerifyingKey::<D>::new(key.clone())
        .verify(signed, &signature)
        .is_ok()
}

fn text<'a>(key: &'a Value, name: &str) -> Option<&'a str> {
    key.get(name).and_then(Value::as_str)
}

fn material(key: &Value) -> Option<Material> {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(text(key, name)?).ok();
    if text(key, "kty") == Some("RSA") {
        let (n, e) = (
            BigUint::from_bytes_be(&number("n")?),
            BigUint::from_bytes_be(&number("e")?),
        );
        return RsaPublicKey::new_with_max_size(n, e, 16_384).ok().map(Material::Rsa);
    }
    // SEC 1: 04, then both coordinates [RFC 7518 6.2.1: full length of the field].
    let point: Vec<u8> = std::iter::once(4).chain(number("x")?).chain(number("y")?).collect();
    match text(key, "crv")? {
        "P-256" => p256::ecdsa::VerifyingKey::from_sec1_bytes(&point)
            .ok()
            .map(Material::P256),
        "P-384" => p384::ecdsa::VerifyingKey::from_sec1_bytes(&point)
            .ok()
            .map(Material::P384),
        "P-521" => p521::ecdsa::VerifyingKey::from_sec1_bytes(&point)
            .ok()
            .map(Material::P521),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(keys: &Value) -> Result<KeySet, KeySetError> {
        KeySet::parse(json!({"keys": keys}).to_string().as_bytes())
    }

    #[test]
    fn a_key_set_has_at_least_one_and_at_most_a_hundred_keys_of_a_kind() {
        let many = |kind: &str, count: usize| Value::Array(vec![json!({"kty": kind, "kid": "x"}); count]);
        assert_eq!(KeySet::parse(b"<html>").unwrap_err(), KeySetError::Malformed);
        assert_eq!(KeySet::parse(b"{}").unwrap_err(), KeySetError::Malformed);
        assert_eq!(set(&json!([])).unwrap_err(), KeySetError::Empty);
        assert_eq!(
            set(&json!([{"kty": "oct", "k": "AA"}])).unwrap_err(),
            KeySetError::Empty
        );
        assert!(set(&many("RSA", 100)).is_ok());
        assert_eq!(set(&many("RSA", 101)).unwrap_err(), KeySetError::TooMany);
        assert_eq!(set(&many("EC", 101)).unwrap_err(), KeySetError::TooMany);
    }

    #[test]
    fn the_example_signatures_of_the_jws_standard_verify() {
        // RFC 7515 A.2 (RS256) and A.3 (ES256); the key ids are ours, the examples have none.
        let keys = set(&json!([
            {"kty": "RSA", "kid": "a2", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"},
            {"kty": "EC", "kid": "a3", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
        ]))
        .unwrap();
        let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let rs = format!("eyJhbGciOiJSUzI1NiJ9.{payload}");
        let rs_signature = URL_SAFE_NO_PAD
            .decode("cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw")
            .unwrap();
        let es = format!("eyJhbGciOiJFUzI1NiJ9.{payload}");
        let es_signature = URL_SAFE_NO_PAD
            .decode("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
            .unwrap();
        let verify = |algorithm, kid, signed: &str, signature: &[u8]| {
            keys.verify(algorithm, Some(kid), signed.as_bytes(), signature)
        };
        assert_eq!(verify("RS256", "a2", &rs, &rs_signature), Ok(()));
        assert_eq!(verify("ES256", "a3", &es, &es_signature), Ok(()));
        assert_eq!(verify("RS256", "a2", &es, &rs_signature), Err(SignatureError::Mismatch));
        assert_eq!(verify("RS256", "a2", &rs, b""), Err(SignatureError::Mismatch));
        assert_eq!(verify("RS384", "a2", &rs, &rs_signature), Err(SignatureError::Mismatch));
        assert_eq!(
            verify("ES256", "a2", &rs, &rs_signature),
            Err(SignatureError::WrongKind)
        );
        assert_eq!(
            verify("ES384", "a3", &es, &es_signature),
            Err(SignatureError::WrongKind)
        );
        assert_eq!(
            verify("HS256", "a2", &rs, &rs_signature),
            Err(SignatureError::Algorithm)
        );
        assert_eq!(
            verify("PS256", "a2", &rs, &rs_signature),
            Err(SignatureError::Algorithm)
        );
        assert_eq!(
            verify("EdDSA", "a2", &rs, &rs_signature),
            Err(SignatureError::Algorithm)
        );
        assert_eq!(verify("none", "a2", &rs, b""), Err(SignatureError::Algorithm));
        assert_eq!(
            verify("RS256", "b", &rs, &rs_signature),
            Err(SignatureError::UnknownKey)
        );
        assert_eq!(
            keys.verify("RS256", None, rs.as_bytes(), &rs_signature),
            Err(SignatureError::UnknownKey)
        );
    }

    #[test]
    fn a_key_that_names_its_algorithm_verifies_no_other() {
        let keys = set(&json!([{"kty": "EC", "kid": "k", "alg": "ES384", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]))
        .unwrap();
        assert_eq!(
            keys.verify("ES256", Some("k"), b"", b""),
            Err(SignatureError::WrongKind)
        );
    }
}
