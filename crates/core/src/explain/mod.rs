//! Why a pod gets credentials, or does not: everything that has to hold from the API server's flags to the role's trust policy, one
//! check each, in the order in which one thing follows from another.
//!
//! AWS answers `AccessDenied` or `InvalidIdentityToken`, CloudTrail shows nothing, and some clients go on without a signature. What is wrong
//! can be seen only by looking at both sides. This module is the looking's judgement: [`explain`] takes what somebody has gathered
//! ([`Evidence`], each fact known or not) and says of each check whether it holds, with the fix where it does not.
//!
//! **Guarantees.** Where all checks that [stop](Check::stops) pass, STS accepts the token; where STS refuses, one of them fails or could
//! not be made. `tests/tests/explain` holds both against an STS that really verifies, over a list of faults, each alone and each two of them.
//!
//! **Assumption.** The evidence is of one moment, and IAM has shown every change everywhere.

mod api_server;
mod check;
mod documents;
mod evidence;
mod key;
mod page;
mod pod;
mod pod_json;
mod provider;
mod role;
mod steps;
mod symptoms;
mod token;
mod trust;

pub use self::{
    check::{Check, CheckResult, Explanation, Finding},
    evidence::{
        ApiServerFacts, Clocks, ContainerFacts, Evidence, Expectation, Fact, FetchFailure, Fetched, LeftOut, PodFacts,
        ProviderFacts, Request, RoleFacts, SecretToken, TokenFile, Unseen, Variable,
    },
    page::page,
    pod_json::PodSurroundings,
    symptoms::{SYMPTOMS, Symptom},
    token::{IdentityToken, TokenError},
};

/// Makes every check. The findings are in the order of [`Check::ALL`]: of those that fail the first is the cause, and the others follow
/// from it or are causes of their own.
pub fn explain(evidence: &Evidence) -> Explanation {
    Explanation::of(Check::ALL.into_iter().filter_map(|check| {
        let result = steps::result(check, evidence)?;
        Some(Finding { check, result })
    }))
}

/// Makes the checks of the issuer alone, for whoever has no role to ask about.
pub fn explain_issuer(evidence: &Evidence) -> Explanation {
    let all = explain(evidence);
    Explanation::of(
        all.findings()
            .iter()
            .filter(|finding| finding.check.is_of_issuer())
            .cloned(),
    )
}

#[cfg(test)]
mod tests;
