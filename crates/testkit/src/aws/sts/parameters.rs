//! The parameters that both AssumeRole calls share, checked as the API model says.

use std::collections::BTreeMap;

use super::answer::partition_of;
use crate::aws::{
    policy::validate_identity,
    wire::{AwsError, Call},
};

/// Seconds of a session when the caller does not say [STS-model DurationSeconds].
const DEFAULT_SECONDS: u32 = 3600;

/// The checked parameters.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    pub(super) role_arn: &'a str,
    pub(super) session_name: &'a str,
    pub(super) policy: Option<String>,
    pub(super) seconds: u32,
}

/// A role's ARN, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RoleArn<'a> {
    pub(super) partition: &'a str,
    pub(super) account: &'a str,
    pub(super) name: &'a str,
}

pub(super) fn validation(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "ValidationError", message)
}

fn violated(value: &str, field: &str, constraint: &str) -> AwsError {
    validation(format!(
        "1 validation error detected: Value {value} at '{field}' failed to satisfy constraint: Member must {constraint}"
    ))
}

/// A parameter that must be there and have a length in `range`. A `shown` value is quoted in the refusal; a token is not.
pub(super) fn required<'a>(
    form: &'a BTreeMap<String, String>,
    name: &str,
    (shortest, longest): (usize, usize),
    shown: bool,
) -> Result<&'a str, AwsError> {
    let mut field = name.to_owned();
    if let Some(first) = field.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let Some(value) = form.get(name) else {
        return Err(violated("null", &field, "not be null"));
    };
    let quoted = if shown {
        format!("'{value}'")
    } else {
        "'***'".to_owned()
    };
    let length = value.chars().count();
    if length < shortest {
        return Err(violated(
            &quoted,
            &field,
            &format!("have length greater than or equal to {shortest}"),
        ));
    }
    if length > longest {
        return Err(violated(
            &quoted,
            &field,
            &format!("have length less than or equal to {longest}"),
        ));
    }
    Ok(value)
}

impl<'a> Parameters<'a> {
    /// Lengths and patterns [STS-model AssumeRoleRequest, AssumeRoleWithWebIdentityRequest]; messages \[VGW\].
    pub(super) fn of(form: &'a BTreeMap<String, String>, policy_limit: usize) -> Result<Self, AwsError> {
        let role_arn = required(form, "RoleArn", (20, 2048), true)?;
        let session_name = required(form, "RoleSessionName", (2, 64), true)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        if !session_name.chars().all(fits) {
            let quoted = format!("'{session_name}'");
            let constraint = "satisfy regular expression pattern: [\\w+=,.@-]*";
            return Err(violated(&quoted, "roleSessionName", constraint));
        }
        // What the double does not do, it refuses rather than ignore: a session would be wider than in AWS.
        if let Some(name) = form.keys().find(|name| {
            [
                "PolicyArns.",
                "Tags.",
                "TransitiveTagKeys.",
                "ProvidedContexts.",
                "SourceIdentity",
                "SerialNumber",
                "TokenCode",
            ]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        }) {
            return Err(AwsError::new(
                501,
                "NotImplemented",
                format!("The double does not do {name}"),
            ));
        }
        let policy = form
            .get("Policy")
            .map(|document| session_policy(document, policy_limit))
            .transpose()?;
        Ok(Self {
            role_arn,
            session_name,
            policy,
            seconds: seconds(form)?,
        })
    }
}

fn seconds(form: &BTreeMap<String, String>) -> Result<u32, AwsError> {
    let Some(text) = form.get("DurationSeconds") else {
        return Ok(DEFAULT_SECONDS);
    };
    // [VGW MalformedInput]
    let seconds: i64 = text
        .parse()
        .map_err(|_| AwsError::new(400, "MalformedInput", "Invalid Argument"))?;
    let quoted = format!("'{text}'");
    if seconds < 900 {
        return Err(violated(
            &quoted,
            "durationSeconds",
            "have value greater than or equal to 900",
        ));
    }
    if seconds > 43_200 {
        return Err(violated(
            &quoted,
            "durationSeconds",
            "have value less than or equal to 43200",
        ));
    }
    Ok(u32::try_from(seconds).unwrap_or(DEFAULT_SECONDS))
}

/// At most 2,048 characters where the model says so; a valid identity policy in any case [STS-model Policy].
fn session_policy(document: &str, limit: usize) -> Result<String, AwsError> {
    if document.chars().count() > limit {
        let constraint = format!("have length less than or equal to {limit}");
        return Err(violated("'***'", "policy", &constraint));
    }
    validate_identity(document)?;
    Ok(document.to_owned())
}

/// Takes a role's ARN apart. `Request ARN is invalid` is what AWS answers to another shape (SECONDARY: many reports).
pub(super) fn role_arn<'a>(arn: &'a str, call: &Call) -> Result<RoleArn<'a>, AwsError> {
    let invalid = || validation("Request ARN is invalid");
    let ["arn", partition, "iam", "", account, resource] = arn.splitn(6, ':').collect::<Vec<_>>()[..] else {
        return Err(invalid());
    };
    let name = resource
        .strip_prefix("role/")
        .and_then(|rest| rest.rsplit('/').next())
        .unwrap_or_default();
    let account_fits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    // One endpoint serves one partition [EPR].
    if name.is_empty() || !account_fits || partition != partition_of(call) {
        return Err(invalid());
    }
    Ok(RoleArn {
        partition,
        account,
        name,
    })
}

/// Not longer than the role's own limit [STS-model DurationSeconds]; the wording is SECONDARY (many reports).
pub(super) fn within_role_limit(seconds: u32, limit: u32) -> Result<(), AwsError> {
    if seconds > limit {
        return Err(validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(())
}
