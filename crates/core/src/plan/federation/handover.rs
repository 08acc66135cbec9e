//! Hand-over of documents that somebody else published under our object keys: whether they are offered, and what would get lost with them.

use std::{collections::BTreeSet, fmt};

use super::{DesiredFederation, DocumentKind, ObservedFederation};
use crate::{
    jwks::{self, PublicKey, Thumbprint},
    text::listed,
    vocabulary::OBJECT_METADATA_ADOPT,
};

/// Kids that a message names before it says "and more".
const MAX_NAMED: usize = 5;

/// Documents that this operator did not write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignDocuments {
    kinds: Vec<DocumentKind>,
    /// What their key set is to ours; `None` where it is not among them.
    keys: Option<ForeignKeys>,
    /// The value of the metadata that hands them over.
    adoption: String,
    /// Whether the spec wants them and all of them are offered.
    offered: bool,
}

/// A foreign key set, compared with the one that would replace it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForeignKeys {
    /// The same keys.
    Same,
    /// It lacks some; the others are all ours.
    Fewer,
    /// It has others, too: their kids.
    More(Vec<String>),
    /// It cannot be read as one.
    Unreadable,
}

impl ForeignKeys {
    fn of(theirs: &[u8], ours: &[u8], revoked: &BTreeSet<Thumbprint>) -> Self {
        let (Ok(theirs), Ok(ours)) = (jwks::parse(theirs), jwks::parse(ours)) else {
            return Self::Unreadable;
        };
        // The same key under another kid is another key to whoever verifies.
        let has = |key: &&PublicKey| {
            let same = |our: &PublicKey| our.kid() == key.kid() && our.thumbprint() == key.thumbprint();
            ours.keys().iter().any(same)
        };
        let lost = theirs
            .keys()
            .iter()
            .filter(|key| !has(key) && !revoked.contains(key.thumbprint()));
        let lost: Vec<String> = lost.map(|key| key.kid().to_owned()).collect();
        if !lost.is_empty() {
            return Self::More(lost);
        }
        if theirs.keys().len() == ours.keys().len() {
            Self::Same
        } else {
            Self::Fewer
        }
    }
}

impl ForeignDocuments {
    /// Those in place; `None` where there is none that needs anybody's word. What stands in the place of documents that we
    /// have published before was put over ours.
    pub fn of(desired: &DesiredFederation, observed: &ObservedFederation) -> Option<Self> {
        let documents = desired.documents.as_ref().filter(|_| !observed.established)?;
        let owner = &desired.owner;
        let foreign = |kind: &DocumentKind| {
            let found = observed.document(*kind);
            found.is_some_and(|found| !owner.owns_document(&found.metadata))
        };
        let kinds: Vec<DocumentKind> = [DocumentKind::Jwks, DocumentKind::Discovery]
            .into_iter()
            .filter(foreign)
            .collect();
        if kinds.is_empty() {
            return None;
        }
        let keys = observed.jwks.as_ref().filter(|_| kinds.contains(&DocumentKind::Jwks));
        let revoked = &desired.handover.revoked;
        let offers = |kind: &DocumentKind| {
            let found = observed.document(*kind);
            found.is_some_and(|found| owner.is_offered_document(&found.metadata))
        };
        Some(Self {
            keys: keys.map(|found| ForeignKeys::of(&found.bytes, &documents.jwks.bytes, revoked)),
            adoption: owner.adoption(),
            offered: desired.handover.adopt && kinds.iter().all(offers),
            kinds,
        })
    }

    /// Whether they may be replaced: they are offered and wanted, and no key gets lost.
    pub fn may_be_taken(&self) -> bool {
        self.offered && !matches!(self.keys, Some(ForeignKeys::More(_) | ForeignKeys::Unreadable))
    }
}

/// What is there, and what can be done.
impl fmt::Display for ForeignDocuments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<String> = self.kinds.iter().map(ToString::to_string).collect();
        let kinds = kinds.join(" and another ");
        write!(
            f,
            "Another {kinds} is in the bucket already, not written by this operator"
        )?;
        match &self.keys {
            Some(ForeignKeys::Same) => f.write_str("; its keys are exactly those of this cluster's API servers")?,
            Some(ForeignKeys::Fewer) => f.write_str("; it lacks keys of this cluster's API servers")?,
            Some(ForeignKeys::Unreadable) => f.write_str("; it is no key set that can be read")?,
            Some(ForeignKeys::More(kids)) => {
                let kids = kids.iter().map(|kid| kid.chars().take(64).collect::<String>());
                let kids = listed(kids, MAX_NAMED);
                write!(f, "; it has keys that no API server here serves: {kids}")?;
            }
            None => {}
        }
        if self.offered {
            return f.write_str(
                ". It is handed over, but that would cut off whoever signs with those keys: put them into \
                 spec.signingKeys.additional to keep them or into spec.signingKeys.revoke to drop them, or delete the object.",
            );
        }
        write!(
            f,
            ". Choose an issuer with another path, delete what nobody needs, or have it handed over: \
             spec.publish.s3.adopt: IfTagged here, and on each object the user metadata {OBJECT_METADATA_ADOPT}={}.",
            self.adoption
        )
    }
}
