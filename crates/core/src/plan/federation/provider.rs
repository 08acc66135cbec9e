//! The steps for the IAM OIDC provider; or whether one that somebody else keeps will do.

use std::collections::BTreeSet;

use super::{DesiredFederation, DesiredProvider, FederationStep, Management, ObservedProvider};
use crate::naming::Tags;

/// Audiences of one provider (IAM quotas).
const MAX_CLIENT_IDS: usize = 100;

/// Why a provider that somebody else keeps does not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderMismatch {
    /// There is none.
    #[error(
        "The IAM OIDC provider {0} does not exist, and spec.provider.management is Existing: create it with whatever \
         manages it, or set Managed."
    )]
    Missing(String),
    /// It lacks audiences.
    #[error(
        "The IAM OIDC provider {arn}, which somebody else manages, does not accept {}: add what is missing to its client \
         IDs, or remove it from spec.audiences.", .audiences.join(", ")
    )]
    Audiences {
        /// The provider.
        arn: String,
        /// What it lacks.
        audiences: Vec<String>,
    },
}

impl DesiredProvider {
    /// Whether a provider that somebody else keeps does what is asked of it. More audiences than ours are his business.
    ///
    /// # Errors
    /// See [`ProviderMismatch`]; never for one that we keep.
    pub fn check_existing(&self, observed: Option<&ObservedProvider>) -> Result<(), ProviderMismatch> {
        if self.management != Management::Existing {
            return Ok(());
        }
        let provider = observed.ok_or_else(|| ProviderMismatch::Missing(self.arn.clone()))?;
        let audiences: Vec<String> = self.client_ids.difference(&provider.client_ids).cloned().collect();
        if audiences.is_empty() {
            return Ok(());
        }
        Err(ProviderMismatch::Audiences {
            arn: self.arn.clone(),
            audiences,
        })
    }
}

pub(super) fn is_ours(desired: &DesiredFederation, provider: &ObservedProvider) -> bool {
    desired.owner.owns_provider(&provider.tags)
}

pub(super) fn registration(federation: &DesiredFederation, observed: Option<&ObservedProvider>) -> Vec<FederationStep> {
    let desired = &federation.provider;
    if desired.management == Management::Existing {
        return Vec::new();
    }
    let Some(provider) = observed else {
        return vec![FederationStep::CreateProvider {
            client_ids: desired.client_ids.clone(),
            thumbprints: desired.thumbprints.clone(),
            tags: desired.tags.clone(),
        }];
    };
    let thumbprints =
        (!desired.thumbprints.is_empty() && !same(&desired.thumbprints, &provider.thumbprints)).then(|| {
            FederationStep::SetThumbprints {
                thumbprints: desired.thumbprints.clone(),
            }
        });
    // The tags that prove ownership come first and in one call: whatever fails later, the next pass knows the provider.
    let adoption = (!is_ours(federation, provider)).then(|| federation.owner.tags());
    let mut tags = provider.tags.clone();
    tags.extend(adoption.clone().unwrap_or_default());
    let adoption = adoption.map(|tags| FederationStep::AdoptProvider { tags });
    adoption
        .into_iter()
        .chain(tagging(&desired.tags, &desired.ignored_tags.without(&tags)))
        .chain(audiences(&desired.client_ids, &provider.client_ids))
        .chain(thumbprints)
        .collect()
}

/// Added before removed, so that tokens with either find a provider; the other way round where the quota leaves no room.
fn audiences(desired: &BTreeSet<String>, observed: &BTreeSet<String>) -> Vec<FederationStep> {
    let mut added: Vec<FederationStep> = desired
        .difference(observed)
        .map(|client_id| FederationStep::AddClientId {
            client_id: client_id.clone(),
        })
        .collect();
    let mut removed: Vec<FederationStep> = observed
        .difference(desired)
        .map(|client_id| FederationStep::RemoveClientId {
            client_id: client_id.clone(),
        })
        .collect();
    if observed.len() + added.len() > MAX_CLIENT_IDS {
        removed.append(&mut added);
        return removed;
    }
    added.append(&mut removed);
    added
}

/// Thumbprints as IAM keeps them: in lower case, the order without meaning.
fn same(wanted: &[String], present: &[String]) -> bool {
    let set = |list: &[String]| list.iter().map(|one| one.to_lowercase()).collect::<BTreeSet<_>>();
    set(wanted) == set(present)
}

/// Tags that nobody listed go, but for those that are somebody else's for good; AWS's own (`aws:…`) cannot.
fn tagging(desired: &Tags, observed: &Tags) -> Vec<FederationStep> {
    let unlisted = observed
        .keys()
        .filter(|key| !desired.contains_key(*key) && !key.starts_with("aws:"));
    let keys: Vec<String> = unlisted.cloned().collect();
    let differing = desired.iter().filter(|(key, value)| observed.get(*key) != Some(value));
    let tags: Tags = differing.map(|(key, value)| (key.clone(), value.clone())).collect();
    // Untag first: a key that differs in case only is the same key to IAM.
    let untag = (!keys.is_empty()).then_some(FederationStep::UntagProvider { keys });
    let tag = (!tags.is_empty()).then_some(FederationStep::TagProvider { tags });
    untag.into_iter().chain(tag).collect()
}
