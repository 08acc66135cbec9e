//! DER of a `SubjectPublicKeyInfo` (RFC 5280 §4.1, RFC 3279 §2.3.1, RFC 5480 §2): what Kubernetes hashes into a `kid`.

use der::asn1::ObjectIdentifier;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// `AlgorithmIdentifier` of rsaEncryption, 1.2.840.113549.1.1.1, with its NULL.
const RSA: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];
/// Of id-ecPublicKey, 1.2.840.10045.2.1, with the curve secp256r1.
const P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07,
];
/// With secp384r1.
const P384: &[u8] = &[
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22,
];
/// With secp521r1.
const P521: &[u8] = &[
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23,
];

/// An elliptic curve that AWS takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "P-256" => Some(Self::P256),
            "P-384" => Some(Self::P384),
            "P-521" => Some(Self::P521),
            _ => None,
        }
    }

    /// By its object identifier (RFC 5480, 2.1.1.1).
    pub(super) fn of(curve: &ObjectIdentifier) -> Option<Self> {
        match curve.to_string().as_str() {
            "1.2.840.10045.3.1.7" => Some(Self::P256),
            "1.3.132.0.34" => Some(Self::P384),
            "1.3.132.0.35" => Some(Self::P521),
            _ => None,
        }
    }

    /// Its name in a JWK (RFC 7518, 6.2.1.1).
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Whether the point is on the curve. A verifier that reads one that is not may refuse the whole set.
    pub(super) fn has(self, x: &[u8], y: &[u8]) -> bool {
        let point = [&[0x04], x, y].concat();
        match self {
            Self::P256 => p256::PublicKey::from_sec1_bytes(&point).is_ok(),
            Self::P384 => p384::PublicKey::from_sec1_bytes(&point).is_ok(),
            Self::P521 => p521::PublicKey::from_sec1_bytes(&point).is_ok(),
        }
    }

    /// The algorithm that goes with the curve (RFC 7518 §3.4).
    pub(super) const fn alg(self) -> &'static str {
        match self {
            Self::P256 => "ES256",
            Self::P384 => "ES384",
            Self::P521 => "ES512",
        }
    }

    /// Length of a coordinate in bytes.
    pub(super) const fn coordinate(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    const fn algorithm(self) -> &'static [u8] {
        match self {
            Self::P256 => P256,
            Self::P384 => P384,
            Self::P521 => P521,
        }
    }
}

/// Of an RSA key by modulus and exponent, big-endian.
pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = tagged(SEQUENCE, &[unsigned(modulus), unsigned(exponent)].concat());
    info(RSA, &key)
}

/// Of an EC key by its coordinates, each of the curve's length: the uncompressed point.
pub(super) fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Vec<u8> {
    info(curve.algorithm(), &[&[0x04], x, y].concat())
}

fn info(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    // The leading zero: no unused bits in the last byte.
    let bits = tagged(BIT_STRING, &[&[0], key].concat());
    tagged(SEQUENCE, &[algorithm, &bits].concat())
}

/// A non-negative integer: no leading zeros, but one where the first bit would be a sign.
fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let significant = bytes.get(start..).unwrap_or_default();
    let sign: &[u8] = if significant.first().is_none_or(|first| first & 0x80 != 0) {
        &[0]
    } else {
        &[]
    };
    tagged(INTEGER, &[sign, significant].concat())
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => der.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let start = length.iter().position(|byte| *byte != 0).unwrap_or(length.len());
            let significant = length.get(start..).unwrap_or_default();
            der.push(0x80 | u8::try_from(significant.len()).unwrap_or_default());
            der.extend(significant);
        }
    }
    der.extend(content);
    der
}

#[cfg(test)]
mod tests {
    use super::tagged;

    /// X.690, 8.1.3: up to 127 in one byte, from 128 on the count of the length's bytes first.
    #[test]
    fn a_length_is_short_below_128_and_long_from_there_on() {
        for (length, head) in [
            (127, vec![2, 127]),
            (128, vec![2, 0x81, 128]),
            (255, vec![2, 0x81, 255]),
            (256, vec![2, 0x82, 1, 0]),
        ] {
            let der = tagged(2, &vec![7; length]);
            assert_eq!(
                der.strip_suffix(vec![7; length].as_slice()),
                Some(head.as_slice()),
                "{length}"
            );
        }
    }
}
