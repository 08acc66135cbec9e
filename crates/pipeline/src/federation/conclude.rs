//! From what a pass has found and done to the status and its aspects.

use irsa_api::{OidcFederation, OidcFederationStatus, PublishedDocument, PublishedDocuments};
use irsa_aws::Caller;
use irsa_core::{
    digest::sha256_hex,
    history::Advance,
    instance::Move,
    plan::{
        Fingerprint,
        federation::{DesiredFederation, DocumentKind, FederationStep, ObservedFederation},
    },
    text::counted,
    vocabulary::{ConditionType, Reason},
};

use super::{execute::Done, keys, observe::cluster::ObservedCluster, publish::external::External};
use crate::{
    object::Managed,
    spec::location::Location,
    step_error::{Draft, StepError},
};

/// What must be, and what there is.
pub struct Comparison {
    /// The keys, and the record that follows.
    pub advance: Advance,
    /// What must be.
    pub desired: DesiredFederation,
    /// What there is.
    pub found: ObservedFederation,
    /// What somebody else publishes, where that is so.
    pub external: Option<Result<External, StepError>>,
    /// Whether this cluster is the only one that works on all that.
    pub instance: Move,
}

impl Comparison {
    /// Whether there is a provider that does, after these steps.
    fn is_registered(&self, done: &Done) -> bool {
        let made = |step: &FederationStep| matches!(step, FederationStep::CreateProvider { .. });
        (self.found.provider.is_some() || done.steps.iter().any(made)) && self.check_provider().is_ok()
    }

    /// Whether a provider that somebody else keeps does.
    ///
    /// # Errors
    /// [`Reason::ProviderMismatch`] and what to do about it.
    pub fn check_provider(&self) -> Result<(), StepError> {
        let provider = &self.desired.provider;
        provider
            .check_existing(self.found.provider.as_ref())
            .map_err(|mismatch| {
                let aspect = ConditionType::ProviderRegistered;
                StepError::new(aspect, Reason::ProviderMismatch, mismatch.to_string())
            })
    }
}

/// What a step was about, and what was wrong before where that is not plain.
pub fn in_words(step: &FederationStep, found: &ObservedFederation) -> String {
    let before = match step {
        FederationStep::PutDocument { kind, .. } => found.document(*kind),
        _ => None,
    };
    match before.filter(|document| document.needs_a_key()) {
        Some(document) => format!(
            "{step} (it was encrypted with {}, and AWS STS can read only what is encrypted with S3's own keys)",
            document.encryption.as_deref().unwrap_or_default()
        ),
        None => step.to_string(),
    }
}

/// The status fields that are true now, also when a later step failed.
pub fn fill_status(
    status: &mut OidcFederationStatus,
    location: &Location,
    compared: &Comparison,
    done: &Done,
    failed: Option<ConditionType>,
) {
    // When a key was first seen, and how long it is retained, is so only once it is recorded: until then each pass would say
    // another time.
    if failed.is_none_or(|aspect| aspect > ConditionType::KeysObserved) {
        status.keys = keys::status_of(&compared.advance.keys);
    }
    let written = |kind| {
        let present = compared.found.document(kind).map(|document| document.etag.clone());
        done.etags.get(&kind).cloned().or(present)
    };
    if failed.is_none_or(|aspect| aspect > ConditionType::Published) {
        let document = |kind, url| {
            Some(PublishedDocument {
                url,
                sha256: sha256_hex(&compared.desired.document(kind)?.bytes),
                etag: written(kind),
            })
        };
        let discovery = document(DocumentKind::Discovery, location.issuer.discovery_url());
        let jwks = document(DocumentKind::Jwks, location.issuer.jwks_url());
        status.published = discovery
            .zip(jwks)
            .map(|(discovery, jwks)| PublishedDocuments { discovery, jwks });
        let ours = status
            .published
            .is_some()
            .then(|| compared.advance.published.keys().len());
        status.published_keys = ours.and_then(|count| u32::try_from(count).ok());
    }
    if compared.is_registered(done) || compared.found.provider.is_some() {
        status.provider_arn = Some(compared.desired.provider.arn.clone());
    }
}

/// The aspects that hold: those whose steps come before the one that failed.
pub fn hold_aspects(
    draft: &mut Draft<OidcFederationStatus>,
    location: &Location,
    compared: &Comparison,
    caller: &Caller,
    seen: &ObservedCluster,
    done: &Done,
    failed: Option<ConditionType>,
) {
    let passed = |aspect| failed.is_none_or(|failed| failed > aspect);
    let published = compared.advance.published.keys().len();
    if passed(ConditionType::KeysObserved) && seen.check_complete().is_ok() {
        let known = counted(compared.advance.keys.len(), "key", "keys");
        let message = format!(
            "The API servers' keys are known: {known}, {published} published.{}",
            keys::p521_in_words(&compared.advance.published),
        );
        match &seen.reading.shortfall {
            None => draft.holds(ConditionType::KeysObserved, message),
            Some(shortfall) => {
                let message =
                    format!("{message} Only the API server behind the normal connection was asked: {shortfall}.");
                draft.cannot_tell(ConditionType::KeysObserved, shortfall.condition_reason(), message);
            }
        }
    }
    if let Some(bucket) = location
        .target
        .bucket_name()
        .filter(|_| passed(ConditionType::Published))
    {
        draft.holds(
            ConditionType::Published,
            format!(
                "Both documents are in the bucket {bucket}, with {}.",
                counted(published, "key", "keys")
            ),
        );
    }
    if failed.is_none() && compared.is_registered(done) {
        draft.holds(
            ConditionType::ProviderRegistered,
            format!("The OIDC provider exists in account {}.", caller.account),
        );
    }
}

/// A federation that was ready before this process started has been made what its spec says by an earlier one, unless
/// its keys have changed meanwhile.
pub fn made_before(federation: &OidcFederation, desired: &DesiredFederation) -> Option<Fingerprint> {
    let ready = federation.conditions().iter().any(|condition| {
        condition.type_ == ConditionType::Ready.as_str()
            && condition.status == "True"
            && condition.observed_generation == Some(federation.generation())
    });
    let same = match desired.document(DocumentKind::Jwks) {
        Some(jwks) => federation.status.as_ref()?.published.as_ref()?.jwks.sha256 == sha256_hex(&jwks.bytes),
        None => true,
    };
    (ready && same).then(|| desired.fingerprint())
}
