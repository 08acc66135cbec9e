//! Steps become calls: one call each, each with the right to write asked for first.

use std::collections::BTreeMap;

use irsa_aws::{Aws, AwsError, Bucket, Kind, NewDocument, NewOidcProvider, Precondition, PublicAccessBlock};
use irsa_core::{
    plan::{
        Step,
        federation::{DocumentKind, FederationStep},
    },
    vocabulary::ConditionType,
};

use tracing::info;

use super::{
    observe::cluster::{Records, StoredRecord},
    s3_refusals::explain,
};
use crate::{permit::Leadership, spec::location::Location, stage::changed, step_error::StepError};

/// Where steps are done.
pub struct Executor<'a, A, L> {
    /// The federation's account.
    pub aws: &'a A,
    /// Asked before each write.
    pub leadership: &'a L,
    /// Where the record of keys is stored.
    pub records: Records,
    /// The record as it was read.
    pub stored: &'a StoredRecord,
    /// Where everything is.
    pub location: &'a Location,
}

/// What has been done, whatever failed later.
#[derive(Debug, Default)]
pub struct Done {
    /// Steps that succeeded.
    pub steps: Vec<FederationStep>,
    /// Entity tags of the documents that were written.
    pub etags: BTreeMap<DocumentKind, String>,
}

impl Done {
    /// The first aspect of which something is left to do after an attempt at these steps that ended like this.
    ///
    /// A bucket is opened before the first document is put into it: what was not done decides, not what was refused.
    pub fn failed(&self, steps: &[FederationStep], ended: &Result<(), StepError>) -> Option<ConditionType> {
        let undone = steps.iter().filter(|step| !self.steps.contains(step));
        let undone = undone.map(FederationStep::aspect).min();
        let refused = ended.as_ref().err().map(|failure| failure.aspect)?;
        Some(undone.map_or(refused, |undone| undone.min(refused)))
    }
}

impl<A: Aws, L: Leadership> Executor<'_, A, L> {
    /// Does the steps in order. One that is refused holds up those that must not come without it; any other trouble ends the
    /// work.
    ///
    /// # Errors
    /// What was refused first, and what is unfinished; or why the work ended.
    pub async fn execute(&self, steps: &[FederationStep], done: &mut Done) -> Result<(), StepError> {
        let mut refused: Option<StepError> = None;
        let mut undone: Vec<&FederationStep> = Vec::new();
        for step in steps {
            if undone.iter().any(|earlier| step.waits_for(earlier)) {
                undone.push(step);
                continue;
            }
            let _permit = self
                .leadership
                .permit()
                .map_err(|error| StepError::not_leader(step.aspect(), error))?;
            match self.run(step, done).await {
                Ok(()) => {
                    changed(step);
                    done.steps.push(step.clone());
                }
                Err(failure) if failure.is_refusal() => {
                    undone.push(step);
                    refused.get_or_insert(failure);
                }
                Err(failure) => return Err(refused.unwrap_or(failure)),
            }
        }
        let Some(failure) = refused else { return Ok(()) };
        if undone.len() < 2 {
            return Err(failure);
        }
        let unfinished: Vec<String> = undone.iter().map(ToString::to_string).collect();
        let message = format!("{} Unfinished: {}.", failure.message, unfinished.join("; "));
        Err(StepError { message, ..failure })
    }

    async fn run(&self, step: &FederationStep, done: &mut Done) -> Result<(), StepError> {
        if let FederationStep::SaveRecord { record } = step {
            return self.records.save(&self.location.record_name, record, self.stored).await;
        }
        match self.call(step, done).await {
            Ok(()) => Ok(()),
            Err(error) => Err(explain(self.aws, self.location, step, &error).await),
        }
    }

    async fn call(&self, step: &FederationStep, done: &mut Done) -> Result<(), AwsError> {
        let aws = self.aws;
        let arn = self.location.provider_arn(aws.caller());
        match step {
            FederationStep::CreateProvider {
                client_ids,
                thumbprints,
                tags,
            } => {
                let new = NewOidcProvider {
                    url: self.location.issuer.to_string(),
                    client_ids: client_ids.clone(),
                    thumbprints: thumbprints.clone(),
                    tags: tags.clone(),
                };
                aws.create_provider(&new).await.map(|_| ())
            }
            FederationStep::UntagProvider { keys } => aws.untag_provider(&arn, keys).await,
            FederationStep::AdoptProvider { tags } | FederationStep::TagProvider { tags } => {
                aws.tag_provider(&arn, tags).await
            }
            FederationStep::AddClientId { client_id } => aws.add_client_id(&arn, client_id).await,
            FederationStep::RemoveClientId { client_id } => aws.remove_client_id(&arn, client_id).await,
            FederationStep::SetThumbprints { thumbprints } => aws.set_thumbprints(&arn, thumbprints).await,
            FederationStep::DeleteProvider => aws.delete_provider(&arn).await,
            // The record is not AWS's.
            FederationStep::SaveRecord { .. } => Ok(()),
            FederationStep::PutDocument { .. }
            | FederationStep::CreateBucket
            | FederationStep::OpenBucket
            | FederationStep::DeleteBucket
            | FederationStep::PutBucketPolicy { .. }
            | FederationStep::DeleteBucketPolicy
            | FederationStep::DeleteDocument { .. } => match self.location.bucket(aws.caller()) {
                Some(bucket) => self.call_s3(step, &bucket, done).await,
                // A plan has such steps only for a federation that publishes.
                None => Ok(()),
            },
        }
    }

    async fn call_s3(&self, step: &FederationStep, bucket: &Bucket, done: &mut Done) -> Result<(), AwsError> {
        let aws = self.aws;
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
                let at = self.location.object(bucket, *kind);
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
                match aws.delete_document(&self.location.object(bucket, *kind), etag).await {
                    Err(error) if error.kind() == Kind::PreconditionFailed && !seen => Ok(()),
                    deleted => deleted,
                }
            }
            _ => Ok(()),
        }
    }
}
