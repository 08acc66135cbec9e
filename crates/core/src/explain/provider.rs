//! The IAM OIDC provider.

use super::{
    check::CheckResult,
    evidence::{Evidence, Fact, ProviderFacts, Unseen},
    token,
};
use crate::text::{listed, shown};

/// Client IDs that are shown of a list.
const SHOWN: usize = 4;

fn known(evidence: &Evidence) -> Fact<&ProviderFacts> {
    let provider = evidence.provider.as_ref().map_err(Clone::clone)?;
    provider
        .as_ref()
        .ok_or_else(|| Unseen::because("there is no identity provider"))
}

pub(super) fn registered(evidence: &Evidence) -> Fact<CheckResult> {
    let arn = &evidence.expected.provider_arn;
    Ok(match evidence.provider.as_ref().map_err(Clone::clone)? {
        Some(_) => CheckResult::pass(format!("IAM has {}.", shown(arn))),
        None => CheckResult::fail(
            format!("IAM has no identity provider {arn}, so AWS trusts no token of this issuer."),
            "See the federation's condition ProviderRegistered; the operator makes the provider again within its interval, unless \
             provider.management is Existing: then whoever owns it must.",
        ),
    })
}

pub(super) fn issuer(evidence: &Evidence) -> Fact<CheckResult> {
    let provider = known(evidence)?;
    let expected = evidence.expected.issuer.without_scheme();
    Ok(if provider.url == expected {
        CheckResult::pass("The provider's URL is the federation's issuer, byte for byte.")
    } else {
        CheckResult::fail(
            format!(
                "The provider's URL is https://{}, and the federation's issuer is https://{expected}.",
                shown(&provider.url)
            ),
            "A provider's URL cannot be changed: delete it and make one of the issuer as the federation spells it.",
        )
    })
}

pub(super) fn client_id(evidence: &Evidence) -> Fact<CheckResult> {
    let provider = known(evidence)?;
    // STS asks about the audience that the token has, right or wrong; without a token it may have any of the binding's.
    let shown_one = token::token(evidence)
        .ok()
        .and_then(|token| token.audience().map(str::to_owned));
    let expected = evidence
        .expected
        .audiences
        .iter()
        .map(|audience| audience.as_str().to_owned());
    let asked: Vec<String> = shown_one.map_or_else(|| expected.collect(), |one| vec![one]);
    let missing: Vec<&String> = asked
        .iter()
        .filter(|audience| !provider.client_ids.contains(audience))
        .collect();
    Ok(if missing.is_empty() {
        let asked = listed(asked.iter().map(|audience| shown(audience)), SHOWN);
        CheckResult::pass(format!("The provider has the client ID {asked}."))
    } else {
        let missing = listed(missing.into_iter().map(|audience| shown(audience)), SHOWN);
        CheckResult::fail(
            format!(
                "The identity provider lacks the client ID {missing}, so STS answers \"Incorrect token audience\"."
            ),
            "Add the audience to spec.audiences of the federation; with provider.management Existing, have the provider's owner add the \
             client ID.",
        )
    })
}
