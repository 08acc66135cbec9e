//! The role's trust policy.

use super::{
    check::CheckResult,
    evidence::{Evidence, Fact, Unseen},
    role,
    token::{IdentityToken, token},
};
use crate::{
    text::{listed, shown},
    trust::{Admittance, Claims, Obstacle, STRANGER, admits, obstacles, pinned_subjects},
};

/// Values that are shown of a list.
const SHOWN: usize = 4;
/// How the owner of the trust policy mends it.
const FIX: &str = "See the binding's condition RoleSynced; the operator writes the trust policy of a role of its own again within its \
                   interval. That of an existingRole is its owner's to mend.";

/// Subject and audience by which the trust policy is judged: those of the token, right or wrong.
fn shown_claims(evidence: &Evidence) -> (String, String) {
    let token = token(evidence).ok();
    let expected = &evidence.expected;
    let of_token = |text: fn(&IdentityToken) -> Option<&str>| token.as_ref().and_then(text).map(str::to_owned);
    (
        of_token(|token| token.text("sub")).unwrap_or_else(|| expected.subject.as_str().to_owned()),
        of_token(IdentityToken::audience).unwrap_or_else(|| expected.audience.as_str().to_owned()),
    )
}

/// What keeps the token out.
fn found(evidence: &Evidence) -> Fact<Vec<Obstacle>> {
    let role = role::known(evidence)?;
    let (subject, audience) = shown_claims(evidence);
    Ok(obstacles(&role.trust, &claims(evidence, &subject, &audience)))
}

fn claims<'a>(evidence: &'a Evidence, subject: &'a str, audience: &'a str) -> Claims<'a> {
    Claims {
        provider: &evidence.expected.provider_arn,
        issuer: evidence.expected.issuer.without_scheme(),
        subject,
        audience,
    }
}

fn accepted(values: &[String]) -> String {
    if values.is_empty() {
        "nobody".to_owned()
    } else {
        listed(values.iter().map(|value| shown(value)), SHOWN)
    }
}

/// What stands in the way of judging the claims.
fn hidden(obstacles: &[Obstacle]) -> Fact<()> {
    obstacles.iter().try_for_each(|obstacle| match obstacle {
        Obstacle::Unreadable => Err(Unseen::because("the trust policy cannot be read")),
        Obstacle::Provider { .. } => Err(Unseen::because("the trust policy does not name the identity provider")),
        _ => Ok(()),
    })
}

pub(super) fn provider(evidence: &Evidence) -> Fact<CheckResult> {
    let found = found(evidence)?;
    let arn = shown(&evidence.expected.provider_arn);
    let trusted = found.iter().find_map(|obstacle| match obstacle {
        Obstacle::Provider { trusted } => Some(trusted),
        _ => None,
    });
    if found.contains(&Obstacle::Unreadable) {
        return Ok(CheckResult::fail("The trust policy cannot be read as one.", FIX));
    }
    Ok(match trusted {
        None => CheckResult::pass(format!("The trust policy names {arn}.")),
        Some(trusted) => CheckResult::fail(
            format!("The trust policy trusts {}, and not {arn}.", accepted(trusted)),
            FIX,
        ),
    })
}

pub(super) fn audience(evidence: &Evidence) -> Fact<CheckResult> {
    let found = found(evidence)?;
    hidden(&found)?;
    let (_, audience) = shown_claims(evidence);
    let values = found.iter().find_map(|obstacle| match obstacle {
        Obstacle::Audience { accepted } => Some(accepted),
        _ => None,
    });
    Ok(match values {
        None => CheckResult::pass(format!("The trust policy lets the audience {} in.", shown(&audience))),
        Some(values) => CheckResult::fail(
            format!(
                "The trust policy lets the audience {} in, and the token is for {}.",
                accepted(values),
                shown(&audience)
            ),
            FIX,
        ),
    })
}

pub(super) fn subject(evidence: &Evidence) -> Fact<CheckResult> {
    let found = found(evidence)?;
    hidden(&found)?;
    let (subject, _) = shown_claims(evidence);
    let values = found.iter().find_map(|obstacle| match obstacle {
        Obstacle::Subject { accepted } => Some(accepted),
        _ => None,
    });
    Ok(match values {
        None => CheckResult::pass(format!("The trust policy lets {} in.", shown(&subject))),
        Some(values) => CheckResult::fail(
            format!(
                "The trust policy lets {} in, and the token is of {}.",
                accepted(values),
                shown(&subject)
            ),
            FIX,
        ),
    })
}

pub(super) fn conditions(evidence: &Evidence) -> Fact<CheckResult> {
    let found = found(evidence)?;
    hidden(&found)?;
    Ok(if found.contains(&Obstacle::Denied) {
        CheckResult::fail(
            "A Deny of the trust policy keeps the token out.",
            "Ask whoever wrote it: somebody may have locked the role during an incident. The operator leaves such a Deny alone.",
        )
    } else if found.contains(&Obstacle::Action) {
        CheckResult::fail(
            "The trust policy names the identity provider, and not the action sts:AssumeRoleWithWebIdentity.",
            FIX,
        )
    } else if found.contains(&Obstacle::Conditions) {
        CheckResult::fail(
            "The trust policy has a condition that a token of this issuer cannot meet.",
            FIX,
        )
    } else if found.contains(&Obstacle::Depends) {
        return Err(Unseen::because(
            "the trust policy makes it depend on things that only AWS knows, such as the caller's address",
        ));
    } else {
        CheckResult::pass("Nothing else in the trust policy keeps the token out.")
    })
}

pub(super) fn narrow(evidence: &Evidence) -> Fact<CheckResult> {
    let role = role::known(evidence)?;
    let expected = evidence.expected.audience.as_str();
    let lets =
        |subject: &str, audience: &str| admits(&role.trust, &claims(evidence, subject, audience)) == Admittance::Yes;
    let others = evidence
        .provider
        .as_ref()
        .ok()
        .and_then(Option::as_ref)
        .map(|provider| provider.client_ids.as_slice());
    let subject = evidence.expected.subject.as_str();
    let is_bound = |id: &str| {
        evidence
            .expected
            .audiences
            .iter()
            .any(|audience| audience.as_str() == id)
    };
    // The client IDs of the provider are the only audiences that come this far.
    let other = others
        .unwrap_or_default()
        .iter()
        .find(|id| !is_bound(id) && lets(subject, id));
    let pinned = pinned_subjects(&role.trust, &claims(evidence, subject, expected));
    let pattern = pinned.iter().find(|value| value.contains(['*', '?'])).cloned();
    Ok(if lets(STRANGER, expected) {
        CheckResult::fail(
            "The trust policy lets every ServiceAccount of the cluster take the role.",
            "Add a StringEquals condition on the provider's sub.",
        )
    } else if let Some(pattern) = pattern {
        CheckResult::fail(
            format!("The trust policy lets whoever fits {} take the role.", shown(&pattern)),
            "Name each ServiceAccount by a StringEquals condition on the provider's sub.",
        )
    } else if let Some(audience) = other {
        CheckResult::fail(
            format!(
                "The trust policy lets tokens for {} in, which are meant for somebody else.",
                shown(audience)
            ),
            "Add a StringEquals condition on the provider's aud.",
        )
    } else {
        CheckResult::pass(format!(
            "The trust policy lets these in, and nobody else: {}.",
            accepted(&pinned)
        ))
    })
}
