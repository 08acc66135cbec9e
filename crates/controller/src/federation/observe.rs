//! A federation's things as AWS shows them: two objects, a policy, a provider; one read each.

use futures::future::try_join4;
use irsa_aws::{Aws, AwsError, Bucket, Document, DocumentStore, IdentityProviders, Lookup, ObjectRef, OidcProvider};
use irsa_core::{
    plan::federation::{DocumentKind, ObservedDocument, ObservedFederation, ObservedProvider},
    vocabulary::ConditionType,
};

use super::{aws_errors::halt, validate::Wanted};
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

/// Reads everything in AWS; the record is not AWS's and left out.
pub(super) async fn aws<A: Aws>(aws: &A, wanted: &Wanted, established: bool) -> Result<ObservedFederation, Halt> {
    let bucket = wanted.bucket(aws.caller());
    let bucket = bucket.as_ref();
    let (jwks, discovery, bucket_policy, provider) = try_join4(
        document(aws, wanted, bucket, DocumentKind::Jwks),
        document(aws, wanted, bucket, DocumentKind::Discovery),
        policy(aws, wanted, bucket),
        provider(aws, &wanted.provider_arn(aws.caller())),
    )
    .await?;
    Ok(ObservedFederation {
        record: None,
        jwks,
        discovery,
        bucket_policy,
        provider,
        established,
    })
}

async fn document<A: DocumentStore>(
    aws: &A,
    wanted: &Wanted,
    bucket: Option<&Bucket>,
    kind: DocumentKind,
) -> Result<Option<ObservedDocument>, Halt> {
    let Some(bucket) = bucket else {
        return Ok(None);
    };
    let found = aws.document(&object(wanted, bucket, kind)).await;
    match found.map_err(|error| halt(ConditionType::Published, &error))? {
        Lookup::Found(document) => Ok(Some(observed(document))),
        // A conditional write tells whether it is missing or merely hidden from us.
        Lookup::Missing | Lookup::MissingOrForbidden(_) => Ok(None),
    }
}

async fn policy<A: DocumentStore>(aws: &A, wanted: &Wanted, bucket: Option<&Bucket>) -> Result<Option<String>, Halt> {
    let Some(bucket) = bucket.filter(|_| wanted.public_read().is_some()) else {
        return Ok(None);
    };
    let policy = aws.bucket_policy(bucket).await;
    policy.map_err(|error| halt(ConditionType::PubliclyReadable, &error))
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
        metadata: document.metadata,
    }
}
