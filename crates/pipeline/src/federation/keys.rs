//! From keys to what is published, reported and told of them.

use std::collections::{BTreeMap, BTreeSet};

use irsa_api::{KeyState, KeyStatus, OidcFederation};
use irsa_core::{
    history::{self, Advance, HistoryError, KnownKey, Observation, Transition},
    jwks::{self, KeySet, PublicKey, Thumbprint},
    text::listed,
    vocabulary::{ConditionType, EventReason, KEY_HISTORY_PREFIX, Reason},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::{observe::cluster::ObservedCluster, validate::ValidatedFederation};
use crate::{report::Announcement, step_error::StepError};

/// Kids that an event names before it says "and more".
const MAX_NAMED: usize = 10;

/// The next record and what follows from it. `published` are the bytes of the published key set, if there are any; they
/// count only when the record is lost.
pub fn advance(
    federation: &OidcFederation,
    validated: &ValidatedFederation,
    seen: &ObservedCluster,
    published: Option<&[u8]>,
    now: Timestamp,
) -> Result<Advance, StepError> {
    let keys = federation.status.iter().flat_map(|status| &status.keys);
    let known: BTreeSet<Thumbprint> = keys.map(|key| Thumbprint::from_hex(key.thumbprint.clone())).collect();
    let published = published.and_then(|bytes| jwks::parse(bytes).ok());
    let listed = &federation.spec.signing_keys.revoke;
    let revoked = listed
        .iter()
        .map(|key| Thumbprint::from_hex(key.thumbprint.clone()))
        .collect();
    let retain_for = SignedDuration::try_from(federation.spec.signing_keys.retain_for.get());
    let advanced = history::advance(&Observation {
        cluster: &validated.location.owner.cluster,
        record: seen.record.as_ref(),
        served: &seen.served,
        all_answered: seen.reading.all_answered(),
        published: published.as_ref(),
        known: &known,
        additional: &validated.additional,
        revoked: &revoked,
        retain_for: retain_for.unwrap_or(SignedDuration::MAX),
        now,
    });
    advanced.map_err(|error| refusal(federation, seen, &error))
}

fn refusal(federation: &OidcFederation, seen: &ObservedCluster, error: &HistoryError) -> StepError {
    let record = format!("{KEY_HISTORY_PREFIX}{}", federation.name_any());
    let (reason, message) = match error {
        HistoryError::ClusterChanged { .. } => (
            Reason::ClusterChanged,
            format!(
                "Nothing is written: {error}. If this cluster replaces the other one for good, delete the ConfigMap \
                 {record} in the operator's namespace; if both live, give this one an issuer of its own."
            ),
        ),
        HistoryError::NothingToPublish if seen.served.is_empty() => {
            return seen.check_complete().err().unwrap_or_else(|| {
                let message = "No API server could be asked for its keys.";
                StepError::new(ConditionType::KeysObserved, Reason::ApiServerUnavailable, message)
            });
        }
        HistoryError::NothingToPublish | HistoryError::Conflict(_) | HistoryError::Record(_) => {
            (Reason::KeysUnusable, format!("Nothing is published: {error}."))
        }
    };
    StepError::new(ConditionType::KeysObserved, reason, message)
}

/// Whether anything is published after all that is revoked.
///
/// # Errors
/// [`Reason::KeysUnusable`]: nobody gets credentials any more.
pub fn check_any_left(advance: &Advance) -> Result<(), StepError> {
    if !advance.published.is_empty() {
        return Ok(());
    }
    let message = "Every signing key of the cluster is in spec.signingKeys.revoke, so AWS accepts no token of it; give the \
                   API servers another key, or correct the list.";
    Err(StepError::new(
        ConditionType::KeysObserved,
        Reason::KeysUnusable,
        message,
    ))
}

/// The keys as the status lists them: one entry for a key, whatever the number of its names.
pub fn status_of(keys: &[KnownKey]) -> Vec<KeyStatus> {
    let mut listed: BTreeMap<&Thumbprint, &KnownKey> = BTreeMap::new();
    for key in keys {
        let entry = listed.entry(&key.thumbprint).or_insert(key);
        if entry.state != history::KeyPhase::Live && key.state == history::KeyPhase::Live {
            *entry = key;
        }
    }
    let mut listed: Vec<&KnownKey> = listed.into_values().collect();
    listed.sort_by(|one, other| (&one.kid, &one.thumbprint).cmp(&(&other.kid, &other.thumbprint)));
    listed
        .into_iter()
        .map(|key| KeyStatus {
            kid: key.kid.clone(),
            thumbprint: key.thumbprint.to_string(),
            alg: key.alg.clone(),
            state: match key.state {
                history::KeyPhase::Live => KeyState::Live,
                history::KeyPhase::Retained => KeyState::Retained,
                history::KeyPhase::Additional => KeyState::Additional,
                history::KeyPhase::Revoked => KeyState::Revoked,
                history::KeyPhase::Unsupported => KeyState::Unsupported,
            },
            first_seen: Time(key.first_seen),
            expires: key.expires.map(Time),
        })
        .collect()
}

/// What happened to keys: one announcement for each kind of thing, with the kids.
pub fn announcements(transitions: &[Transition]) -> Vec<Announcement> {
    let mut kids: BTreeMap<EventReason, Vec<&str>> = BTreeMap::new();
    for transition in transitions {
        kids.entry(transition.event)
            .or_default()
            .extend(transition.kid.as_deref());
    }
    kids.into_iter()
        .map(|(reason, kids)| {
            let (what, warning) = in_words(reason);
            let note = if kids.is_empty() {
                what.to_owned()
            } else {
                format!("{what}: {}", named(&kids))
            };
            Announcement { reason, warning, note }
        })
        .collect()
}

/// A sentence about the published keys that verifiers other than AWS often cannot read, to go behind another.
pub fn p521_in_words(published: &KeySet) -> String {
    let kids: Vec<&str> = published
        .keys()
        .iter()
        .filter(|key| key.is_p521())
        .map(PublicKey::kid)
        .collect();
    if kids.is_empty() {
        return String::new();
    }
    format!(
        " AWS takes keys on P-521, but many other verifiers do not, and some then read no key of the set at all \
         (docs/keys.md): {}.",
        named(&kids)
    )
}

/// Kids in words, the first few of them.
pub fn named(kids: &[&str]) -> String {
    listed(
        kids.iter().map(|kid| kid.chars().take(64).collect::<String>()),
        MAX_NAMED,
    )
}

const fn in_words(event: EventReason) -> (&'static str, bool) {
    match event {
        EventReason::KeyPublished => ("Signing keys that are published from now on", false),
        EventReason::KeyTakenUp => (
            "An API server serves these signing keys now, which were published before",
            false,
        ),
        EventReason::KeyRetained => (
            "These signing keys are served by no API server; they stay published for as long as status.keys says",
            false,
        ),
        EventReason::KeyRemoved => (
            "The time of these retained keys is up; they are no longer published",
            false,
        ),
        EventReason::KeyRevoked => (
            "These signing keys are revoked: they are not published, and AWS refuses tokens that were signed with them",
            true,
        ),
        EventReason::KeyUnsupported => (
            "AWS does not take keys of this kind, so tokens signed with them get no AWS credentials",
            true,
        ),
        EventReason::KeyHardlySupported => (
            "AWS takes these P-521 keys, but many other verifiers do not, and some then read no key of the set at all; prefer \
             P-256 (docs/keys.md)",
            true,
        ),
        EventReason::AllKeysReplaced => (
            "No key that was served before is served now; the old ones stay published for a while. Was that intended?",
            true,
        ),
        EventReason::KeyHistoryLost => (
            "The record of keys was lost and is made anew from the API servers, the status and the published keys",
            true,
        ),
        _ => ("Something happened to the signing keys", false),
    }
}

#[cfg(test)]
mod tests {
    use irsa_core::vocabulary::EventReason;

    use super::in_words;

    #[test]
    fn every_event_of_a_key_has_words_of_its_own() {
        let of_keys = EventReason::OF_KEYS;
        let words: std::collections::BTreeSet<&str> = of_keys.iter().map(|event| in_words(*event).0).collect();
        assert_eq!(words.len(), of_keys.len());
        assert!(!words.contains(in_words(EventReason::Ready).0));
        let warns = |event| in_words(event).1;
        assert!(warns(EventReason::KeyHardlySupported) && warns(EventReason::KeyRevoked));
        assert!(!warns(EventReason::KeyPublished));
    }
}
