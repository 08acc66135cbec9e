//! Buckets, objects and versions as S3 keeps them.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest, Md5};
use serde_json::Value;

/// The four Block Public Access settings, of a bucket or of an account.
#[expect(clippy::struct_excessive_bools, reason = "four independent settings, as S3 has them")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PublicAccessBlock {
    /// Refuse calls that set a public ACL.
    pub block_public_acls: bool,
    /// Act as if public ACLs were not there.
    pub ignore_public_acls: bool,
    /// Refuse a public bucket policy.
    pub block_public_policy: bool,
    /// While the bucket policy is public, let in the owner's account and AWS services only.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// All four on, as every new bucket has it [S3-model CreateBucket; S3UG, April 2023].
    pub const ALL: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };

    /// What a bucket needs to serve public documents by policy: ACLs blocked, policies not.
    pub const ACLS_ONLY: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: false,
        restrict_public_buckets: false,
    };

    /// "the most restrictive combination of the bucket-level and account-level settings" [S3-model PutPublicAccessBlock].
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            block_public_acls: self.block_public_acls || other.block_public_acls,
            ignore_public_acls: self.ignore_public_acls || other.ignore_public_acls,
            block_public_policy: self.block_public_policy || other.block_public_policy,
            restrict_public_buckets: self.restrict_public_buckets || other.restrict_public_buckets,
        }
    }
}

/// Who owns objects and whether ACLs count [S3-model ObjectOwnership].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ownership {
    /// ACLs are off (default of new buckets).
    #[default]
    BucketOwnerEnforced,
    /// ACLs are on; the bucket owner gets objects written with `bucket-owner-full-control`.
    BucketOwnerPreferred,
    /// ACLs are on; the writer owns.
    ObjectWriter,
}

impl Ownership {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "BucketOwnerEnforced" => Some(Self::BucketOwnerEnforced),
            "BucketOwnerPreferred" => Some(Self::BucketOwnerPreferred),
            "ObjectWriter" => Some(Self::ObjectWriter),
            _ => None,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::BucketOwnerEnforced => "BucketOwnerEnforced",
            Self::BucketOwnerPreferred => "BucketOwnerPreferred",
            Self::ObjectWriter => "ObjectWriter",
        }
    }
}

/// Server-side encryption, a bucket's default or an object's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Encryption {
    /// SSE-S3, the default of every bucket.
    #[default]
    S3,
    /// SSE-KMS, with the key when one was named. Its objects cannot be read without a signature.
    Kms(Option<String>),
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Content.
    pub body: Bytes,
    /// Entity headers as put, by lower-case name: `content-type`, `cache-control`, `content-encoding`, ….
    pub headers: BTreeMap<String, String>,
    /// User metadata by lower-case name without `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
    /// Checksum headers by lower-case name (`x-amz-checksum-crc32`).
    pub checksums: BTreeMap<String, String>,
    /// MD5 in quotes.
    pub etag: String,
    /// When it was put.
    pub modified: Timestamp,
    /// How it is encrypted.
    pub encryption: Encryption,
    /// An ACL lets everybody read it.
    pub public_acl: bool,
}

impl Object {
    /// An object with this content and nothing else.
    pub fn new(body: impl Into<Bytes>, modified: Timestamp) -> Self {
        let body = body.into();
        let etag = etag(&body);
        Self {
            body,
            headers: BTreeMap::new(),
            metadata: BTreeMap::new(),
            checksums: BTreeMap::new(),
            etag,
            modified,
            encryption: Encryption::S3,
            public_acl: false,
        }
    }

    /// The same with one entity header (`content-type`, `cache-control`).
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.insert(name.to_ascii_lowercase(), value.into());
        self
    }

    /// The same with one entry of user metadata.
    #[must_use]
    pub fn with_metadata(mut self, name: &str, value: impl Into<String>) -> Self {
        self.metadata.insert(name.to_ascii_lowercase(), value.into());
        self
    }
}

/// MD5 in quotes: the ETag of an object put in one part with SSE-S3 [S3-model Object.ETag].
pub(super) fn etag(body: &[u8]) -> String {
    let digest = Md5::digest(body);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// How a bucket is made for a test; the default is what CreateBucket makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketOptions {
    /// Region; its partition follows from it.
    pub region: String,
    /// `None`: no configuration, which blocks nothing.
    pub public_access_block: Option<PublicAccessBlock>,
    /// Object ownership.
    pub ownership: Ownership,
    /// Default encryption.
    pub encryption: Encryption,
    /// Bucket policy (JSON), stored unchecked.
    pub policy: Option<Value>,
    /// Bucket tags.
    pub tags: BTreeMap<String, String>,
}

impl BucketOptions {
    /// As CreateBucket makes it, in this region.
    pub fn in_region(region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            public_access_block: Some(PublicAccessBlock::ALL),
            ownership: Ownership::default(),
            encryption: Encryption::default(),
            policy: None,
            tags: BTreeMap::new(),
        }
    }

    /// The same with other Block Public Access settings.
    #[must_use]
    pub fn with_public_access_block(mut self, block: Option<PublicAccessBlock>) -> Self {
        self.public_access_block = block;
        self
    }

    /// The same with a bucket policy.
    #[must_use]
    pub fn with_policy(mut self, policy: Value) -> Self {
        self.policy = Some(policy);
        self
    }
}

/// One bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Name, unique in its partition.
    pub name: String,
    /// Owning account.
    pub owner: String,
    /// Region.
    pub region: String,
    /// When it was made.
    pub created: Timestamp,
    /// Block Public Access; `None` when deleted.
    pub public_access_block: Option<PublicAccessBlock>,
    /// Object ownership; `None` when deleted (then ACLs count, as with `ObjectWriter`).
    pub ownership: Option<Ownership>,
    /// Default encryption.
    pub encryption: Encryption,
    /// Policy as it was put.
    pub policy: Option<BucketPolicy>,
    /// Tags; empty reads as NoSuchTagSet.
    pub tags: BTreeMap<String, String>,
    /// `Enabled` or `Suspended`, once set.
    pub versioning: Option<String>,
    /// Object Lock: how many days nobody may delete a version.
    pub retention_days: Option<i64>,
    /// Every version of a key that was written since versioning was enabled, the oldest first.
    pub versions: BTreeMap<String, Vec<Version>>,
    /// Objects by key.
    pub objects: BTreeMap<String, Object>,
}

/// One version of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Unique in the bucket.
    pub id: String,
    /// The object, or `None` for a delete marker.
    pub object: Option<Object>,
    /// Until when nobody may delete it, by the bucket's default retention.
    pub locked_until: Option<Timestamp>,
}

/// A bucket policy, as text and as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketPolicy {
    /// As it was put: S3 gives it back unchanged but for whitespace (UNSOURCED); the double changes nothing.
    pub text: String,
    /// Parsed.
    pub document: Value,
}

impl Bucket {
    pub(super) fn new(owner: &str, name: &str, created: Timestamp, options: BucketOptions) -> Self {
        Self {
            name: name.to_owned(),
            owner: owner.to_owned(),
            region: options.region,
            created,
            public_access_block: options.public_access_block,
            ownership: Some(options.ownership),
            encryption: options.encryption,
            policy: options.policy.map(|document| BucketPolicy {
                text: document.to_string(),
                document,
            }),
            tags: options.tags,
            versioning: None,
            retention_days: None,
            versions: BTreeMap::new(),
            objects: BTreeMap::new(),
        }
    }

    /// Whether ACLs are off.
    pub(super) fn acls_are_off(&self) -> bool {
        self.ownership == Some(Ownership::BucketOwnerEnforced)
    }
}
