//! A federation's things as AWS shows them: two objects, a policy, a provider; one read each.

use futures::future::{try_join, try_join4};
use irsa_aws::{
    Aws, AwsError, Bucket, Document, DocumentStore, IdentityProviders, Lookup, OidcProvider, PublicAccessBlock,
};
use irsa_core::{
    history::KeyRecord,
    plan::federation::{DocumentKind, ObservedBucket, ObservedDocument, ObservedFederation, ObservedProvider},
    vocabulary::ConditionType,
};

use crate::{
    federation::{aws_errors::step_error, s3_refusals::policy_kept},
    spec::location::Location,
    step_error::StepError,
};

/// What is known before anything is read.
#[derive(Debug, Clone, Copy)]
pub struct PublishFacts {
    /// Whether both documents were published before.
    pub established: bool,
    /// Whether the record says that we created the bucket.
    pub made_bucket: bool,
    /// Whether a bucket that is missing is no trouble.
    pub may_miss_bucket: bool,
}

impl PublishFacts {
    /// What the record of keys and the spec say; `established` tells whether both documents were published before.
    pub fn of(location: &Location, record: Option<&KeyRecord>, established: bool) -> Self {
        Self {
            established,
            made_bucket: location.made_bucket(record),
            may_miss_bucket: location.s3.as_ref().is_some_and(|s3| s3.create),
        }
    }
}

/// Reads everything in AWS; the record is not AWS's and left out.
pub async fn read<A: Aws>(aws: &A, location: &Location, known: PublishFacts) -> Result<ObservedFederation, StepError> {
    let bucket = location.bucket(aws.caller());
    let bucket = bucket.as_ref();
    let arn = location.provider_arn(aws.caller());
    let (published, provider) = try_join(published(aws, location, bucket, known), provider(aws, &arn)).await?;
    Ok(ObservedFederation {
        provider,
        established: known.established,
        ..published
    })
}

/// What is in the bucket, and the bucket itself.
async fn published<A: DocumentStore>(
    aws: &A,
    location: &Location,
    bucket: Option<&Bucket>,
    known: PublishFacts,
) -> Result<ObservedFederation, StepError> {
    let Some(bucket) = bucket else {
        return Ok(ObservedFederation::default());
    };
    let read = try_join4(
        document(aws, location, bucket, DocumentKind::Jwks),
        document(aws, location, bucket, DocumentKind::Discovery),
        policy(aws, location, bucket),
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
            Err(match location.statement() {
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
    location: &Location,
    bucket: &Bucket,
    kind: DocumentKind,
) -> Read<Option<ObservedDocument>> {
    let found = aws.document(&location.object(bucket, kind)).await;
    match found.map_err(|error| (ConditionType::Published, error))? {
        Lookup::Found(document) => Ok(Some(observed(document))),
        // A conditional write tells whether it is missing or merely hidden from us.
        Lookup::Missing | Lookup::MissingOrForbidden(_) => Ok(None),
    }
}

async fn policy<A: DocumentStore>(aws: &A, location: &Location, bucket: &Bucket) -> Read<Option<String>> {
    if location.public_read().is_none() {
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
