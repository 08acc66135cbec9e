//! A public key as a file has it: PEM (RFC 7468, 13) of a `SubjectPublicKeyInfo`, as in kubeadm's `sa.pub`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use der::asn1::{ObjectIdentifier, UintRef};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{
    KeyKind, PublicKey,
    parse::read_key,
    spki::{self, Curve},
};

/// rsaEncryption and id-ecPublicKey (RFC 3279, 2.3.1; RFC 5480, 2.1).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// Why a PEM is no key that can be published. No message ever repeats what is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// A private key, in the clear or encrypted.
    #[error("is a private key: whoever can read this object can sign tokens with it now, so make another one")]
    Private,
    /// Another thing than a public key.
    #[error("is a {0:?} and not a \"PUBLIC KEY\"; convert it with openssl pkey -pubout or openssl x509 -pubkey")]
    Label(String),
    /// Not exactly one PEM block.
    #[error("is not exactly one PEM block from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----")]
    NotPem,
    /// The block's content is no public key.
    #[error("is broken: {0}")]
    Malformed(String),
    /// A kind of key that AWS does not take.
    #[error("is of a kind that AWS does not take; use RSA, or EC on P-256, P-384 or P-521")]
    Unsupported,
}

/// Reads a public key and gives it the `kid` that Kubernetes will: base64url of the SHA-256 of its DER
/// (kubernetes/pkg/serviceaccount/jwt.go, `keyIDFromPublicKey`).
///
/// # Errors
/// See [`PemError`].
pub fn from_pem(pem: &str) -> Result<PublicKey, PemError> {
    if pem.contains("PRIVATE KEY-----") {
        return Err(PemError::Private);
    }
    let (label, der) = pem_rfc7468::decode_vec(pem.trim().as_bytes()).map_err(|_| PemError::NotPem)?;
    if label != "PUBLIC KEY" {
        return Err(PemError::Label(label.to_owned()));
    }
    let info = ::spki::SubjectPublicKeyInfoRef::try_from(der.as_slice()).map_err(|error| malformed(&error))?;
    let bits = info
        .subject_public_key
        .as_bytes()
        .ok_or_else(|| malformed(&"its bits are no whole bytes"))?;
    let (canonical, members) = if info.algorithm.oid == RSA {
        rsa(bits)?
    } else if info.algorithm.oid == EC {
        let curve = info.algorithm.parameters_oid().map_err(|error| malformed(&error))?;
        ec(Curve::of(&curve).ok_or(PemError::Unsupported)?, bits)?
    } else {
        return Err(PemError::Unsupported);
    };
    let mut members = members;
    members.insert(
        "kid".to_owned(),
        json!(URL_SAFE_NO_PAD.encode(Sha256::digest(&canonical))),
    );
    let key = read_key(0, &members).map_err(|error| malformed(&error))?;
    if key.kind() == KeyKind::Unsupported {
        return Err(PemError::Unsupported);
    }
    Ok(key)
}

/// RFC 8017, A.1.1.
#[derive(der::Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

type Read = (Vec<u8>, Map<String, Value>);

fn rsa(bits: &[u8]) -> Result<Read, PemError> {
    let key: RsaPublicKey<'_> = der::Decode::from_der(bits).map_err(|error| malformed(&error))?;
    let (modulus, exponent) = (key.modulus.as_bytes(), key.exponent.as_bytes());
    let members = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(modulus), "e": URL_SAFE_NO_PAD.encode(exponent)});
    Ok((spki::rsa(modulus, exponent), object(members)))
}

/// Only the uncompressed point: Go, and so Kubernetes, reads no other (`elliptic.Unmarshal`).
fn ec(curve: Curve, bits: &[u8]) -> Result<Read, PemError> {
    let point = bits
        .strip_prefix(&[4])
        .and_then(|point| point.split_at_checked(curve.coordinate()));
    let (x, y) = point.ok_or_else(|| malformed(&"its point is not an uncompressed one"))?;
    let members = json!({
        "kty": "EC", "crv": curve.name(), "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
    });
    Ok((spki::ec(curve, x, y), object(members)))
}

fn object(members: Value) -> Map<String, Value> {
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn malformed(error: &impl ToString) -> PemError {
    PemError::Malformed(error.to_string())
}
