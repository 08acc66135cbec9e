//! A federation's things as AWS shows them: two objects, a policy, a provider; one read each.

use futures::future::try_join;
use irsa_aws::{Aws, AwsError, IdentityProviders, OidcProvider};
use irsa_core::{
    plan::federation::{ObservedFederation, ObservedProvider},
    vocabulary::ConditionType,
};

use super::{facts::PublishFacts, s3};
use crate::{
    federation::aws_errors::step_error,
    spec::{location::Location, target::PublishTarget},
    step_error::StepError,
};

/// Reads everything in AWS; the record is not AWS's and left out.
pub async fn read<A: Aws>(aws: &A, location: &Location, known: PublishFacts) -> Result<ObservedFederation, StepError> {
    let arn = location.provider_arn(aws.caller());
    let (published, provider) = try_join(published(aws, &location.target, known), provider(aws, &arn)).await?;
    Ok(ObservedFederation {
        provider,
        established: known.established,
        ..published
    })
}

/// What is where the documents are published.
async fn published<A: Aws>(
    aws: &A,
    target: &PublishTarget,
    known: PublishFacts,
) -> Result<ObservedFederation, StepError> {
    match target {
        PublishTarget::S3(s3) => s3::read(aws, s3, known).await,
        PublishTarget::External => Ok(ObservedFederation::default()),
    }
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
