//! Authorization of S3 calls: existence, region, expected owner, Block Public Access, policies.

use super::{Bucket, PublicAccessBlock, S3, S3Address, errors};
use crate::aws::{
    policy::{Context, Gate, is_public},
    wire::{AwsError, Call, Caller},
};

/// One call, with what it addresses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) call: &'a Call,
    pub(super) gate: &'a Gate,
    pub(super) address: &'a S3Address,
    /// Bucket name.
    pub(super) bucket: &'a str,
}

impl<'a> Scene<'a> {
    /// A query parameter; empty text for one without value.
    pub(super) fn query(&self, name: &str) -> Option<&'a str> {
        self.call
            .query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.query(name).is_some()
    }

    pub(super) fn key(&self) -> &'a str {
        &self.address.key
    }

    /// ARN of the object, or of the bucket when there is no key.
    pub(super) fn arn(&self) -> String {
        if self.key().is_empty() {
            self.address.arn(self.bucket)
        } else {
            self.address.arn(&format!("{}/{}", self.bucket, self.key()))
        }
    }

    /// Condition keys of every S3 call, and those whose header or parameter this call has [SAR s3].
    pub(super) fn context(&self) -> Context {
        let mut context = Context::of(self.call);
        if self.call.caller != Caller::Anonymous {
            context.insert("s3:authType", ["REST-HEADER"]);
            context.insert("s3:signatureversion", ["AWS4-HMAC-SHA256"]);
        }
        for header in [
            "x-amz-acl",
            "x-amz-grant-read",
            "x-amz-grant-full-control",
            "x-amz-object-ownership",
            "x-amz-server-side-encryption",
            "x-amz-server-side-encryption-aws-kms-key-id",
            "x-amz-content-sha256",
            "x-amz-bucket-namespace",
            "if-match",
            "if-none-match",
        ] {
            if let Some(value) = self.call.header(header) {
                context.insert(&format!("s3:{header}"), [value]);
            }
        }
        // `x-amz-tagging` has the form of a query [S3-model PutObject.Tagging].
        let tags = self.call.header("x-amz-tagging").unwrap_or_default();
        let tags = tags.split('&').filter_map(|tag| tag.split_once('='));
        let keys: Vec<&str> = tags.clone().map(|(key, _)| key).collect();
        for (key, value) in tags {
            context.insert(&format!("s3:RequestObjectTag/{key}"), [value]);
        }
        context.insert("s3:RequestObjectTagKeys", keys);
        for (parameter, key) in [
            ("prefix", "s3:prefix"),
            ("delimiter", "s3:delimiter"),
            ("max-keys", "s3:max-keys"),
        ] {
            if let Some(value) = self.query(parameter) {
                context.insert(key, [value]);
            }
        }
        context
    }

    fn is_signed(&self) -> bool {
        self.call.caller != Caller::Anonymous
    }
}

impl S3 {
    pub(super) fn key_of(&self, scene: &Scene<'_>) -> (String, String) {
        (scene.address.partition.to_owned(), scene.bucket.to_owned())
    }

    /// The bucket, if it exists, is addressed in its region, and belongs to whom the caller expects.
    pub(super) fn find(&self, scene: &Scene<'_>) -> Result<&Bucket, AwsError> {
        let bucket = self
            .buckets
            .get(&self.key_of(scene))
            .ok_or_else(|| errors::no_such_bucket(scene.bucket))?;
        // Global names lead to the bucket's own region; a regional endpoint answers for its region only
        // [S3UG Redirects, VirtualHosting].
        if scene
            .address
            .region
            .as_ref()
            .is_some_and(|region| *region != bucket.region)
        {
            return Err(errors::permanent_redirect(
                scene.bucket,
                &bucket.region,
                scene.address.suffix,
            ));
        }
        if scene.is_signed() && scene.call.region != bucket.region {
            return Err(errors::wrong_signing_region(&scene.call.region, &bucket.region));
        }
        // "If the account ID that you provide does not match the actual owner of the bucket, the request fails with
        // the HTTP status code 403 Forbidden (access denied)" [S3-model ExpectedBucketOwner].
        if scene
            .call
            .header("x-amz-expected-bucket-owner")
            .is_some_and(|expected| expected != bucket.owner)
        {
            return Err(errors::access_denied());
        }
        Ok(bucket)
    }

    /// [`S3::find`], and the caller may do `action` on what the scene addresses.
    pub(super) fn admit(&self, scene: &Scene<'_>, action: &str) -> Result<&Bucket, AwsError> {
        let bucket = self.find(scene)?;
        self.authorize(scene, bucket, action, &scene.arn())?;
        Ok(bucket)
    }

    /// As [`S3::admit`] for calls on the bucket policy: "the root principal in a bucket owner's account can perform
    /// the GetBucketPolicy, PutBucketPolicy, and DeleteBucketPolicy API actions, even if their bucket policy
    /// explicitly denies the root principal's access" [S3-model PutBucketPolicy].
    pub(super) fn admit_policy(&self, scene: &Scene<'_>, action: &str) -> Result<&Bucket, AwsError> {
        let bucket = self.find(scene)?;
        if scene.gate.is_root_of(&bucket.owner) {
            return Ok(bucket);
        }
        // "If you have the permission but you're not using an identity that belongs to the bucket owner's account,
        // Amazon S3 returns a 405 Method Not Allowed error" [S3-model PutBucketPolicy].
        self.authorize(scene, bucket, action, &scene.arn())?;
        if scene.gate.account() != Some(bucket.owner.as_str()) {
            return Err(errors::method_not_allowed(scene.call.method.as_str()));
        }
        Ok(bucket)
    }

    pub(super) fn authorize(
        &self,
        scene: &Scene<'_>,
        bucket: &Bucket,
        action: &str,
        resource: &str,
    ) -> Result<(), AwsError> {
        let policy = bucket.policy.as_ref().map(|policy| &policy.document);
        // "restricts access to this bucket to only Amazon Web Services service principals and authorized users within
        // this account if the bucket has a public policy" [S3-model RestrictPublicBuckets].
        let restricted = self
            .effective_block(scene.address.partition, bucket)
            .restrict_public_buckets
            && policy.is_some_and(is_public);
        if restricted && scene.gate.account() != Some(bucket.owner.as_str()) {
            return Err(errors::access_denied());
        }
        let context = scene
            .context()
            .with("s3:ResourceAccount", bucket.owner.as_str())
            .with("aws:ResourceAccount", bucket.owner.as_str());
        scene
            .gate
            .authorize_on(action, resource, &context, &bucket.owner, policy)
    }

    /// Bucket and account settings together.
    pub(super) fn effective_block(&self, partition: &str, bucket: &Bucket) -> PublicAccessBlock {
        let account = self.account_block(partition, &bucket.owner).unwrap_or_default();
        bucket.public_access_block.unwrap_or_default().or(account)
    }

    fn account_block(&self, partition: &str, account: &str) -> Option<PublicAccessBlock> {
        self.account_blocks
            .get(&(partition.to_owned(), account.to_owned()))
            .copied()
    }

    /// For changes, after [`S3::admit`].
    pub(super) fn bucket_mut(&mut self, scene: &Scene<'_>) -> Result<&mut Bucket, AwsError> {
        let key = self.key_of(scene);
        self.buckets
            .get_mut(&key)
            .ok_or_else(|| errors::no_such_bucket(scene.bucket))
    }
}
