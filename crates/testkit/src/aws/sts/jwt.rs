//! A web identity token: taken apart, and its claims checked.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::aws::wire::AwsError;

/// Clock leeway on `exp` and `nbf`, seconds [VGW webIdentityExpLeeway: observed].
const LEEWAY: i64 = 300;

/// A refusal of the token.
pub(super) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "InvalidIdentityToken", message)
}

/// A token, parsed but not verified.
#[derive(Debug)]
pub(super) struct Token<'a> {
    /// `alg` of the header.
    pub(super) algorithm: String,
    /// `kid` of the header.
    pub(super) key_id: Option<String>,
    /// What the signature is over.
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
    claims: Map<String, Value>,
}

/// The audience that counts, and the token's own when `azp` stood in for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Audience {
    pub(super) effective: String,
    /// Values of `<issuer>:oaud`.
    pub(super) original: Vec<String>,
}

impl<'a> Token<'a> {
    /// Parses compact JWS. The message is AWS's for anything that is not one (SECONDARY: many reports).
    pub(super) fn parse(text: &'a str) -> Result<Self, AwsError> {
        let malformed = || {
            invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
        };
        let [header, payload, signature] = text.split('.').collect::<Vec<_>>()[..] else {
            return Err(malformed());
        };
        let object = |part: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let (header_object, claims) = object(header).zip(object(payload)).ok_or_else(malformed)?;
        // An extension that must be understood and is not makes a JWS invalid [RFC 7515 4.1.11].
        if header_object.contains_key("crit") {
            return Err(malformed());
        }
        let text_of = |name: &str| header_object.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        Ok(Self {
            algorithm: text_of("alg").ok_or_else(malformed)?,
            key_id: text_of("kid"),
            signed: text.get(..header.len() + 1 + payload.len()).ok_or_else(malformed)?,
            signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?,
            claims,
        })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// A required text claim; message [VGW InvalidIdentityTokenMissingClaim].
    pub(super) fn required(&self, name: &str) -> Result<&str, AwsError> {
        self.text(name).ok_or_else(|| missing(name))
    }

    /// Seconds of a `NumericDate`; fractions are cut [RFC 7519].
    fn seconds(&self, name: &str) -> Option<i64> {
        let value = self.claims.get(name)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a date far outside the range saturates, which is right"
        )]
        value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
    }

    /// `exp` and `iat` must be there, `exp` not over, `nbf` begun. Codes [STS-model ExpiredTokenException]; message of
    /// an expired token SECONDARY (reports quoting it), of an early one UNSOURCED.
    pub(super) fn check_times(&self, now: Timestamp) -> Result<(), AwsError> {
        let now = now.as_second();
        let expires = self.seconds("exp").ok_or_else(|| missing("exp"))?;
        self.seconds("iat").ok_or_else(|| missing("iat"))?;
        if now > expires.saturating_add(LEEWAY) {
            let message =
                format!("Token expired: current date/time {now} must be before the expiration date/time {expires}");
            return Err(AwsError::new(400, "ExpiredTokenException", message));
        }
        if self
            .seconds("nbf")
            .is_some_and(|from| now < from.saturating_sub(LEEWAY))
        {
            return Err(invalid("The token is not valid yet"));
        }
        Ok(())
    }

    /// One audience counts: `azp` if there is one, else the only `aud`. Several without `azp` are refused [VGW
    /// WebIdentityAudience, with this message; IAMUG-2023 condition keys `oaud`].
    pub(super) fn audience(&self) -> Result<Audience, AwsError> {
        let listed: Vec<String> = match self.claims.get("aud") {
            Some(Value::String(one)) if !one.is_empty() => vec![one.clone()],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
            _ => Vec::new(),
        };
        if let Some(party) = self.text("azp") {
            return Ok(Audience {
                effective: party.to_owned(),
                original: listed,
            });
        }
        match listed.as_slice() {
            [] => Err(missing("aud")),
            [one] => Ok(Audience {
                effective: one.clone(),
                original: Vec::new(),
            }),
            _ => Err(invalid(
                "Token audience contains more than one audience while authorized party is not present",
            )),
        }
    }

    /// `amr`, for the condition key of that name [IAMUG-2023 condition keys].
    pub(super) fn methods(&self) -> Vec<String> {
        let list = self.claims.get("amr").and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(ToOwned::to_owned)
            .collect()
    }
}

fn missing(name: &str) -> AwsError {
    invalid(format!("Missing a required claim: {name}."))
}
