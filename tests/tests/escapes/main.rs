//! Tenants who would get at what is not theirs, or keep what is no longer theirs; and deletions that something stands in the
//! way of. Each test is named for the trick and asks AWS and STS, not conditions, whether it worked. Slow, because real
//! control planes are started: `make escapes`.
//!
//! A tenant is a real user of the API server: he may do anything to bindings, ServiceAccounts and pods of his namespace and
//! relabel it, and nothing else. `docs/tenants.md` tells the same in words.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod aws;
mod left;
mod names;
mod namespaces;
mod objects;
mod ownership;
mod policies;
mod quotas;
mod stage;
mod storms;
mod tags;
mod withdrawal;
