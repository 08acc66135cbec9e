//! Steps on a bucket become calls to S3.

use irsa_aws::{AwsError, CallerIdentity, DocumentStore, Kind, NewDocument, Precondition, PublicAccessBlock};
use irsa_core::plan::federation::FederationStep;
use tracing::info;

use super::done::Done;
use crate::spec::target::S3Target;

/// Makes the call of a step that is about a bucket.
pub(super) async fn call<A: DocumentStore + CallerIdentity>(
    aws: &A,
    target: &S3Target,
    step: &FederationStep,
    done: &mut Done,
) -> Result<(), AwsError> {
    let bucket = &target.bucket(aws.caller());
    match step {
        FederationStep::PutDocument {
            kind,
            document,
            replaces,
        } => {
            let new = NewDocument {
                bytes: document.bytes.clone(),
                content_type: document.content_type.clone(),
                cache_control: document.cache_control.clone(),
                metadata: document.metadata.clone(),
            };
            let precondition = replaces.clone().map_or(Precondition::IfAbsent, Precondition::IfMatch);
            let at = target.object(bucket, *kind);
            let etag = aws.put_document(&at, &new, &precondition).await?;
            done.etags.insert(*kind, etag);
            Ok(())
        }
        FederationStep::CreateBucket => aws.create_bucket(bucket).await,
        FederationStep::OpenBucket => {
            aws.put_public_access_block(bucket, PublicAccessBlock::POLICIES_ONLY)
                .await
        }
        FederationStep::DeleteBucket => match aws.delete_bucket(bucket).await {
            Err(error) if error.kind() == Kind::DeleteConflict => {
                info!(bucket = bucket.name, "the bucket has something else in it and stays");
                Ok(())
            }
            deleted => deleted,
        },
        FederationStep::PutBucketPolicy { policy } => aws.put_bucket_policy(bucket, policy).await,
        FederationStep::DeleteBucketPolicy => aws.delete_bucket_policy(bucket).await,
        FederationStep::DeleteDocument { kind, etag, seen } => {
            match aws.delete_document(&target.object(bucket, *kind), etag).await {
                Err(error) if error.kind() == Kind::PreconditionFailed && !seen => Ok(()),
                deleted => deleted,
            }
        }
        _ => Ok(()),
    }
}
