//! Which function makes which check.

use super::{
    api_server,
    check::{Check, CheckResult},
    documents,
    evidence::{Evidence, Fact},
    key, pod, provider, role, token, trust,
};

/// What a check finds; `None` for one about a pod where there is none.
pub(super) fn result(check: Check, evidence: &Evidence) -> Option<CheckResult> {
    let found = match check {
        Check::PodInjected
        | Check::ContainersLeftOut
        | Check::OwnCredentials
        | Check::PodRole
        | Check::TokenFile
        | Check::PodRegion => of_pod(check, evidence)?,
        other => of_identity(other, evidence),
    };
    Some(found.unwrap_or_else(|unseen| CheckResult::unknown(unseen.0)))
}

fn of_pod(check: Check, evidence: &Evidence) -> Option<Fact<CheckResult>> {
    let pod = evidence.pod.as_ref()?;
    Some(match check {
        Check::PodInjected => pod::injected(pod),
        Check::ContainersLeftOut => Ok(pod::left_out_containers(pod, &evidence.expected)),
        Check::OwnCredentials => pod::own_credentials(pod),
        Check::PodRole => pod::role(pod, &evidence.expected),
        Check::TokenFile => pod::token_file(pod, &evidence.expected),
        _ => pod::region(pod),
    })
}

fn of_identity(check: Check, evidence: &Evidence) -> Fact<CheckResult> {
    match check {
        Check::PodInjected
        | Check::ContainersLeftOut
        | Check::OwnCredentials
        | Check::PodRole
        | Check::TokenFile
        | Check::PodRegion => Ok(CheckResult::unknown("there is no pod")),
        Check::SessionName => role::session_name(evidence),
        Check::ClockAhead => api_server::clock_ahead(evidence),
        Check::ClockBehind => api_server::clock_behind(evidence),
        Check::ApiServerIssuer => api_server::issuer(evidence),
        Check::ApiAudiences => api_server::audiences(evidence),
        Check::TokenShape => token::shape(evidence),
        Check::TokenClaims => token::claims(evidence),
        Check::TokenTimes => token::times(evidence),
        Check::TokenLifetime => token::lifetime(evidence),
        Check::TokenIssuer => token::issuer(evidence),
        Check::TokenSubject => token::subject(evidence),
        Check::TokenAudience => token::audience(evidence),
        Check::ProviderRegistered => provider::registered(evidence),
        Check::ProviderIssuer => provider::issuer(evidence),
        Check::ClientId => provider::client_id(evidence),
        Check::DiscoveryReadable => documents::discovery_readable(evidence),
        Check::DiscoveryInTime => documents::discovery_in_time(evidence),
        Check::DiscoveryComplete => documents::discovery_complete(evidence),
        Check::DiscoveryIssuer => documents::discovery_issuer(evidence),
        Check::KeysReadable => documents::keys_readable(evidence),
        Check::KeysInTime => documents::keys_in_time(evidence),
        Check::KeysValid => documents::keys_valid(evidence),
        Check::ServedKeysPublished => key::served_are_published(evidence),
        Check::ContentType => documents::content_type(evidence),
        Check::KeyPublished => key::published(evidence),
        Check::Algorithm => key::algorithm(evidence),
        Check::Signature => key::signature(evidence),
        Check::RoleArn => Ok(role::arn(evidence)),
        Check::RoleExists => role::exists(evidence),
        Check::SessionDuration => role::duration(evidence),
        Check::TrustProvider => trust::provider(evidence),
        Check::TrustAudience => trust::audience(evidence),
        Check::TrustSubject => trust::subject(evidence),
        Check::TrustConditions => trust::conditions(evidence),
        Check::TrustNarrow => trust::narrow(evidence),
        Check::Permissions => role::permissions(evidence),
    }
}
