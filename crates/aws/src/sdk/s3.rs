//! [`DocumentStore`] over S3.

use std::collections::HashMap;

use aws_sdk_s3::{
    config::{Builder, Region},
    primitives::ByteStream,
    types::{
        BucketLocationConstraint, CreateBucketConfiguration, PublicAccessBlockConfiguration, ServerSideEncryption,
    },
};

use super::{
    SdkAws,
    call::{about, found, gone_is_fine},
};
use crate::{
    error::{AwsError, Kind},
    ports::{Bucket, Document, DocumentStore, Lookup, NewDocument, ObjectRef, Precondition, PublicAccessBlock},
};

/// A configuration that differs from the client's in the region only: the bucket's may be another one.
fn in_region(bucket: &Bucket) -> Builder {
    aws_sdk_s3::Config::builder().region(Region::new(bucket.region.clone()))
}

/// An object's ARN, as a policy names it.
fn object_arn(partition: &str, at: &ObjectRef) -> String {
    format!("arn:{partition}:s3:::{}/{}", at.bucket.name, at.key)
}

impl SdkAws {
    fn object_arn(&self, at: &ObjectRef) -> String {
        object_arn(&self.caller.partition, at)
    }

    fn bucket_arn(&self, bucket: &Bucket) -> String {
        format!("arn:{}:s3:::{}", self.caller.partition, bucket.name)
    }
}

impl DocumentStore for SdkAws {
    async fn document(&self, at: &ObjectRef) -> Result<Lookup<Document>, AwsError> {
        let arn = self.object_arn(at);
        let about = about("s3:GetObject", &arn);
        let answer = self
            .s3
            .get_object()
            .bucket(&at.bucket.name)
            .key(&at.key)
            .expected_bucket_owner(&at.bucket.owner)
            .customize()
            .config_override(in_region(&at.bucket))
            .send()
            .await;
        let answer = match answer.map_err(|error| about.failed(error)) {
            Ok(answer) => answer,
            Err(error) if error.kind == Kind::NotFound && error.code != "NoSuchBucket" => return Ok(Lookup::Missing),
            Err(error) if error.kind == Kind::AccessDenied => return Ok(Lookup::MissingOrForbidden(error)),
            Err(error) => return Err(error),
        };
        let too_long = answer
            .content_length
            .and_then(|length| usize::try_from(length).ok())
            .is_none_or(|length| length > Document::MAX_BYTES);
        let bytes = if too_long {
            Vec::new()
        } else {
            let read = answer.body.collect().await.map_err(|_| {
                about.error(
                    "Truncated",
                    "the object could not be read to its end",
                    Kind::Unavailable,
                )
            })?;
            read.to_vec()
        };
        Ok(Lookup::Found(Document {
            bytes,
            etag: answer.e_tag.unwrap_or_default(),
            content_type: answer.content_type,
            cache_control: answer.cache_control,
            content_encoding: answer.content_encoding,
            encryption: answer.server_side_encryption.map(|with| with.as_str().to_owned()),
            metadata: answer.metadata.unwrap_or_default().into_iter().collect(),
        }))
    }

    async fn put_document(
        &self,
        at: &ObjectRef,
        document: &NewDocument,
        precondition: &Precondition,
    ) -> Result<String, AwsError> {
        let arn = self.object_arn(at);
        let about = about("s3:PutObject", &arn);
        let metadata: HashMap<_, _> = document.metadata.clone().into_iter().collect();
        let put = self
            .s3
            .put_object()
            .bucket(&at.bucket.name)
            .key(&at.key)
            .expected_bucket_owner(&at.bucket.owner)
            .content_type(&document.content_type)
            .cache_control(&document.cache_control)
            .server_side_encryption(ServerSideEncryption::Aes256)
            .set_metadata(Some(metadata))
            .body(ByteStream::from(document.bytes.clone()));
        let put = match precondition {
            Precondition::IfAbsent => put.if_none_match("*"),
            Precondition::IfMatch(etag) => put.if_match(etag),
        };
        let answer = put.customize().config_override(in_region(&at.bucket)).send().await;
        let answer = answer.map_err(|error| about.failed(error))?;
        Ok(answer.e_tag.unwrap_or_default())
    }

    async fn delete_document(&self, at: &ObjectRef, etag: &str) -> Result<(), AwsError> {
        let arn = self.object_arn(at);
        let answer = self
            .s3
            .delete_object()
            .bucket(&at.bucket.name)
            .key(&at.key)
            .expected_bucket_owner(&at.bucket.owner)
            .if_match(etag)
            .customize()
            .config_override(in_region(&at.bucket))
            .send()
            .await;
        gone_is_fine(
            answer
                .map(drop)
                .map_err(|error| about("s3:DeleteObject", &arn).failed(error)),
        )
    }

