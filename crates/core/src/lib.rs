//! The decisions of irsa-anywhere as pure functions: no I/O, no clock, no environment.
//!
//! Everything that decides what a cluster's signing keys, published documents, trust policies and conditions must be
//! lives here, so that it can be read, tested and reused (by the operator and by the CLI) without a cluster or an AWS
//! account. Time comes in as an argument; Kubernetes and AWS types stay out.
//!
//! The one vocabulary of names and reasons, [`vocabulary`], is here too (and not in `irsa-api`, which re-exports it)
//! because outcome and plan are written in it and this crate depends on none of ours.

pub mod admission;
pub mod audit;
pub mod compare;
pub mod denial;
pub mod digest;
pub mod documents;
pub mod explain;
pub mod history;
pub mod import;
pub mod injection;
pub mod instance;
pub mod inventory;
pub mod issuer;
pub mod issuer_flags;
mod json;
pub mod jwks;
mod like;
pub mod naming;
pub mod operator_policy;
pub mod outcome;
pub mod plan;
pub mod policy_document;
pub mod proof;
pub mod published;
pub mod refusal;
pub mod text;
pub mod trust;
pub mod vocabulary;
