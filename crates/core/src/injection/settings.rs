//! What a ServiceAccount says that its pods get.

use std::collections::BTreeMap;

use crate::vocabulary::{
    CONFIRMED_FOR, DEFAULT_AUDIENCE, EKS_AUDIENCE, EKS_ROLE_ARN, EKS_STS_REGIONAL_ENDPOINTS, EKS_TOKEN_EXPIRATION,
    INJECT_LABEL, INJECT_LABEL_MANUAL, INJECT_LABEL_VALUE, POD_INSTANCE_METADATA, POD_REGION, POD_SESSION_NAME,
    POD_STS_REGIONAL_ENDPOINTS,
};

/// Seconds that a token lives where nobody asks for another time, and the longest that counts: the AWS webhook's own.
const LONGEST: i64 = 86_400;
/// The API server refuses less.
const SHORTEST: i64 = 600;
/// By these seconds the API server recognises its own default tokens, and may make them live a year.
const MAGIC: i64 = 3607;
/// The longest name of a region that is one.
const LONGEST_REGION: usize = 32;
/// The longest ARN that IAM has, and the longest client ID of a provider.
const LONGEST_ARN: usize = 2048;
const LONGEST_AUDIENCE: usize = 255;

/// What pods of a ServiceAccount get. Anybody may write to his own, so each value is one that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InjectionSettings {
    pub(super) role_arn: Box<str>,
    /// `None`: [`DEFAULT_AUDIENCE`], which nearly all have.
    audience: Option<Box<str>>,
    pub(super) region: Option<Box<str>>,
    /// Seconds, as written.
    expiration: Option<i64>,
    pub(super) regional_sts: bool,
    pub(super) no_instance_metadata: bool,
    pub(super) session_of_pod: bool,
}

impl InjectionSettings {
    /// What its metadata says; `None` for one whose pods get nothing: without label or role, with a role or an audience that AWS cannot
    /// have, or whose annotations were confirmed for another object, as after a restore.
    pub fn of_service_account(
        uid: &str,
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let said = |key: &str| annotations.get(key).map_or("", String::as_str);
        let is_bound = match labels.get(INJECT_LABEL).map(String::as_str) {
            Some(INJECT_LABEL_MANUAL) => true,
            Some(INJECT_LABEL_VALUE) => !uid.is_empty() && said(CONFIRMED_FOR) == uid,
            _ => false,
        };
        let role_arn = said(EKS_ROLE_ARN);
        let is_possible =
            !role_arn.is_empty() && role_arn.len() <= LONGEST_ARN && said(EKS_AUDIENCE).len() <= LONGEST_AUDIENCE;
        if !is_bound || !is_possible {
            return None;
        }
        // The AWS webhook's annotation counts before the binding's word, whatever it says.
        let regional = annotations
            .get(EKS_STS_REGIONAL_ENDPOINTS)
            .map_or_else(|| said(POD_STS_REGIONAL_ENDPOINTS), String::as_str);
        let audience = Some(said(EKS_AUDIENCE)).filter(|audience| !["", DEFAULT_AUDIENCE].contains(audience));
        Some(Self {
            role_arn: role_arn.into(),
            audience: audience.map(Into::into),
            region: Some(said(POD_REGION))
                .filter(|region| is_region(region))
                .map(Into::into),
            expiration: seconds(said(EKS_TOKEN_EXPIRATION)),
            regional_sts: ["1", "t", "T", "true", "TRUE", "True"].contains(&regional),
            no_instance_metadata: said(POD_INSTANCE_METADATA) == "Disabled",
            session_of_pod: said(POD_SESSION_NAME) == "PodName",
        })
    }

    /// The role.
    pub fn role_arn(&self) -> &str {
        &self.role_arn
    }

    /// The region, if they get one.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// The audience of the pods' tokens.
    pub fn audience(&self) -> &str {
        self.audience.as_deref().unwrap_or(DEFAULT_AUDIENCE)
    }

    /// Seconds that the pod's token lives; `of_pod` is the pod's own word, which counts first.
    pub(super) fn expiration(&self, of_pod: &str) -> i64 {
        let wanted = seconds(of_pod).or(self.expiration).unwrap_or(LONGEST);
        match wanted.clamp(SHORTEST, LONGEST) {
            MAGIC => MAGIC + 1,
            seconds => seconds,
        }
    }
}

/// A number as the annotation's readers take it; anything else counts as not said.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// Such as `eu-central-1` and `us-iso-east-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [first, middle @ .., last] = parts.as_slice() else {
        return false;
    };
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    text.len() <= LONGEST_REGION
        && (2..=5).contains(&first.len())
        && letters(first)
        && (1..=3).contains(&middle.len())
        && middle.iter().all(|part| letters(part))
        && (1..=2).contains(&last.len())
        && last.bytes().all(|byte| byte.is_ascii_digit())
}
