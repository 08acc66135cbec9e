//! [`FederationStep`]: one call to Kubernetes, S3 or IAM about a federation, as data.

use std::{collections::BTreeSet, fmt};

use super::{DesiredDocument, DocumentKind};
use crate::{naming::Tags, plan::Step, vocabulary::ConditionType};

/// One call to Kubernetes, S3 or IAM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FederationStep {
    /// Stores the record of keys.
    SaveRecord {
        /// Its text.
        record: String,
    },
    /// Creates the bucket, which the record names as ours by now.
    CreateBucket,
    /// Lets public policies be put on the bucket and obeyed, and no ACL.
    OpenBucket,
    /// Writes a document.
    PutDocument {
        /// Which one.
        kind: DocumentKind,
        /// The document.
        document: DesiredDocument,
        /// The entity tag of what it replaces; `None` when there must be nothing.
        replaces: Option<String>,
    },
    /// Replaces the bucket's policy by one that differs in our statement only.
    PutBucketPolicy {
        /// The whole policy as JSON.
        policy: String,
    },
    /// Removes the bucket's policy, in which nothing but our statement was left.
    DeleteBucketPolicy,
    /// Creates the provider with everything.
    CreateProvider {
        /// Accepted audiences.
        client_ids: BTreeSet<String>,
        /// SHA-1 thumbprints; empty lets AWS find its own.
        thumbprints: Vec<String>,
        /// All tags.
        tags: Tags,
    },
    /// Makes a provider that was offered the federation's own, before anything else is done to it.
    AdoptProvider {
        /// The ownership tags.
        tags: Tags,
    },
    /// Removes tags from the provider.
    UntagProvider {
        /// Their keys.
        keys: Vec<String>,
    },
    /// Sets tags on the provider.
    TagProvider {
        /// Those that differ.
        tags: Tags,
    },
    /// Lets the provider accept one more audience.
    AddClientId {
        /// The audience.
        client_id: String,
    },
    /// Lets the provider accept an audience no more.
    RemoveClientId {
        /// The audience.
        client_id: String,
    },
    /// Replaces the provider's thumbprints.
    SetThumbprints {
        /// All of them.
        thumbprints: Vec<String>,
    },
    /// Deletes the provider.
    DeleteProvider,
    /// Deletes the bucket that we created; one in which there is anything stays.
    DeleteBucket,
    /// Deletes a document.
    DeleteDocument {
        /// Which one.
        kind: DocumentKind,
        /// Its entity tag.
        etag: String,
        /// Whether it was seen with this tag. If not, it may be gone or somebody else's by now, and then there is nothing to
        /// do.
        seen: bool,
    },
}

impl Step for FederationStep {
    fn action(&self) -> &'static str {
        match self {
            Self::SaveRecord { .. } => "save",
            Self::CreateBucket | Self::CreateProvider { .. } => "create",
            Self::OpenBucket => "open",
            Self::PutDocument { .. } | Self::PutBucketPolicy { .. } => "put",
            Self::AdoptProvider { .. } => "take",
            Self::TagProvider { .. } | Self::SetThumbprints { .. } => "set",
            Self::AddClientId { .. } => "add",
            Self::UntagProvider { .. } | Self::RemoveClientId { .. } | Self::DeleteBucketPolicy => "remove",
            Self::DeleteProvider | Self::DeleteBucket | Self::DeleteDocument { .. } => "delete",
        }
    }

    fn aspect(&self) -> ConditionType {
        match self {
            Self::SaveRecord { .. } => ConditionType::KeysObserved,
            Self::CreateBucket | Self::DeleteBucket | Self::PutDocument { .. } | Self::DeleteDocument { .. } => {
                ConditionType::Published
            }
            Self::OpenBucket | Self::PutBucketPolicy { .. } | Self::DeleteBucketPolicy => {
                ConditionType::PubliclyReadable
            }
            Self::CreateProvider { .. }
            | Self::AdoptProvider { .. }
            | Self::UntagProvider { .. }
            | Self::TagProvider { .. }
            | Self::AddClientId { .. }
            | Self::RemoveClientId { .. }
            | Self::SetThumbprints { .. }
            | Self::DeleteProvider => ConditionType::ProviderRegistered,
        }
    }
}

/// What the step is about, for events and for people who read a plan: `key set`, `bucket policy`.
impl fmt::Display for FederationStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SaveRecord { .. } => f.write_str("record of keys"),
            Self::PutDocument { kind, .. } | Self::DeleteDocument { kind, .. } => kind.fmt(f),
            Self::CreateBucket | Self::DeleteBucket => f.write_str("bucket"),
            Self::OpenBucket => f.write_str("the bucket's Block Public Access"),
            Self::PutBucketPolicy { .. } | Self::DeleteBucketPolicy => f.write_str("bucket policy statement"),
            Self::CreateProvider { .. } | Self::DeleteProvider => f.write_str("OIDC provider"),
            Self::AdoptProvider { .. } => f.write_str("ownership of the OIDC provider, which was offered"),
            Self::UntagProvider { keys } => write!(f, "provider tags {}", keys.join(", ")),
            Self::TagProvider { tags } => {
                write!(
                    f,
                    "provider tags {}",
                    tags.keys().cloned().collect::<Vec<_>>().join(", ")
                )
            }
            Self::AddClientId { client_id } | Self::RemoveClientId { client_id } => {
                write!(f, "provider audience {client_id}")
            }
            Self::SetThumbprints { .. } => f.write_str("provider thumbprints"),
        }
    }
}
