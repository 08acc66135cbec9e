//! The token: what it says, and the checks of that.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    check::CheckResult,
    evidence::{Evidence, Fact, Unseen},
};
use crate::{
    json,
    text::{listed, shown},
};

/// Characters that STS takes (STS API model, `WebIdentityToken`).
const LENGTH: std::ops::RangeInclusive<usize> = 4..=20_000;
/// Leeway on `exp` and `nbf` in seconds (SECONDARY, versitygw; five minutes are reported elsewhere too).
pub(super) const LEEWAY: i64 = 300;
/// The longest life that the AWS webhook asks for, in seconds.
const DAY: i64 = 86_400;

/// A token, taken apart and not verified.
#[derive(Clone)]
pub struct IdentityToken {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signed: String,
    signature: Vec<u8>,
}

impl std::fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityToken")
            .field("claims", &self.claims)
            .finish_non_exhaustive()
    }
}

/// Why a text is no token. Says nothing of what the text is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// STS refuses it unread.
    #[error("has {0} characters and STS takes 4 to 20,000")]
    Length(usize),
    /// Not `header.payload.signature`.
    #[error("has {0} parts between dots and a JWT has three")]
    Parts(usize),
    /// A part that is not base64url without padding.
    #[error("has a {0} that is not base64url")]
    Encoding(&'static str),
    /// A part that is no JSON object, or one that has a member twice.
    #[error("has a {0} that is no JSON object with each member once")]
    Json(&'static str),
    /// RFC 7515, 4.1.11: what must be understood and is not makes a token invalid.
    #[error("has a header with crit, an extension that AWS does not know")]
    Critical,
    /// Which algorithm signed it is not said.
    #[error("has a header without alg")]
    Algorithm,
}

impl IdentityToken {
    /// Takes a compact JWS apart.
    ///
    /// # Errors
    /// [`TokenError`] for what STS could not read.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let length = text.chars().count();
        if !LENGTH.contains(&length) {
            return Err(TokenError::Length(length));
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Parts(text.split('.').count()));
        };
        let decoded = |part: &str, name| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Encoding(name));
        let object = |part: &str, name| match json::read(&decoded(part, name)?) {
            Ok(Value::Object(members)) => Ok(members),
            _ => Err(TokenError::Json(name)),
        };
        let token = Self {
            header: object(header, "header")?,
            claims: object(payload, "payload")?,
            signature: decoded(signature, "signature")?,
            signed: format!("{header}.{payload}"),
        };
        if token.header.contains_key("crit") {
            return Err(TokenError::Critical);
        }
        if token.header.get("alg").and_then(Value::as_str).is_none() {
            return Err(TokenError::Algorithm);
        }
        Ok(token)
    }

    /// `alg` of the header.
    pub fn algorithm(&self) -> &str {
        self.header.get("alg").and_then(Value::as_str).unwrap_or_default()
    }

    /// `kid` of the header.
    pub fn kid(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// A claim that is a text, and not empty.
    pub fn text(&self, claim: &str) -> Option<&str> {
        let text = self.claims.get(claim).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    }

    /// A claim that is a time, in seconds; fractions are cut (RFC 7519, `NumericDate`).
    pub fn seconds(&self, claim: &str) -> Option<i64> {
        let value = self.claims.get(claim)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a date far outside the range saturates, which is right"
        )]
        value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
    }

    /// `aud`, one or several.
    pub fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) if !one.is_empty() => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The audience that counts: `azp` if there is one, else the only `aud`; `None` where STS refuses to choose.
    pub fn audience(&self) -> Option<&str> {
        self.text("azp").or_else(|| match self.audiences().as_slice() {
            [one] => Some(one),
            _ => None,
        })
    }

    /// What the signature is over.
    pub fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    /// The signature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// The token, where it can be read.
pub(super) fn token(evidence: &Evidence) -> Fact<IdentityToken> {
    IdentityToken::parse(evidence.token.as_ref().map_err(Clone::clone)?.expose())
        .map_err(|_| Unseen::because("the token cannot be read"))
}

pub(super) fn shape(evidence: &Evidence) -> Fact<CheckResult> {
    let token = evidence.token.as_ref().map_err(Clone::clone)?;
    Ok(match IdentityToken::parse(token.expose()) {
        Ok(_) => CheckResult::pass("The token is a JWT."),
        Err(error) => CheckResult::fail(
            format!("What is shown to STS {error}."),
            "Show the token that the API server issued for the ServiceAccount, unchanged: the whole content of the file that \
             AWS_WEB_IDENTITY_TOKEN_FILE names.",
        ),
    })
}

pub(super) fn claims(evidence: &Evidence) -> Fact<CheckResult> {
    let token = token(evidence)?;
    let texts = ["iss", "sub"].into_iter().find(|claim| token.text(claim).is_none());
    let times = || ["exp", "iat"].into_iter().find(|claim| token.seconds(claim).is_none());
    let audience = || (token.audiences().is_empty() && token.text("azp").is_none()).then_some("aud");
    Ok(match texts.or_else(times).or_else(audience) {
        None => CheckResult::pass("The token has iss, sub, aud, exp and iat."),
        Some(claim) => CheckResult::fail(
            format!("The token has no {claim}, which STS requires."),
            "Use a projected token (or kubectl create token): the old tokens of Secrets have neither an audience nor an end, and AWS \
             takes none of them.",
        ),
    })
}

