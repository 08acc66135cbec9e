//! The API servers: as whom they sign, whose tokens they take, and by which clock.

use super::{
    check::CheckResult,
    evidence::{Evidence, Fact},
    token::{LEEWAY, span},
};
use crate::text::shown;

pub(super) fn clocks(evidence: &Evidence) -> Fact<CheckResult> {
    let aws = evidence.clocks.aws.clone()?;
    let api_server = evidence.clocks.api_server.clone()?;
    let ahead = api_server.as_second().saturating_sub(aws.as_second());
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    let apart = ahead.saturating_abs();
    Ok(if apart > LEEWAY {
        CheckResult::fail(
            format!(
                "The API server's clock is {} {direction} AWS's, and AWS forgives five minutes.",
                span(apart)
            ),
            "Set the clocks of the control plane's nodes by NTP (chronyc tracking, timedatectl), then restart the pod: its token was \
             made by the wrong clock.",
        )
    } else {
        CheckResult::pass("The API server's clock and AWS's are less than five minutes apart.")
    })
}

pub(super) fn issuer(evidence: &Evidence) -> Fact<CheckResult> {
    let servers = evidence.api_servers.as_ref().map_err(Clone::clone)?;
    let expected = evidence.expected.issuer.as_str();
    Ok(if servers.issuer == expected {
        CheckResult::pass(format!("The API servers sign as {expected}."))
    } else {
        CheckResult::fail(
            format!(
                "The API servers sign as {}, and the federation's issuer is {expected}.",
                shown(&servers.issuer)
            ),
            format!(
                "Start every API server with --service-account-issuer={expected}, and accept it everywhere before any signs with it: \
                 docs/issuer.md has the order and the exact configuration of each distribution."
            ),
        )
    })
}

pub(super) fn audiences(evidence: &Evidence) -> Fact<CheckResult> {
    let servers = evidence.api_servers.as_ref().map_err(Clone::clone)?;
    let audience = evidence.expected.audience.as_str();
    Ok(if servers.shares_audience.clone()? {
        CheckResult::fail(
            format!(
                "An API server takes tokens for {audience} for its own: who reads a pod's AWS token can call the API as the pod."
            ),
            format!("Take {audience} out of --api-audiences of every API server; no token needs it there."),
        )
    } else {
        CheckResult::pass(format!("The API servers refuse tokens for {audience}."))
    })
}
