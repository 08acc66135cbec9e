//! From what a pass has found and done to the status and its aspects.

use irsa_api::{OidcFederationStatus, PublishedDocument, PublishedDocuments};
use irsa_aws::Caller;
use irsa_core::{
    documents::sha256_hex,
    history::Advance,
    plan::federation::{DesiredFederation, DocumentKind, ObservedFederation},
    vocabulary::ConditionType,
};

use super::{cluster::Seen, execute::Done, keys, validate::Wanted};
use crate::halt::Progress;

/// What must be, and what there is.
pub(super) struct Comparison {
    pub(super) advance: Advance,
    pub(super) desired: DesiredFederation,
    pub(super) found: ObservedFederation,
}

/// The status fields that are true now, also when a later step failed.
pub(super) fn fill_status(
    status: &mut OidcFederationStatus,
    wanted: &Wanted,
    compared: &Comparison,
    done: &Done,
    failed: Option<ConditionType>,
) {
    status.keys = keys::status_of(&compared.advance.keys);
    let written = |kind| {
        let present = compared.found.document(kind).map(|document| document.etag.clone());
        done.etags.get(&kind).cloned().or(present)
    };
    if failed.is_none_or(|aspect| aspect > ConditionType::Published) {
        let document = |kind, url| PublishedDocument {
            url,
            sha256: sha256_hex(&compared.desired.document(kind).bytes),
            etag: written(kind),
        };
        status.published = Some(PublishedDocuments {
            discovery: document(DocumentKind::Discovery, wanted.issuer.discovery_url()),
            jwks: document(DocumentKind::Jwks, wanted.issuer.jwks_url()),
        });
        status.published_keys = u32::try_from(compared.advance.published.keys().len()).ok();
    }
    if failed.is_none() || compared.found.provider.is_some() {
        status.provider_arn = Some(compared.desired.provider.arn.clone());
    }
}

/// The aspects that hold: those whose steps come before the one that failed.
pub(super) fn hold_aspects(
    progress: &mut Progress<OidcFederationStatus>,
    wanted: &Wanted,
    compared: &Comparison,
    caller: &Caller,
    seen: &Seen,
    failed: Option<ConditionType>,
) {
    let passed = |aspect| failed.is_none_or(|failed| failed > aspect);
    let published = compared.advance.published.keys().len();
    if passed(ConditionType::KeysObserved) && seen.check_complete().is_ok() {
        let known = compared.advance.keys.len();
        progress.holds(
            ConditionType::KeysObserved,
            format!("The API servers' keys are known: {known}, of which {published} are published."),
        );
    }
    if passed(ConditionType::Published) {
        let bucket = &wanted.s3.bucket;
        progress.holds(
            ConditionType::Published,
            format!("Both documents are in the bucket {bucket}, with {published} keys."),
        );
    }
    if failed.is_none() {
        progress.holds(
            ConditionType::ProviderRegistered,
            format!("The OIDC provider exists in account {}.", caller.account),
        );
    }
}
