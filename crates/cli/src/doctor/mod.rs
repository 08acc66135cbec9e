//! `doctor`: gathers what can be seen from here, and has `irsa_core::explain` judge it.

mod diagnosis;
mod expectation;
mod gather;
mod issuer;
mod outside;
mod subject;

pub(crate) use diagnosis::{Diagnosis, Line, LineResult, StsAnswer, Summary};
pub(crate) use expectation::{account, provider_arn};
pub(crate) use subject::BoundAccount;

use irsa_core::explain::Expectation;

use crate::{args::DoctorTarget, cluster::Cluster, failure::Failure};

/// Looks at a pod, a ServiceAccount or a binding.
///
/// # Errors
/// Where the object is not there or cannot be read: nothing can be said then.
pub(crate) async fn examine(cluster: &Cluster, target: &DoctorTarget, no_token: bool) -> Result<Diagnosis, Failure> {
    if let DoctorTarget::Federation { name } = target {
        return Box::pin(issuer::examined(cluster, name)).await;
    }
    let subject = subject::find(cluster, target).await?;
    Box::pin(gather::examined(cluster, subject, no_token)).await
}

/// The ServiceAccount of a question, and what should be by the objects of the cluster.
///
/// # Errors
/// The object is not there or cannot be read, or there is no role to ask for.
pub(crate) async fn expected(cluster: &Cluster, target: &DoctorTarget) -> Result<(BoundAccount, Expectation), Failure> {
    let account = subject::find(cluster, target).await?;
    let expected = expectation::expectation(&account).map_err(|line| line.in_words())?;
    Ok((account, expected))
}
