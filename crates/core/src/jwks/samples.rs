//! Public keys made with openssl; each `kid` is base64url(SHA-256(DER of the public key)), as Kubernetes computes it.

use serde_json::{Value, json};

use super::{KeySet, PublicKey, parse};

pub(crate) fn rsa() -> Value {
    json!({
        "use": "sig", "kty": "RSA", "alg": "RS256", "e": "AQAB",
        "kid": "Peh3Bj-iAQeTJ8Yf_5KYgeYdZAymfoczLTkwmJXxNsk",
        "n": "srUKGch6wrCpY5W5tXpRztevJa32mE_eSV0TaT51KuMjkk6icL21w6LAkZO_nNQ3yXUHUPxBt-E3jPra0B3OCA6GlRDMyacCCOlSp-akIlh\
              LdtNrsLukK019Kq84pnZM9PeIroYojGjflLeQjziE2TmyrPpYv9wI39p8izXZ7ZzaW5EzvnOpCOd1_wg-5qj6_V9SpVHiwDHZ8EdqnfP1oST\
              uhqhCnxuLlgvsMfiBRVUxjRgE5lDgAVeJOa95ASp6VgMNhcrAaycPpAvvHu0w94LtbCUis33Cv3lpkQG5PMtJANxUj7EPZW1LpzwaQqKTDFF\
              kUEn0Kp6D_ndzxQ41uw",
    })
}

pub(crate) fn p256() -> Value {
    json!({
        "use": "sig", "kty": "EC", "crv": "P-256", "alg": "ES256",
        "kid": "UaSXOzbaWHVILMLG-J_0BGjnS62UPhhSwYk9PHiRkUk",
        "x": "pkiO4dwi2K4hoiNBLCvh-YOgs5IcZRoWpXXO6-MvNxs", "y": "AMlYvnRw2QLa7CmQp578EgKAMLT9VeznXtSIS728mkE",
    })
}

pub(crate) fn p384() -> Value {
    json!({
        "use": "sig", "kty": "EC", "crv": "P-384", "alg": "ES384",
        "kid": "at0wIW7cMp_98oxWqpVr8U42djEb51n7T10Jp_bYBxc",
        "x": "XwgmvvLZaFtPk9a85lvzdfiHV1WwpeYUgGR-fvRt6LCfwpuvbbjRH6vsSqx5-yYJ",
        "y": "AM5Diizu6KPl644SK1cpsPvkifUC6fZly3QlMh2bkR98cUyqUrdsnY6yfs-5_aZS",
    })
}

pub(crate) fn p521() -> Value {
    json!({
        "use": "sig", "kty": "EC", "crv": "P-521", "alg": "ES512",
        "kid": "YquwLZPq_d7YUOJlH1ASl6dPtvWPGIsyQ4Y0uKG7epA",
        "x": "AATmpDxiWU1bK1axSKBHeCgJAraAPf1QoQ-RNBCwPje0CGm4XJr031IMNvrFAeevcUNJfrxGKgJo649SLF4h3AsX",
        "y": "AOHWmoz7_xs-WYNVaHAOueEVzKUAeWtJYGcsuxO5137gSoZLcdqa889Va5CmwJgZlwr3XLrJJX7oW9BE0kzwRsAh",
    })
}

pub(crate) fn ed25519() -> Value {
    json!({"use": "sig", "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

pub(crate) fn set(keys: &[Value]) -> KeySet {
    parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// An RSA key that differs from every other number's, by its modulus.
pub(crate) fn numbered(number: u8) -> PublicKey {
    numbered_as(number, &format!("key-{number}"))
}

/// That key, served under this `kid`.
pub(crate) fn numbered_as(number: u8, kid: &str) -> PublicKey {
    let mut key = rsa();
    let modulus = key["n"].as_str().unwrap().to_owned();
    key["n"] = json!(format!("{}{}", char::from(b'A' + number), &modulus[1..]));
    key["kid"] = json!(kid);
    set(&[key]).keys()[0].clone()
}
