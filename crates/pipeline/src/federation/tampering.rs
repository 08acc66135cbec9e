//! Published bytes that are not ours: whoever can write them can become any ServiceAccount of the cluster.

use irsa_api::{OidcFederation, PublishedDocument};
use irsa_core::{
    digest::sha256_hex,
    history::KnownKey,
    plan::federation::{DesiredFederation, DocumentKind, ObservedFederation},
    published::foreign_kids,
};

use super::keys::named;

/// What somebody put over our documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tampering {
    documents: Vec<DocumentKind>,
    foreign: Vec<String>,
}

impl Tampering {
    /// Compares with what was last written, as the status has it: bytes that are neither that nor what must be now came
    /// from somebody else.
    pub fn find(
        federation: &OidcFederation,
        found: &ObservedFederation,
        desired: &DesiredFederation,
        known: &[KnownKey],
    ) -> Option<Self> {
        let published = federation.status.as_ref()?.published.as_ref()?;
        let forged = |kind: DocumentKind, written: &PublishedDocument| {
            let present = &found.document(kind)?.bytes;
            let ours = *present == desired.document(kind)?.bytes || sha256_hex(present) == written.sha256;
            (!ours).then_some(kind)
        };
        let documents: Vec<DocumentKind> = [
            forged(DocumentKind::Jwks, &published.jwks),
            forged(DocumentKind::Discovery, &published.discovery),
        ]
        .into_iter()
        .flatten()
        .collect();
        let jwks = found.jwks.as_ref().map(|document| document.bytes.as_slice());
        (!documents.is_empty()).then(|| Self {
            documents,
            foreign: foreign_kids(jwks.unwrap_or_default(), known),
        })
    }

    /// Whether it is about this document.
    pub fn concerns(&self, kind: DocumentKind) -> bool {
        self.documents.contains(&kind)
    }
}

impl std::fmt::Display for Tampering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what: Vec<String> = self.documents.iter().map(ToString::to_string).collect();
        write!(
            f,
            "Somebody changed the published {}; it was put back.",
            what.join(" and ")
        )?;
        if !self.foreign.is_empty() {
            let kids: Vec<&str> = self.foreign.iter().map(String::as_str).collect();
            write!(
                f,
                " Keys in it that are not this cluster's: {}. Whoever has them could get AWS credentials of every bound \
                 ServiceAccount: find out who may write to the bucket.",
                named(&kids)
            )?;
        }
        Ok(())
    }
}
