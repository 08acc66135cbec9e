//! The documents as anybody gets them, at the end of a pass that ended before it came to them.
//!
//! That look needs no right in AWS, and what it sees is what pods live from: it must not wait until somebody has mended the
//! operator's credentials.

use irsa_api::{OidcFederation, OidcFederationStatus, PublishedDocuments};
use irsa_aws::{Connect, PublicReader};
use irsa_core::{
    history::KnownKey,
    vocabulary::{Class, ConditionType},
};
use irsa_pipeline::{
    federation::{
        keys,
        observe::{api_servers::ApiServers, cluster::ObservedCluster},
        publish::external::External,
        validate::ValidatedFederation,
        verify::{LastPublished, public_in_words},
    },
    object::ObjectKey,
    spec::{
        location::{Location, locate},
        target::PublishTarget,
    },
    stage::Stage,
    step_error::{Draft, StepError},
};

use super::federations::{DOCUMENT_CHECK, Federations};
use crate::leadership::Leadership;

const READABLE: ConditionType = ConditionType::PubliclyReadable;

impl<C: Connect, P: PublicReader, A: ApiServers, L: Leadership> Federations<C, P, A, L> {
    /// Looks at the documents unless the pass has done so. What it finds is the aspect's condition whatever ended the pass;
    /// where that was our own trouble and the documents are gone, that they are gone is the verdict.
    pub(super) async fn look_anyway(
        &self,
        federation: &OidcFederation,
        ended: Result<String, StepError>,
        draft: &mut Draft<OidcFederationStatus>,
    ) -> Result<String, StepError> {
        let seen = self.memory.take_seen(&ObjectKey::of(federation));
        let failure = match ended {
            Err(failure) if !draft.unchanged && !draft.has(READABLE) => failure,
            ended => return ended,
        };
        // What was never published before is not missed yet; what this pass has published counts instead of what was.
        let published_before = federation.status.as_ref().and_then(|status| status.published.as_ref());
        let published = published_before.and(draft.status.published.as_ref());
        let looking = self.last_look(federation, seen.as_ref(), published);
        let Some(found) = Stage::Conclude.run(looking).await else {
            return Err(failure);
        };
        let ours = |failure: &StepError| matches!(failure.reason.class(), Class::Retry | Class::Settling);
        // A refusal about the same aspect knows more of why they cannot be read than a look from outside.
        if found.is_err() && failure.aspect == READABLE && !ours(&failure) {
            return Err(failure);
        }
        draft.looked(found.as_ref().map(|message| (READABLE, message.clone())));
        let Err(gone) = found else {
            self.count_public_read(federation);
            return Err(failure);
        };
        if ours(&gone) || !ours(&failure) {
            return Err(failure);
        }
        draft.note(&failure);
        let message = format!("{} Besides: {}", gone.message, failure.message);
        Err(StepError {
            message,
            source: failure.source,
            ..gone
        })
    }

    /// `None` where nobody has published anything yet, or it is not known what.
    async fn last_look(
        &self,
        federation: &OidcFederation,
        seen: Option<&ObservedCluster>,
        published: Option<&PublishedDocuments>,
    ) -> Option<Result<String, StepError>> {
        let location = locate(federation, &self.cluster).ok()?;
        let known = seen.and_then(|seen| self.known_keys(federation, &location, seen));
        match &location.target {
            PublishTarget::S3(target) => {
                let last = LastPublished {
                    location: &location,
                    target,
                    published: published?,
                    known: known.as_deref(),
                };
                Some(last.check(&self.public).await.map(|()| public_in_words()))
            }
            PublishTarget::External => {
                let external = External::check(&self.public, &location, &known?).await;
                // Of what they say another aspect tells; this one is about whether they can be read.
                match external.map(|_| "Anybody can read both documents.".to_owned()) {
                    Err(failure) if failure.aspect != READABLE => None,
                    found => Some(found),
                }
            }
        }
    }

    fn known_keys(
        &self,
        federation: &OidcFederation,
        location: &Location,
        seen: &ObservedCluster,
    ) -> Option<Vec<KnownKey>> {
        // The rest of the spec may be what ended the pass.
        let located = ValidatedFederation {
            location: location.clone(),
            additional: Vec::new(),
        };
        let advance = keys::advance(federation, &located, seen, None, self.driver.now());
        advance.ok().map(|advance| advance.keys)
    }
}

/// Has the next pass come within a minute also where this one waits for a person: pods live from what is published, and it
/// must follow the API servers' keys whatever else is in the way. Trouble that passes by itself keeps its own pace, or an AWS
/// that throttles would be asked the oftener for it.
pub(super) fn keep_looking(ended: &Result<String, StepError>, draft: &mut Draft<OidcFederationStatus>) {
    let waits = |failure: &StepError| matches!(failure.reason.class(), Class::Wait | Class::Stalled);
    let OidcFederationStatus {
        published,
        provider_arn,
        ..
    } = &draft.status;
    // Where somebody else publishes, the provider is what lets pods in.
    let lived_from = published.is_some() || provider_arn.is_some();
    if lived_from && ended.as_ref().is_err_and(waits) {
        let sooner = draft.look_again.map_or(DOCUMENT_CHECK, |look| look.min(DOCUMENT_CHECK));
        draft.look_again = Some(sooner);
    }
}
