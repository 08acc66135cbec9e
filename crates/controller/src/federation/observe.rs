//! A federation's things as AWS shows them: two objects, a policy, a provider; one read each.

use futures::future::{try_join, try_join4};
use irsa_aws::{
    Aws, AwsError, Bucket, Document, DocumentStore, IdentityProviders, Lookup, ObjectRef, OidcProvider,
    PublicAccessBlock,
};
use irsa_core::{
    plan::federation::{DocumentKind, ObservedBucket, ObservedDocument, ObservedFederation, ObservedProvider},
    vocabulary::ConditionType,
};

use super::{aws_errors::step_error, s3_refusals::policy_kept, validate::ValidatedFederation};
use crate::step_error::StepError;

/// Where a document is.
pub(super) fn object(validated: &ValidatedFederation, bucket: &Bucket, kind: DocumentKind) -> ObjectRef {
    let key = match kind {
        DocumentKind::Jwks => validated.issuer.jwks_key(),
        DocumentKind::Discovery => validated.issuer.discovery_key(),
    };
    ObjectRef {
        bucket: bucket.clone(),
        key,
    }
}

/// What is known before anything is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublishFacts {
    /// Whether both documents were published before.
    pub(super) established: bool,
    /// Whether the record says that we created the bucket.
    pub(super) made_bucket: bool,
    /// Whether a bucket that is missing is no trouble.
    pub(super) may_miss_bucket: bool,
}

/// Reads everything in AWS; the record is not AWS's and left out.
pub(super) async fn aws<A: Aws>(
    aws: &A,
    validated: &ValidatedFederation,
    known: PublishFacts,
) -> Result<ObservedFederation, StepError> {
    let bucket = validated.bucket(aws.caller());
    let bucket = bucket.as_ref();
    let arn = validated.provider_arn(aws.caller());
    let (published, provider) = try_join(published(aws, validated, bucket, known), provider(aws, &arn)).await?;
    Ok(ObservedFederation {
        provider,
        established: known.established,
        ..published
    })
}

/// What is in the bucket, and the bucket itself.
async fn published<A: DocumentStore>(
    aws: &A,
    validated: &ValidatedFederation,
    bucket: Option<&Bucket>,
    known: PublishFacts,
) -> Result<ObservedFederation, StepError> {
    let Some(bucket) = bucket else {
        return Ok(ObservedFederation::default());
    };
    let read = try_join4(
        document(aws, validated, bucket, DocumentKind::Jwks),
        document(aws, validated, bucket, DocumentKind::Discovery),
        policy(aws, validated, bucket),
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
            Err(match validated.statement() {
                Some(statement) => policy_kept(&error, &statement),
                None => step_error(ConditionType::PubliclyReadable, &error),
            })
        }
        Err((aspect, error)) => Err(step_error(aspect, &error)),
    }
}

type Read<T> = Result<T, (ConditionType, AwsError)>;

async fn document<A: DocumentStore>(
    aws: &A,
    validated: &ValidatedFederation,
    bucket: &Bucket,
    kind: DocumentKind,
) -> Read<Option<ObservedDocument>> {
    let found = aws.document(&object(validated, bucket, kind)).await;
    match found.map_err(|error| (ConditionType::Published, error))? {
        Lookup::Found(document) => Ok(Some(observed(document))),
        // A conditional write tells whether it is missing or merely hidden from us.
        Lookup::Missing | Lookup::MissingOrForbidden(_) => Ok(None),
    }
}

async fn policy<A: DocumentStore>(aws: &A, validated: &ValidatedFederation, bucket: &Bucket) -> Read<Option<String>> {
    if validated.public_read().is_none() {
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

async fn provider<A: IdentityProviders>(aws: &A, arn: &str) -> Result<Option<ObservedProvider>, StepError> {
    let provider: Result<Option<OidcProvider>, AwsError> = aws.provider(arn).await;
    let provider = provider.map_err(|error| step_error(ConditionType::ProviderRegistered, &error))?;
    Ok(provider.map(|provider| ObservedProvider {
        client_ids: provider.client_ids,
        thumbprints: provider.thumbprints,
        tags: provider.tags,
    }))
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
