//! Parsing of a JWKS, strict where it matters.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use crate::{digest::sha256_hex, json as unique};

use super::{
    JwksError, KeyKind, KeySet, PublicKey, Thumbprint,
    spki::{self, Curve},
};

/// Members that only a private or symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1; `priv` of the ML-DSA draft).
const SECRET_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
/// Longest `kid` that an external signer may use (KEP-740).
const MAX_KID: usize = 1024;
/// Below this RSA is broken; Kubernetes itself makes 2048 and more.
const MIN_RSA_BITS: usize = 1024;
const RSA_ALGORITHMS: [&str; 3] = ["RS256", "RS384", "RS512"];

/// Reads a set as an API server serves it.
///
/// # Errors
/// See [`JwksError`]: any of them means that nothing of the set may be published.
pub fn parse(bytes: &[u8]) -> Result<KeySet, JwksError> {
    let unreadable = |problem: &str| JwksError::Unreadable(problem.to_owned());
    let set: Value = unique::read(bytes).map_err(|error| unreadable(&format!("not JSON in line {}", error.line())))?;
    let keys = set
        .get("keys")
        .and_then(Value::as_array)
        .ok_or_else(|| unreadable("there is no list \"keys\""))?;
    if keys.is_empty() {
        return Err(JwksError::Empty);
    }
    let read = keys.iter().enumerate().map(|(position, key)| {
        let members = key.as_object().ok_or_else(|| unreadable("a key is no object"))?;
        read_key(position, members)
    });
    KeySet::of(read.collect::<Result<Vec<_>, _>>()?)
}

pub(super) fn read_key(position: usize, members: &Map<String, Value>) -> Result<PublicKey, JwksError> {
    let secret = SECRET_MEMBERS.iter().find(|member| members.contains_key(**member));
    let symmetric = (text(members, "kty") == "oct").then_some("kty: oct");
    if let Some(member) = secret.copied().or(symmetric) {
        return Err(JwksError::Secret {
            position,
            member: member.to_owned(),
        });
    }
    let kid = text(members, "kid");
    if kid.is_empty() || kid.chars().count() > MAX_KID {
        return Err(JwksError::Kid { position });
    }
    if !verifies(members) {
        return Ok(unsupported(kid, members));
    }
    match text(members, "kty") {
        "RSA" => rsa(kid, members),
        "EC" => match Curve::named(text(members, "crv")) {
            Some(curve) => ec(kid, curve, members),
            None => Ok(unsupported(kid, members)),
        },
        _ => Ok(unsupported(kid, members)),
    }
}

/// Whether a key is meant to verify signatures, or does not say what it is meant for (RFC 7517, 4.2 and 4.3).
fn verifies(members: &Map<String, Value>) -> bool {
    let used = members.get("use").is_none_or(|used| used == "sig");
    let operations = members.get("key_ops").and_then(Value::as_array);
    used && operations.is_none_or(|operations| operations.iter().any(|operation| operation == "verify"))
}

fn rsa(kid: &str, members: &Map<String, Value>) -> Result<PublicKey, JwksError> {
    let modulus = number(kid, members, "n", "its modulus n is no base64url number")?;
    let exponent = number(kid, members, "e", "its exponent e is no base64url number")?;
    if bits(&modulus) < MIN_RSA_BITS {
        return Err(malformed(kid, "its modulus is shorter than 1024 bits"));
    }
    // RFC 8017, 3.1: odd and at least 3. With 1 every text is its own signature.
    if significant(&exponent) == [1] || exponent.last().is_none_or(|last| last % 2 == 0) {
        return Err(malformed(kid, "its exponent is 1 or even"));
    }
    let alg = match text(members, "alg") {
        "" => "RS256",
        alg if RSA_ALGORITHMS.contains(&alg) => alg,
        _ => return Ok(unsupported(kid, members)),
    };
    let published = json!({
        "use": "sig", "kty": "RSA", "kid": kid, "alg": alg,
        "n": URL_SAFE_NO_PAD.encode(significant(&modulus)), "e": URL_SAFE_NO_PAD.encode(significant(&exponent)),
    });
    Ok(supported(
        kid,
        KeyKind::Rsa,
        alg,
        &spki::rsa(&modulus, &exponent),
        published,
    ))
}

fn ec(kid: &str, curve: Curve, members: &Map<String, Value>) -> Result<PublicKey, JwksError> {
    let coordinate = |name| {
        let bytes = number(kid, members, name, "a coordinate is no base64url number")?;
        // RFC 7518 §6.2.1.2: always of the curve's length.
        if bytes.len() == curve.coordinate() {
            Ok(bytes)
        } else {
            Err(malformed(kid, "a coordinate has not the length of its curve"))
        }
    };
    let (x, y) = (coordinate("x")?, coordinate("y")?);
    if !curve.has(&x, &y) {
        return Err(malformed(kid, "its point is not on its curve"));
    }
    let alg = curve.alg();
    if !["", alg].contains(&text(members, "alg")) {
        return Ok(unsupported(kid, members));
    }
    let published = json!({
        "use": "sig", "kty": "EC", "kid": kid, "alg": alg, "crv": text(members, "crv"),
        "x": URL_SAFE_NO_PAD.encode(&x), "y": URL_SAFE_NO_PAD.encode(&y),
    });
    Ok(supported(kid, KeyKind::Ec, alg, &spki::ec(curve, &x, &y), published))
}

fn supported(kid: &str, kind: KeyKind, alg: &str, encoded: &[u8], published: Value) -> PublicKey {
    let members = if let Value::Object(members) = published {
        members
    } else {
        Map::new()
    };
    PublicKey {
        kid: kid.to_owned(),
        thumbprint: digest(encoded),
        kind,
        alg: alg.to_owned(),
        members,
    }
}

fn unsupported(kid: &str, members: &Map<String, Value>) -> PublicKey {
    let identity: Map<String, Value> = members
        .iter()
        .filter(|(name, _)| !["kid", "use", "alg", "key_ops"].contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let says = ["alg", "crv", "kty"].map(|member| text(members, member));
    PublicKey {
        kid: kid.to_owned(),
        thumbprint: digest(Value::Object(identity).to_string().as_bytes()),
        kind: KeyKind::Unsupported,
        alg: says
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or("unknown")
            .to_owned(),
        members: members.clone(),
    }
}

fn digest(bytes: &[u8]) -> Thumbprint {
    Thumbprint::from_hex(sha256_hex(bytes))
}

fn number(kid: &str, members: &Map<String, Value>, member: &str, problem: &'static str) -> Result<Vec<u8>, JwksError> {
    match URL_SAFE_NO_PAD.decode(text(members, member)) {
        Ok(bytes) if bytes.iter().any(|byte| *byte != 0) => Ok(bytes),
        _ => Err(malformed(kid, problem)),
    }
}

fn malformed(kid: &str, problem: &'static str) -> JwksError {
    JwksError::Malformed {
        kid: kid.to_owned(),
        problem,
    }
}

fn text<'a>(members: &'a Map<String, Value>, member: &str) -> &'a str {
    members.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn significant(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    number.get(start..).unwrap_or_default()
}

fn bits(number: &[u8]) -> usize {
    let significant = significant(number);
    let leading = significant.first().map_or(0, |first| first.leading_zeros() as usize);
    significant.len() * 8 - leading
}