    async fn bucket_policy(&self, bucket: &Bucket) -> Result<Option<String>, AwsError> {
        let arn = self.bucket_arn(bucket);
        let answer = self
            .s3
            .get_bucket_policy()
            .bucket(&bucket.name)
            .expected_bucket_owner(&bucket.owner)
            .customize()
            .config_override(in_region(bucket))
            .send()
            .await;
        match answer.map_err(|error| about("s3:GetBucketPolicy", &arn).failed(error)) {
            Ok(answer) => Ok(answer.policy.filter(|policy| !policy.is_empty())),
            Err(error) if error.code == "NoSuchBucketPolicy" => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn put_bucket_policy(&self, bucket: &Bucket, policy: &str) -> Result<(), AwsError> {
        let arn = self.bucket_arn(bucket);
        let answer = self
            .s3
            .put_bucket_policy()
            .bucket(&bucket.name)
            .expected_bucket_owner(&bucket.owner)
            .policy(policy)
            .customize()
            .config_override(in_region(bucket))
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|error| about("s3:PutBucketPolicy", &arn).failed(error))
    }

    async fn delete_bucket_policy(&self, bucket: &Bucket) -> Result<(), AwsError> {
        let arn = self.bucket_arn(bucket);
        let answer = self
            .s3
            .delete_bucket_policy()
            .bucket(&bucket.name)
            .expected_bucket_owner(&bucket.owner)
            .customize()
            .config_override(in_region(bucket))
            .send()
            .await;
        gone_is_fine(
            answer
                .map(drop)
                .map_err(|error| about("s3:DeleteBucketPolicy", &arn).failed(error)),
        )
    }

    async fn create_bucket(&self, bucket: &Bucket) -> Result<(), AwsError> {
        let arn = self.bucket_arn(bucket);
        // us-east-1 has no name as a place, and is where a bucket goes without one.
        let place = (bucket.region != "us-east-1").then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(bucket.region.as_str()))
                .build()
        });
        let answer = self
            .s3
            .create_bucket()
            .bucket(&bucket.name)
            .set_create_bucket_configuration(place)
            .customize()
            .config_override(in_region(bucket))
            .send()
            .await;
        match answer.map_err(|error| about("s3:CreateBucket", &arn).failed(error)) {
            Err(error) if error.code == "BucketAlreadyOwnedByYou" => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn delete_bucket(&self, bucket: &Bucket) -> Result<(), AwsError> {
        let arn = self.bucket_arn(bucket);
        let answer = self
            .s3
            .delete_bucket()
            .bucket(&bucket.name)
            .expected_bucket_owner(&bucket.owner)
            .customize()
            .config_override(in_region(bucket))
            .send()
            .await;
        gone_is_fine(
            answer
                .map(drop)
                .map_err(|error| about("s3:DeleteBucket", &arn).failed(error)),
        )
    }

    async fn put_public_access_block(&self, bucket: &Bucket, block: PublicAccessBlock) -> Result<(), AwsError> {
        let arn = self.bucket_arn(bucket);
        let wanted = PublicAccessBlockConfiguration::builder()
            .block_public_acls(block.block_public_acls)
            .ignore_public_acls(block.ignore_public_acls)
            .block_public_policy(block.block_public_policy)
            .restrict_public_buckets(block.restrict_public_buckets)
            .build();
        let answer = self
            .s3
            .put_public_access_block()
            .bucket(&bucket.name)
            .expected_bucket_owner(&bucket.owner)
            .public_access_block_configuration(wanted)
            .customize()
            .config_override(in_region(bucket))
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|error| about("s3:PutBucketPublicAccessBlock", &arn).failed(error))
    }

    async fn public_access_block(&self, bucket: &Bucket) -> Result<Option<PublicAccessBlock>, AwsError> {
        let arn = self.bucket_arn(bucket);
        let answer = self
            .s3
            .get_public_access_block()
            .bucket(&bucket.name)
            .expected_bucket_owner(&bucket.owner)
            .customize()
            .config_override(in_region(bucket))
            .send()
            .await
            .map_err(|error| about("s3:GetBucketPublicAccessBlock", &arn).failed(error));
        let answer = match answer {
            Err(error) if error.code == "NoSuchBucket" => return Err(error),
            answer => found(answer)?,
        };
        let block = answer.and_then(|answer| answer.public_access_block_configuration);
        Ok(block.map(|block| PublicAccessBlock {
            block_public_acls: block.block_public_acls.unwrap_or_default(),
            ignore_public_acls: block.ignore_public_acls.unwrap_or_default(),
            block_public_policy: block.block_public_policy.unwrap_or_default(),
            restrict_public_buckets: block.restrict_public_buckets.unwrap_or_default(),
        }))
    }
}
