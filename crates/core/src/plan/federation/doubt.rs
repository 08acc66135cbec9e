//! The part of a plan that may be done while another instance of the cluster may work on the same things ([`crate::instance`]).

use super::{
    DesiredDocument, DesiredFederation, DocumentKind, FederationPlan, FederationStep, ObservedFederation, steps::saving,
};
use crate::vocabulary::OBJECT_METADATA_INSTANCE;

impl FederationPlan {
    /// Keeps only what pods live from as it must be: the record and the documents.
    #[must_use]
    pub fn documents_only(mut self) -> Self {
        self.steps.retain(|step| {
            matches!(
                step,
                FederationStep::SaveRecord { .. } | FederationStep::PutDocument { .. }
            )
        });
        self
    }

    /// The steps that save the record and write the key set as it is with `label` on it, if there is one.
    pub fn marking(
        desired: &DesiredFederation,
        observed: &ObservedFederation,
        label: Option<String>,
    ) -> Vec<FederationStep> {
        let wanted = desired.document(DocumentKind::Jwks);
        let put = observed
            .jwks
            .as_ref()
            .zip(wanted)
            .zip(label)
            .map(|((present, wanted), label)| {
                let or = |present: &Option<String>, wanted: &String| present.clone().unwrap_or_else(|| wanted.clone());
                let mut metadata = present.metadata.clone();
                metadata.insert(OBJECT_METADATA_INSTANCE.to_owned(), label);
                FederationStep::PutDocument {
                    kind: DocumentKind::Jwks,
                    document: DesiredDocument {
                        bytes: present.bytes.clone(),
                        content_type: or(&present.content_type, &wanted.content_type),
                        cache_control: or(&present.cache_control, &wanted.cache_control),
                        metadata,
                    },
                    replaces: Some(present.etag.clone()),
                }
            });
        saving(desired, observed).into_iter().chain(put).collect()
    }
}
