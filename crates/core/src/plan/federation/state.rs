//! [`DesiredFederation`] and [`ObservedFederation`]: record, documents, bucket and provider as they must be, and as they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::PublicReadStatement;
use crate::{
    jwks::Thumbprint,
    naming::{FederationOwner, IgnoredTags, Tags},
    plan::Fingerprint,
    vocabulary::TAG_UID,
};

/// The one encryption that needs no key of anybody's but S3's own.
const UNKEYED: &str = "AES256";

/// One of the two documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    /// The keys.
    Jwks,
    /// The discovery document, which points at the keys.
    Discovery,
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jwks => "key set",
            Self::Discovery => "discovery document",
        })
    }
}

/// Everything that a federation asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredFederation {
    /// Whose it must be.
    pub owner: FederationOwner,
    /// The record of keys, as text.
    pub record: String,
    /// What is published; `None` where somebody else does.
    pub documents: Option<DesiredDocuments>,
    /// The provider.
    pub provider: DesiredProvider,
    /// What may become of documents that somebody else published under our keys.
    pub handover: Handover,
}

/// Whether documents that somebody else published are taken over, and what must not get lost then.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handover {
    /// Whether those are taken that an AWS administrator offers by their metadata.
    pub adopt: bool,
    /// Keys that need not be kept, because they are revoked.
    pub revoked: BTreeSet<Thumbprint>,
}

/// Everything that is published.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DesiredDocuments {
    /// The keys.
    pub jwks: DesiredDocument,
    /// The discovery document.
    pub discovery: DesiredDocument,
    /// Our statement in the bucket's policy; `None` when that policy is not ours to touch.
    pub public_read: Option<PublicReadStatement>,
}

/// The bucket that the documents are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ObservedBucket {
    /// Somebody else's, and there: nothing but our objects and our statement in it is ours.
    #[default]
    Theirs,
    /// There is none.
    Missing,
    /// Created by us.
    Ours {
        /// Whether its own Block Public Access lets a public policy be put and obeyed, and no ACL.
        open_to_policies: bool,
    },
}

/// A document as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DesiredDocument {
    /// The content.
    pub bytes: Vec<u8>,
    /// `Content-Type`.
    pub content_type: String,
    /// `Cache-Control`.
    pub cache_control: String,
    /// User metadata: whose it is.
    pub metadata: BTreeMap<String, String>,
}

/// A provider as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DesiredProvider {
    /// Its ARN, which follows from account and issuer.
    pub arn: String,
    /// Accepted audiences.
    pub client_ids: BTreeSet<String>,
    /// SHA-1 thumbprints in lower case; empty leaves AWS's own value alone.
    pub thumbprints: Vec<String>,
    /// All tags, ownership included.
    pub tags: Tags,
    /// Tags that are somebody else's for good.
    pub ignored_tags: IgnoredTags,
    /// Who makes and keeps it.
    pub management: Management,
}

/// Who makes and keeps a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Management {
    /// We do.
    Managed {
        /// Whether one is taken that an AWS administrator offers by its tag.
        adopt: bool,
    },
    /// Somebody else does: it is looked at and never written.
    Existing,
}

/// Everything of a federation that exists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservedFederation {
    /// The stored record of keys.
    pub record: Option<String>,
    /// The keys.
    pub jwks: Option<ObservedDocument>,
    /// The discovery document.
    pub discovery: Option<ObservedDocument>,
    /// The bucket's whole policy; not read, and `None`, when it is not ours to touch.
    pub bucket_policy: Option<String>,
    /// The bucket.
    pub bucket: ObservedBucket,
    /// The provider.
    pub provider: Option<ObservedProvider>,
    /// Whether we have published both documents before: what then stands there under our keys was put over ours, and
    /// is put right whatever it claims to be.
    pub established: bool,
}

/// A document as S3 has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedDocument {
    /// The content.
    pub bytes: Vec<u8>,
    /// The entity tag.
    pub etag: String,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Encoding`; ours have none.
    pub content_encoding: Option<String>,
    /// What it is encrypted with, as S3 says it (`AES256`, `aws:kms`).
    pub encryption: Option<String>,
    /// User metadata.
    pub metadata: BTreeMap<String, String>,
}

/// A provider as IAM has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedProvider {
    /// Accepted audiences.
    pub client_ids: BTreeSet<String>,
    /// SHA-1 thumbprints; AWS fills one in where none was given.
    pub thumbprints: Vec<String>,
    /// Tags.
    pub tags: Tags,
}

/// What a removal needs to know besides what exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removable {
    /// Whose things are removed; nobody else's ever are.
    pub owner: FederationOwner,
    /// Whether the provider is ours to remove.
    pub provider: bool,
    /// Entity tags of the documents as we wrote them last. One that cannot be seen is deleted if it still has its tag:
    /// S3 says 403 for a missing object and for one that may not be read.
    pub written: BTreeMap<DocumentKind, String>,
    /// Our statement; `None` when the bucket's policy is not ours to touch.
    pub public_read: Option<PublicReadStatement>,
}

impl DesiredFederation {
    /// The document of this kind, if we publish it.
    pub fn document(&self, kind: DocumentKind) -> Option<&DesiredDocument> {
        let documents = self.documents.as_ref()?;
        Some(match kind {
            DocumentKind::Jwks => &documents.jwks,
            DocumentKind::Discovery => &documents.discovery,
        })
    }

    /// The digest of all that is asked for in AWS; the uid tag, which is information, does not count.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut provider = self.provider.clone();
        provider.tags.remove(TAG_UID);
        if let Management::Managed { adopt } = &mut provider.management {
            *adopt = false;
        }
        Fingerprint::of(&(&self.documents, provider))
    }
}

impl ObservedFederation {
    /// The document of this kind.
    pub const fn document(&self, kind: DocumentKind) -> Option<&ObservedDocument> {
        match kind {
            DocumentKind::Jwks => self.jwks.as_ref(),
            DocumentKind::Discovery => self.discovery.as_ref(),
        }
    }
}

impl ObservedDocument {
    /// Whether nothing about it has to change.
    pub fn is(&self, desired: &DesiredDocument) -> bool {
        self.bytes == desired.bytes
            && self.content_type.as_ref() == Some(&desired.content_type)
            && self.cache_control.as_ref() == Some(&desired.cache_control)
            && self.content_encoding.is_none()
            && !self.needs_a_key()
            && self.metadata == desired.metadata
    }

    /// Whether it is encrypted with a key of KMS or of a customer's: only who signs and may use that key can read it, and
    /// STS does not sign [S3 user guide, "Using server-side encryption with AWS KMS keys"].
    pub fn needs_a_key(&self) -> bool {
        self.encryption.as_deref().is_some_and(|with| with != UNKEYED)
    }
}