pub(super) fn times(evidence: &Evidence) -> Fact<CheckResult> {
    let token = token(evidence)?;
    let now = now(evidence)?.as_second();
    let Some(expires) = token.seconds("exp") else {
        return Err(Unseen::because("the token does not say when it ends"));
    };
    let over = now.saturating_sub(expires);
    if over > LEEWAY {
        return Ok(CheckResult::fail(
            format!(
                "The token ended {} ago; AWS takes it for five minutes after its end.",
                span(over)
            ),
            "Have the client read the token file again before each AssumeRoleWithWebIdentity: the kubelet renews the file. A copy of a \
             token does not renew itself.",
        ));
    }
    let early = token.seconds("nbf").map_or(0, |begins| begins.saturating_sub(now));
    if early > LEEWAY {
        return Ok(CheckResult::fail(
            format!(
                "The token begins only in {}; AWS takes it five minutes before that.",
                span(early)
            ),
            "Set the clocks of the control plane by NTP: the API server that signed the token is ahead of AWS.",
        ));
    }
    Ok(CheckResult::pass(format!(
        "The token is good for {} more.",
        span(-over)
    )))
}

pub(super) fn lifetime(evidence: &Evidence) -> Fact<CheckResult> {
    let token = token(evidence)?;
    let (Some(issued), Some(expires)) = (token.seconds("iat"), token.seconds("exp")) else {
        return Err(Unseen::because(
            "the token does not say when it was issued and when it ends",
        ));
    };
    let lifetime = expires.saturating_sub(issued);
    Ok(if lifetime > DAY {
        CheckResult::fail(
            format!("The token lives {}, and nobody can take it back.", span(lifetime)),
            "Take the audience for AWS out of the API servers' --api-audiences: a pod's default token with one of their audiences is \
             made to live a year. A token of a pod's own volume lives as long as its expirationSeconds say.",
        )
    } else {
        CheckResult::pass(format!("The token lives {}.", span(lifetime)))
    })
}

pub(super) fn issuer(evidence: &Evidence) -> Fact<CheckResult> {
    let token = token(evidence)?;
    let expected = evidence.expected.issuer.as_str();
    let Some(found) = token.text("iss") else {
        return Err(Unseen::because("the token names no issuer"));
    };
    Ok(if found == expected {
        CheckResult::pass("The token's iss is the federation's issuer, byte for byte.")
    } else {
        CheckResult::fail(
            format!(
                "The token is of the issuer {}, and the federation's is {expected}.",
                shown(found)
            ),
            "If the API servers sign as the federation's issuer by now, this token is older: restart the pod. If not, see \
             api-server-issuer.",
        )
    })
}

pub(super) fn subject(evidence: &Evidence) -> Fact<CheckResult> {
    let token = token(evidence)?;
    let expected = evidence.expected.subject.as_str();
    let Some(found) = token.text("sub") else {
        return Err(Unseen::because("the token names no subject"));
    };
    Ok(if found == expected {
        CheckResult::pass(format!("The token is of {expected}."))
    } else {
        CheckResult::fail(
            format!(
                "The token is of {}, and the binding's ServiceAccount is {expected}.",
                shown(found)
            ),
            "Set the pod's spec.serviceAccountName to the bound ServiceAccount, or name the pod's ServiceAccount in the binding's \
             spec.serviceAccounts.",
        )
    })
}

pub(super) fn audience(evidence: &Evidence) -> Fact<CheckResult> {
    let token = token(evidence)?;
    let expected = &evidence.expected;
    let Some(found) = token.audience() else {
        let count = token.audiences().len();
        if count < 2 {
            return Err(Unseen::because("the token names no audience"));
        }
        return Ok(CheckResult::fail(
            format!("The token has {count} audiences, and STS takes a token with exactly one."),
            format!("Ask for a token with the audience {} alone.", expected.audience),
        ));
    };
    Ok(
        if expected.audiences.iter().any(|audience| audience.as_str() == found) {
            CheckResult::pass(format!("The token is for {found}."))
        } else {
            CheckResult::fail(
                format!(
                    "The token is for {}, and the binding's audience is {}.",
                    shown(found),
                    listed(expected.audiences.iter(), 4)
                ),
                format!(
                    "Mount a token with the audience {} (injection does), or add the token's to spec.audiences of federation and binding.",
                    expected.audience
                ),
            )
        },
    )
}

/// The time by which AWS judges.
pub(super) fn now(evidence: &Evidence) -> Fact<Timestamp> {
    evidence.clocks.aws.clone()
}

/// A length of time for a person: in the largest unit of which there are two.
pub(super) fn span(seconds: i64) -> String {
    let units = [(86_400, "days"), (3600, "hours"), (60, "minutes")];
    let unit = units.into_iter().find(|(size, _)| seconds >= 2 * size);
    unit.map_or_else(
        || format!("{seconds} seconds"),
        |(size, name)| format!("{} {name}", seconds / size),
    )
}
