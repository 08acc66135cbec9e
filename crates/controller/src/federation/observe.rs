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

use super::{aws_errors::halt, s3_refusals::policy_kept, validate::Wanted};
use crate::halt::Halt;

/// Where a document is.
pub(super) fn object(wanted: &Wanted, bucket: &Bucket, kind: DocumentKind) -> ObjectRef {
    let key = match kind {
        DocumentKind::Jwks => wanted.issuer.jwks_key(),
        DocumentKind::Discovery => wanted.issuer.discovery_key(),
    };
    ObjectRef {
        bucket: bucket.clone(),
        key,
    }
}

/// What is known before anything is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Whether both documents were published before.
    pub(super) established: bool,
    /// Whether the record says that we created the bucket.
    pub(super) made_bucket: bool,
    /// Whether a bucket that is missing is no trouble.
    pub(super) may_miss_bucket: bool,
}

/// Reads everything in AWS; the record is not AWS's and left out.
pub(super) async fn aws<A: Aws>(aws: &A, wanted: &Wanted, known: Known) -> Result<ObservedFederation, Halt> {
    let bucket = wanted.bucket(aws.caller());
    let bucket = bucket.as_ref();
    let arn = wanted.provider_arn(aws.caller());
    let (published, provider) = try_join(published(aws, wanted, bucket, known), provider(aws, &arn)).await?;
    Ok(ObservedFederation {
        provider,
        established: known.established,
        ..published
    })
}

/// What is in the bucket, and the bucket itself.
async fn published<A: DocumentStore>(
    aws: &A,
    wanted: &Wanted,
    bucket: Option<&Bucket>,
    known: Known,
) -> Result<ObservedFederation, Halt> {
    let Some(bucket) = bucket else {
        return Ok(ObservedFederation::default());
    };
    let read = try_join4(
        document(aws, wanted, bucket, DocumentKind::Jwks),
        document(aws, wanted, bucket, DocumentKind::Discovery),
        policy(aws, wanted, bucket),
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
            Err(match wanted.statement() {
                Some(statement) => policy_kept(&error, &statement),
                None => halt(ConditionType::PubliclyReadable, &error),
            })
        }
        Err((aspect, error)) => Err(halt(aspect, &error)),
    }
}

type Read<T> = Result<T, (ConditionType, AwsError)>;

async fn document<A: DocumentStore>(
    aws: &A,
    wanted: &Wanted,
    bucket: &Bucket,
    kind: DocumentKind,
) -> Read<Option<ObservedDocument>> {
    let found = aws.document(&object(wanted, bucket, kind)).await;
    match found.map_err(|error| (ConditionType::Published, error))? {
        Lookup::Found(document) => Ok(Some(observed(document))),
        // A conditional write tells whether it is missing or merely hidden from us.
        Lookup::Missing | Lookup::MissingOrForbidden(_) => Ok(None),
    }
}

async fn policy<A: DocumentStore>(aws: &A, wanted: &Wanted, bucket: &Bucket) -> Read<Option<String>> {
    if wanted.public_read().is_none() {
        return Ok(None);
    }
    let policy = aws.bucket_policy(bucket).await;
    policy.map_err(|error| (ConditionType::PubliclyReadable, error))
}

/// Of a bucket that is not ours nothing is read.
async fn own_bucket<A: DocumentStore>(aws: &A, bucket: &Bucket, known: Known) -> Read<ObservedBucket> {
    if !known.made_bucket {
        return Ok(ObservedBucket::Theirs);
    }
    let block = aws.public_access_block(bucket).await;
    let block = block.map_err(|error| (ConditionType::PubliclyReadable, error))?;
    Ok(ObservedBucket::Ours {
        open_to_policies: block == Some(PublicAccessBlock::POLICIES_ONLY),
    })
}

async fn provider<A: IdentityProviders>(aws: &A, arn: &str) -> Result<Option<ObservedProvider>, Halt> {
    let provider: Result<Option<OidcProvider>, AwsError> = aws.provider(arn).await;
    let provider = provider.map_err(|error| halt(ConditionType::ProviderRegistered, &error))?;
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
