//! Steps become calls: one call each, each with the right to write asked for first.

mod done;
mod s3;

use irsa_aws::{Aws, AwsError, NewOidcProvider};
use irsa_core::plan::{Step, federation::FederationStep};

pub use self::done::Done;
use super::{
    aws_errors::refused,
    observe::cluster::{Records, StoredRecord},
    s3_refusals::explain,
};
use crate::{
    permit::Leadership,
    spec::{location::Location, target::PublishTarget},
    stage::changed,
    step_error::StepError,
};

/// Where steps are done.
pub struct Executor<'a, A, L> {
    /// The federation's account.
    pub aws: &'a A,
    /// Asked before each write.
    pub leadership: &'a L,
    /// Where the record of keys is stored; `None` before there is a cluster, where it is not.
    pub records: Option<Records>,
    /// The record as it was read.
    pub stored: &'a StoredRecord,
    /// Where everything is.
    pub location: &'a Location,
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
            return match &self.records {
                Some(records) => records.save(&self.location.record_name, record, self.stored).await,
                None => Ok(()),
            };
        }
        match self.call(step, done).await {
            Ok(()) => Ok(()),
            Err(error) => Err(match &self.location.target {
                PublishTarget::S3(s3) => explain(self.aws, s3, step, &error).await,
                PublishTarget::External => refused(step, &error),
            }),
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
            | FederationStep::DeleteDocument { .. } => match &self.location.target {
                PublishTarget::S3(s3) => s3::call(aws, s3, step, done).await,
                // A plan has such steps only for a federation that publishes.
                PublishTarget::External => Ok(()),
            },
        }
    }
}
