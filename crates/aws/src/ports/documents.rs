//! S3: the bucket that publishes an issuer's documents.

use std::{collections::BTreeMap, fmt};

use crate::error::AwsError;

/// A bucket and whose it must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// Bucket name, without dots.
    pub name: String,
    /// The bucket's region, which may differ from the connection's.
    pub region: String,
    /// Account that must own it: goes into `ExpectedBucketOwner` on every call, so that a bucket that somebody else
    /// made under a deleted name gets nothing from us.
    pub owner: String,
}

/// An object in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectRef {
    /// The bucket.
    pub bucket: Bucket,
    /// The key, without a leading slash.
    pub key: String,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket.name, self.key)
    }
}

/// An object as S3 has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The content; none of an object over [`Document::MAX_BYTES`], which nobody but a stranger wrote.
    pub bytes: Vec<u8>,
    /// The entity tag, quotes included, to be given back in [`Precondition::IfMatch`] byte for byte.
    pub etag: String,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Encoding`, which we never set: a reader who obeys it reads something else than the content.
    pub content_encoding: Option<String>,
    /// `x-amz-server-side-encryption`: `AES256`, `aws:kms`, ….
    pub encryption: Option<String>,
    /// User metadata, keys in lower case and without `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
}

impl Document {
    /// The longest document that is read: far above 200 keys, far below what could hurt.
    pub const MAX_BYTES: usize = 1024 * 1024;
}

/// An object to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDocument {
    /// The content.
    pub bytes: Vec<u8>,
    /// `Content-Type`.
    pub content_type: String,
    /// `Cache-Control`.
    pub cache_control: String,
    /// User metadata, keys in lower case and without `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
}

/// What a read found. S3 tells a missing key (404) only to callers with `s3:ListBucket`; to all others it says 403, as
/// it does for a key that may not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<T> {
    /// It is there.
    Found(T),
    /// It certainly is not there.
    Missing,
    /// 403: it is not there, or we may not read it. A conditional write tells the two apart.
    MissingOrForbidden(AwsError),
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// No object has the key.
    IfAbsent,
    /// The object is still the one with this entity tag.
    IfMatch(String),
}

/// Block Public Access of one bucket. The account and the organisation have settings of their own, which this does not
/// show; the strictest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools, reason = "S3's own four switches")]
pub struct PublicAccessBlock {
    /// Refuses new public ACLs.
    pub block_public_acls: bool,
    /// Ignores existing public ACLs.
    pub ignore_public_acls: bool,
    /// Refuses new public bucket policies.
    pub block_public_policy: bool,
    /// Lets nobody anonymous in although the policy is public.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// Public policies may be put and are obeyed; public ACLs neither.
    pub const POLICIES_ONLY: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: false,
        restrict_public_buckets: false,
    };
}

/// Documents in S3.
///
/// **Guarantees.** Every call carries `ExpectedBucketOwner`. Every write of an object is conditional, so two writers
/// never overwrite each other unseen. Reads are strongly consistent.
pub trait DocumentStore: Send + Sync {
    /// Reads an object.
    ///
    /// # Errors
    /// Never for a missing object: see [`Lookup`]. `NoSuchBucket` is an error.
    fn document(&self, at: &ObjectRef) -> impl Future<Output = Result<Lookup<Document>, AwsError>> + Send;

    /// Writes an object, encrypted with S3's own keys, and returns its new entity tag.
    ///
    /// Of what S3 can encrypt with, only its own keys (`AES256`) let anybody read an object: STS signs nothing when it
    /// fetches. Asked for in the call, they beat the bucket's default and satisfy policies that demand encryption.
    ///
    /// # Errors
    /// [`Kind::PreconditionFailed`](crate::Kind::PreconditionFailed) when the precondition does not hold (for
    /// [`Precondition::IfAbsent`]: it exists), [`Kind::Conflict`](crate::Kind::Conflict) when another write raced:
    /// read again, then decide.
    fn put_document(
        &self,
        at: &ObjectRef,
        document: &NewDocument,
        precondition: &Precondition,
    ) -> impl Future<Output = Result<String, AwsError>> + Send;

    /// Deletes an object that still has this entity tag; one that is gone already is fine.
    ///
    /// # Errors
    /// [`Kind::PreconditionFailed`](crate::Kind::PreconditionFailed) when it has changed since it was read.
    fn delete_document(&self, at: &ObjectRef, etag: &str) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// The bucket's policy as JSON text, if it has one.
    fn bucket_policy(&self, bucket: &Bucket) -> impl Future<Output = Result<Option<String>, AwsError>> + Send;

    /// Replaces the bucket's whole policy. S3 offers no condition here: read, merge and write close together.
    fn put_bucket_policy(&self, bucket: &Bucket, policy: &str) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Removes the bucket's policy; one that is gone already is fine.
    fn delete_bucket_policy(&self, bucket: &Bucket) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Creates the bucket in its region, in the account of these credentials. ACLs are off and all of Block Public Access is
    /// on, as in every new bucket (S3 user guide, "Default settings for new buckets", since April 2023). One that is ours
    /// already is fine.
    ///
    /// # Errors
    /// [`Kind::AlreadyExists`](crate::Kind::AlreadyExists) when another account has a bucket of this name.
    fn create_bucket(&self, bucket: &Bucket) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Deletes the bucket; one that is gone already is fine.
    ///
    /// # Errors
    /// [`Kind::DeleteConflict`](crate::Kind::DeleteConflict) when there is anything in it.
    fn delete_bucket(&self, bucket: &Bucket) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Replaces the bucket's own Block Public Access.
    fn put_public_access_block(
        &self,
        bucket: &Bucket,
        block: PublicAccessBlock,
    ) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// The bucket's own Block Public Access, `None` when it has none.
    fn public_access_block(
        &self,
        bucket: &Bucket,
    ) -> impl Future<Output = Result<Option<PublicAccessBlock>, AwsError>> + Send;
}
