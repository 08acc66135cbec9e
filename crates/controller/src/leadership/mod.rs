//! Who may write. Every write, to AWS or to Kubernetes, asks first.
//!
//! - [`Leadership`] is the port; a step asks it for a [`Permit`].
//! - [`Elector`] campaigns for a `coordination.k8s.io/v1` Lease and keeps a [`Claim`], which is the port's answer with more
//!   than one replica. What to do about an observed Lease is decided by [`lease`], which is pure.
//! - `gate` asks the port once more for whoever sends: for each attempt, when it is about to go out.

mod claim;
mod elector;
mod gate;
pub mod lease;
mod metrics;
#[cfg(test)]
mod tests;

pub use irsa_pipeline::permit::{Leadership, NotLeader, OnlyReplica, Permit};

pub use self::{
    claim::Claim,
    elector::{Elector, Lost},
    gate::{gated_client, write_gate},
    metrics::ElectionMetrics,
};
