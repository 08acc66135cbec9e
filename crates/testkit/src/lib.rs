//! Counterparts for tests: a real control plane ([`controlplane`]), an AWS double over the wire or in process ([`aws`]), and
//! an API server in memory for tests in virtual time ([`apiserver`]).
//!
//! This crate depends on no other crate of the workspace, on purpose: a counterpart that shares our key, document or
//! trust code would hide every bug twice.

#![allow(
    clippy::format_collect,
    clippy::format_push_string,
    clippy::option_option,
    clippy::semicolon_if_nothing_returned,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "handlers share one shape, and XML is built from text: clarity before allocation in a counterpart for tests"
)]

pub mod apiserver;
pub mod aws;
pub mod controlplane;
