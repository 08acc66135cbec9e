//! `IamRoleBinding`: a namespace's ServiceAccounts may assume one IAM role.
//!
//! observe (the cluster, from the watches' memory) → validate → observe (the role, in IAM; ServiceAccounts) → plan → execute → conclude.
//! The judgement is `irsa-core`'s: [`irsa_core::admission`], [`irsa_core::plan::binding`], [`irsa_core::trust`].
//!
//! # Calls to AWS
//! A new binding costs one read and 1 + managed + inline writes. Unchanged ones are checked together, by a few pages of
//! listings once per interval (`inventory`); one that is looked at by itself costs 3 + inline reads. None of these
//! depends on how many bindings there are.

mod accounts;
mod alone;
mod apply;
mod bindings;
mod cleanup;
mod connect;
mod contest;
mod context;
mod deletions;
mod enforce;
mod execute;
mod existing;
mod federation_cache;
mod inventory;
mod lost_finalizer;
mod memory;
mod proof_record;
mod prover;
mod reconcile;
mod relabelled;
mod role;
mod triggers;
mod verify;
mod watch;

pub use self::{
    bindings::Bindings,
    inventory::Inventories,
    watch::{BindingParts, run},
};

#[cfg(test)]
mod tests;
