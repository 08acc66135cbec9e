//! `audit`: who in the cluster can become which role, and what of that is too wide. Read only.

mod gather;
mod graph;
mod page;
mod report;

pub(crate) use report::AuditReport;

use irsa_core::audit::Audit;
use jiff::Timestamp;

use crate::{cluster::Cluster, failure::Failure};

/// Looks at the whole cluster, and at the accounts of its federations.
///
/// # Errors
/// Neither federations nor bindings can be listed: nothing can be said then.
pub(crate) async fn audit(cluster: &Cluster) -> Result<AuditReport, Failure> {
    let gathered = Box::pin(gather::gathered(cluster)).await?;
    let audit = Audit::of(&gathered.input);
    Ok(AuditReport::of(&gathered, audit, Timestamp::now()))
}
