//! `plan`: what the operator would do for an object, by its own steps, and without a write.

mod binding;
mod federation;
mod report;
mod surroundings;

use std::path::PathBuf;

use irsa_api::IamRoleBinding;
use irsa_aws::SdkConnect;

pub(crate) use self::{
    binding::Offer,
    report::PlanReport,
    surroundings::{Live, live, new, role_of},
};
use crate::{aws, cluster::Cluster, exit, failure::Failure, manifests};

/// What is planned for.
pub(crate) enum Planned {
    /// The binding of this name.
    Binding(String),
    /// The federation of this name.
    Federation(String),
    /// What is in a file, as if it were applied.
    File(PathBuf),
}

/// The plan for each object that is meant, federations first. `operator` is the operator's namespace.
///
/// # Errors
/// An object cannot be read; a file has none of ours in it.
pub(crate) async fn plan(cluster: &Cluster, planned: &Planned, operator: &str) -> Result<Vec<PlanReport>, Failure> {
    let live = live(cluster).await?;
    let (federations, bindings) = match planned {
        Planned::Binding(name) => (Vec::new(), vec![live.binding(&cluster.namespace, name)?]),
        Planned::Federation(name) => (vec![live.federation(name)?], Vec::new()),
        Planned::File(file) => live.as_applied(manifests::objects(file, &cluster.namespace)?),
    };
    let live = live.with(&federations, &bindings);
    let connect = aws::connect()?;
    let mut reports = Vec::new();
    for federation in federations {
        let made = Box::pin(federation::of_federation(
            cluster,
            &connect,
            &live,
            &federation,
            operator,
        ))
        .await;
        reports.push(PlanReport::of(&federation, made));
    }
    for binding in bindings {
        let made = match live.around(&binding) {
            Ok(around) => Box::pin(binding::of_binding(cluster, &connect, &around, Offer::AsTagged)).await,
            Err(failure) => Err(failure),
        };
        reports.push(PlanReport::of(&binding, made));
    }
    Ok(reports)
}

/// What the command ends with for all together: what is refused counts for more than what cannot be seen.
pub(crate) fn exit_code(reports: &[PlanReport]) -> u8 {
    let codes = reports.iter().map(PlanReport::exit_code);
    if codes.clone().any(|code| code == exit::CAUSE_FOUND) {
        return exit::CAUSE_FOUND;
    }
    codes.max().unwrap_or(exit::GOOD)
}

/// The plan for a binding that is not there yet.
pub(crate) async fn imagined(
    cluster: &Cluster,
    connect: &SdkConnect,
    live: &Live,
    binding: &IamRoleBinding,
    offer: Offer,
) -> PlanReport {
    let made = match live.around(binding) {
        Ok(around) => Box::pin(binding::of_binding(cluster, connect, &around, offer)).await,
        Err(failure) => Err(failure),
    };
    PlanReport::of(binding, made)
}
