//! Counterparts for tests: a real control plane ([`controlplane`]) and an AWS double over the wire ([`aws`]).
//!
//! This crate depends on no other crate of the workspace, on purpose: a counterpart that shares our key, document or
//! trust code would hide every bug twice.

pub mod aws;
pub mod controlplane;
