//! The buckets of all accounts, to seed and to inspect.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Bucket, BucketOptions, Object, PublicAccessBlock};

/// The buckets of all accounts.
///
/// # Guarantees
/// Strongly consistent, as S3 is: a read sees every write answered before it [S3UG Welcome, data consistency].
#[derive(Debug, Default)]
pub struct S3 {
    /// By partition and name.
    pub(super) buckets: BTreeMap<(String, String), Bucket>,
    /// By partition and account.
    pub(super) account_blocks: BTreeMap<(String, String), PublicAccessBlock>,
    pub(super) page_size: Option<usize>,
}

/// Seeding and inspection for tests: no permission asked, no rule but the name's uniqueness enforced.
impl S3 {
    /// Makes a bucket of `owner` (or replaces the one of that name).
    pub fn create_bucket(&mut self, owner: &str, name: &str, created: Timestamp, options: BucketOptions) {
        let key = (partition_of(&options.region).to_owned(), name.to_owned());
        self.buckets.insert(key, Bucket::new(owner, name, created, options));
    }

    /// Puts an object past every check; `false` when there is no such bucket.
    pub fn put_object_directly(&mut self, bucket: &str, key: &str, object: Object) -> bool {
        self.edit_bucket(bucket, |bucket| bucket.objects.insert(key.to_owned(), object))
            .is_some()
    }

    /// Removes an object past every check and gives it back.
    pub fn remove_object_directly(&mut self, bucket: &str, key: &str) -> Option<Object> {
        self.edit_bucket(bucket, |bucket| bucket.objects.remove(key)).flatten()
    }

    /// A bucket, of whatever partition has the name first.
    pub fn bucket(&self, name: &str) -> Option<&Bucket> {
        self.buckets
            .iter()
            .find(|((_, of), _)| of == name)
            .map(|(_, bucket)| bucket)
    }

    /// An object.
    pub fn object(&self, bucket: &str, key: &str) -> Option<&Object> {
        self.bucket(bucket)?.objects.get(key)
    }

    /// Changes a bucket as another administrator would: policy, Block Public Access, objects. `None` when it does not
    /// exist.
    pub fn edit_bucket<T>(&mut self, name: &str, edit: impl FnOnce(&mut Bucket) -> T) -> Option<T> {
        self.buckets
            .iter_mut()
            .find(|((_, of), _)| of == name)
            .map(|(_, bucket)| edit(bucket))
    }

    /// Removes a bucket with everything in it.
    pub fn remove_bucket_directly(&mut self, name: &str) -> Option<Bucket> {
        let key = self.buckets.keys().find(|(_, of)| of == name).cloned()?;
        self.buckets.remove(&key)
    }

    /// Sets (or removes) an account's Block Public Access in partition `aws`.
    pub fn set_account_public_access_block(&mut self, account: &str, block: Option<PublicAccessBlock>) {
        let key = ("aws".to_owned(), account.to_owned());
        match block {
            Some(block) => self.account_blocks.insert(key, block),
            None => self.account_blocks.remove(&key),
        };
    }

    /// Limits pages of object listings, below what clients ask for; `None`: S3's own 1,000.
    pub fn set_page_size(&mut self, size: Option<usize>) {
        self.page_size = size;
    }
}

/// The partition of a region [EPR partitions.json regionRegex].
fn partition_of(region: &str) -> &'static str {
    [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("eusc-", "aws-eusc"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
    ]
    .into_iter()
    .find(|(prefix, _)| region.starts_with(prefix))
    .map_or("aws", |(_, partition)| partition)
}
