//! The API servers: as whom they sign, whose tokens they take, and by which clock.

use super::{
    check::CheckResult,
    evidence::{Evidence, Fact},
    token::{LEEWAY, span},
};
use crate::text::shown;

/// By how many seconds the API server's clock is ahead of AWS's.
fn ahead(evidence: &Evidence) -> Fact<i64> {
    let aws = evidence.clocks.aws.clone()?;
    let api_server = evidence.clocks.api_server.clone()?;
    Ok(api_server.as_second().saturating_sub(aws.as_second()))
}

pub(super) fn clock_ahead(evidence: &Evidence) -> Fact<CheckResult> {
    let ahead = ahead(evidence)?;
    Ok(if ahead > LEEWAY {
        CheckResult::fail(
            format!(
                "The API server's clock is {} ahead of AWS's, which forgives five minutes: a new token has not begun yet.",
                span(ahead)
            ),
            "Set the clocks of the control plane's nodes by NTP (chronyc tracking, timedatectl), then restart the pod: its token was \
             made by the wrong clock.",
        )
    } else {
        CheckResult::pass("The API server's clock is not ahead of AWS's by more than it forgives.")
    })
}

pub(super) fn clock_behind(evidence: &Evidence) -> Fact<CheckResult> {
    let behind = ahead(evidence)?.saturating_neg();
    Ok(if behind > LEEWAY {
        CheckResult::fail(
            format!(
                "The API server's clock is {} behind AWS's: tokens end that much earlier for AWS.",
                span(behind)
            ),
            "Set the clocks of the control plane's nodes by NTP (chronyc tracking, timedatectl).",
        )
    } else {
        CheckResult::pass("The API server's clock is not behind AWS's by more than it forgives.")
    })
}

pub(super) fn issuer(evidence: &Evidence) -> Fact<CheckResult> {
    let servers = evidence.api_servers.as_ref().map_err(Clone::clone)?;
    let expected = evidence.expected.issuer.as_str();
    Ok(if servers.issuer == expected {
        CheckResult::pass(format!("The API server that was asked signs as {expected}."))
    } else {
        CheckResult::fail(
            format!(
                "An API server signs as {}, and the federation's issuer is {expected}.",
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
        CheckResult::pass(format!("The API server that was asked refuses tokens for {audience}."))
    })
}
