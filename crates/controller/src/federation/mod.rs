//! `OidcFederation`: this cluster's issuer, published and registered.
//!
//! validate (the spec) → observe (the API servers, then AWS) → plan → execute → conclude. The judgement is
//! `irsa-core`'s: [`irsa_core::history`], [`irsa_core::documents`], [`irsa_core::plan::federation`].
//!
//! # Two kinds of pass
//! Each minute the API servers' keys and the public documents are compared with what the last full pass made (one
//! conditional request per document, no call to S3 or IAM). When anything differs, and once per interval, a full pass
//! follows. Neither writes anything in an unchanged world.

mod account;
mod announce;
mod apply;
mod cleanup;
mod cluster_checks;
mod control_plane;
mod federations;
mod instance;
mod last_look;
mod memory;
mod reconcile;
mod unchanged;
mod watch;

pub(crate) use self::control_plane::server_addresses;
pub use self::{
    control_plane::ControlPlane,
    federations::Federations,
    watch::{FederationParts, run},
};

#[cfg(test)]
mod tests;
