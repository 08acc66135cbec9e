//! What a federation's record, documents, bucket statement and provider must be, what they are, and the steps between.
//!
//! **Order.** The record of keys first, so that nothing is ever published that a later pass does not know of. Then the
//! keys, then the discovery document that points at them, then the statement that lets the public read both, then the
//! provider: whoever finds one of them finds everything it refers to. Removal begins with the provider, so that AWS
//! trusts nobody any more before the documents go; a bucket in other hands could otherwise speak for the cluster.
//!
//! **Ownership.** All of it is judged before the first step: a foreign document, statement or provider means that
//! nothing is written at all.
//!
//! **Hand-over.** Documents that are taken over are replaced, never deleted first, and only by a key set that has every key
//! of theirs. The statement that lets the public read them comes before: an object that is replaced loses its ACL.
//!
//! **Crashes.** Each step is one idempotent or conditional call, and every prefix of a plan leaves something that the
//! next plan starts from.

mod denials;
mod doubt;
mod handover;
mod order;
mod policy;
mod provider;
mod state;
mod step;
mod steps;

pub use denials::{DenyingStatement, denying_statements};
pub use handover::{ForeignDocuments, ForeignKeys};
pub use policy::{PolicyChange, PublicReadStatement, StatementError};
pub use provider::ProviderMismatch;
pub use state::{
    DesiredDocument, DesiredDocuments, DesiredFederation, DesiredProvider, DocumentKind, Handover, Management,
    ObservedBucket, ObservedDocument, ObservedFederation, ObservedProvider, Removable,
};
pub use step::FederationStep;
pub use steps::{FederationPlan, FederationRefusal};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
