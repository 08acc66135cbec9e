//! A bucket as S3 shows it: two objects, a policy, and, if the bucket is ours, its Block Public Access; one read each.

use futures::future::try_join4;
use irsa_aws::{AwsError, Bucket, CallerIdentity, Document, DocumentStore, Lookup, PublicAccessBlock};
use irsa_core::{
    plan::federation::{DocumentKind, ObservedBucket, ObservedDocument, ObservedFederation},
    vocabulary::ConditionType,
};

use super::facts::PublishFacts;
use crate::{
    federation::{aws_errors::step_error, s3_refusals::policy_kept},
    spec::target::S3Target,
    step_error::StepError,
};

/// What is in the bucket, and the bucket itself.
pub(super) async fn read<A: DocumentStore + CallerIdentity>(
    aws: &A,
    target: &S3Target,
    known: PublishFacts,
) -> Result<ObservedFederation, StepError> {
    let bucket = &target.bucket(aws.caller());
    let read = try_join4(
        document(aws, target, bucket, DocumentKind::Jwks),
        document(aws, target, bucket, DocumentKind::Discovery),
        policy(aws, target, bucket),
        own_bucket(aws, bucket, known),
    );
    match read.await {
        Ok((jwks, discovery, bucket_policy, bucket)) => Ok(ObservedFederation {
            jwks,
            discovery,
            bucket_policy,
            bucket,
            ..ObservedFederation::default()
        }),
        Err((_, error)) if error.code == "NoSuchBucket" && known.may_miss_bucket => Ok(ObservedFederation {
            bucket: ObservedBucket::Missing,
            ..ObservedFederation::default()
        }),
        Err((ConditionType::PubliclyReadable, error)) if error.operation.ends_with("GetBucketPolicy") => {
            Err(policy_kept(&error, &target.statement()))
        }
        Err((aspect, error)) => Err(step_error(aspect, &error)),
    }
}

type Read<T> = Result<T, (ConditionType, AwsError)>;

async fn document<A: DocumentStore>(
    aws: &A,
    target: &S3Target,
    bucket: &Bucket,
    kind: DocumentKind,
) -> Read<Option<ObservedDocument>> {
    let found = aws.document(&target.object(bucket, kind)).await;
    match found.map_err(|error| (ConditionType::Published, error))? {
        Lookup::Found(document) => Ok(Some(observed(document))),
        // A conditional write tells whether it is missing or merely hidden from us.
        Lookup::Missing | Lookup::MissingOrForbidden(_) => Ok(None),
    }
}

async fn policy<A: DocumentStore>(aws: &A, target: &S3Target, bucket: &Bucket) -> Read<Option<String>> {
    if target.public_read().is_none() {
        return Ok(None);
    }
    let policy = aws.bucket_policy(bucket).await;
    policy.map_err(|error| (ConditionType::PubliclyReadable, error))
}

/// Of a bucket that is not ours nothing is read.
async fn own_bucket<A: DocumentStore>(aws: &A, bucket: &Bucket, known: PublishFacts) -> Read<ObservedBucket> {
    if !known.made_bucket {
        return Ok(ObservedBucket::Theirs);
    }
    let block = aws.public_access_block(bucket).await;
    let block = block.map_err(|error| (ConditionType::PubliclyReadable, error))?;
    Ok(ObservedBucket::Ours {
        open_to_policies: block == Some(PublicAccessBlock::POLICIES_ONLY),
    })
}

fn observed(document: Document) -> ObservedDocument {
    ObservedDocument {
        bytes: document.bytes,
        etag: document.etag,
        content_type: document.content_type,
        cache_control: document.cache_control,
        content_encoding: document.content_encoding,
        encryption: document.encryption,
        metadata: document.metadata,
    }
}
