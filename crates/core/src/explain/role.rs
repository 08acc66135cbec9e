//! The role, and what is asked of STS.

use super::{
    check::CheckResult,
    evidence::{Evidence, Fact, RoleFacts, Unseen},
    token::span,
};
use crate::{
    naming::{account_of, partition_of},
    text::{counted, shown},
};

/// Seconds of a session where nobody says (STS API model, `DurationSeconds`), and the fewest.
const USUAL_DURATION: u32 = 3600;
const SHORTEST_DURATION: u32 = 900;

/// Characters of `RoleSessionName` (STS API model).
const SESSION_NAME: std::ops::RangeInclusive<usize> = 2..=64;

pub(super) fn known(evidence: &Evidence) -> Fact<&RoleFacts> {
    let role = evidence.role.as_ref().map_err(Clone::clone)?;
    role.as_ref().ok_or_else(|| Unseen::because("there is no such role"))
}

/// Whether STS takes a session of this name.
pub(super) fn is_session_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    SESSION_NAME.contains(&name.chars().count()) && name.chars().all(fits)
}

pub(super) fn session_name(evidence: &Evidence) -> Fact<CheckResult> {
    let name = evidence.request.session_name.as_ref().map_err(Clone::clone)?;
    let Some(name) = name else {
        return Ok(CheckResult::pass("The SDK makes the session's name up."));
    };
    Ok(if is_session_name(name) {
        CheckResult::pass(format!("The session is named {name}."))
    } else {
        CheckResult::fail(
            format!(
                "STS takes no session named {}: 2 to 64 letters, digits and _+=,.@- are allowed.",
                shown(name)
            ),
            "Set AWS_ROLE_SESSION_NAME to such a name, or leave it out.",
        )
    })
}

pub(super) fn arn(evidence: &Evidence) -> CheckResult {
    let (asked, provider) = (&evidence.request.role_arn, &evidence.expected.provider_arn);
    if !is_role(asked) {
        return CheckResult::fail(
            format!("{} is no ARN of a role.", shown(asked)),
            "Take the ARN from the binding's status.roleArn: arn:<partition>:iam::<account>:role/<path><name>.",
        );
    }
    let same = |of: fn(&str) -> Option<&str>| of(asked) == of(provider);
    let other = match (same(partition_of), same(account_of)) {
        (true, true) => return CheckResult::pass("Role and provider are in the same account."),
        (false, _) => "partition",
        (true, false) => "account",
    };
    CheckResult::fail(
        format!(
            "The role {} is in another {other} than the identity provider {}.",
            shown(asked),
            shown(provider)
        ),
        "AWS looks for the provider in the role's own account: register the issuer there too, by a federation with publish.external and \
         an aws.assumeRole of that account.",
    )
}

fn is_role(arn: &str) -> bool {
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, _, "iam", "", account, resource] = fields[..] else {
        return false;
    };
    let name = resource.strip_prefix("role/").and_then(|rest| rest.rsplit('/').next());
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    partition_of(arn).is_some() && is_account && name.is_some_and(|name| !name.is_empty())
}

pub(super) fn exists(evidence: &Evidence) -> Fact<CheckResult> {
    let asked = &evidence.request.role_arn;
    Ok(match evidence.role.as_ref().map_err(Clone::clone)? {
        Some(role) if role.arn == *asked => CheckResult::pass(format!("IAM has {}.", shown(asked))),
        Some(role) => CheckResult::fail(
            format!(
                "{} is asked for, and the binding's role is {}.",
                shown(asked),
                shown(&role.arn)
            ),
            "Ask for the ARN in the binding's status.roleArn, path and letters exactly.",
        ),
        None => CheckResult::fail(
            format!(
                "IAM has no role {}. STS answers AccessDenied, as it does to a token that the trust policy keeps out.",
                shown(asked)
            ),
            "See the binding's condition RoleSynced; the operator makes the role again within its interval.",
        ),
    })
}

pub(super) fn duration(evidence: &Evidence) -> Fact<CheckResult> {
    let asked = evidence.request.duration_seconds.unwrap_or(USUAL_DURATION);
    let allowed = known(evidence)?.max_session_seconds;
    Ok(if asked > allowed {
        CheckResult::fail(
            format!(
                "A session of {} is asked for, and the role allows {}.",
                span(asked.into()),
                span(allowed.into())
            ),
            "Raise role.maxSessionDuration of the binding (up to bindings.maxSessionDuration of the federation), or ask for less.",
        )
    } else if asked < SHORTEST_DURATION {
        CheckResult::fail(
            format!(
                "A session of {} is asked for, and STS gives none under 15 minutes.",
                span(asked.into())
            ),
            "Ask for 900 seconds or more.",
        )
    } else {
        CheckResult::pass(format!("The session lasts {}.", span(asked.into())))
    })
}

pub(super) fn permissions(evidence: &Evidence) -> Fact<CheckResult> {
    let role = known(evidence)?;
    let policies = role.policies.clone()?;
    let limit = role
        .boundary
        .as_ref()
        .map_or(String::new(), |arn| format!(", within the boundary {}", shown(arn)));
    Ok(if policies.is_empty() {
        CheckResult::fail(
            "The role has no policy: its credentials are good, and AWS answers AccessDenied to whatever they are used for.",
            "Name policies in the binding's spec.policies.",
        )
    } else {
        CheckResult::pass(format!(
            "The role has {}{limit}.",
            counted(policies.len(), "policy", "policies")
        ))
    })
}
