//! The trust policy of a role: which ServiceAccounts may assume it, through which provider, with which audience.
//!
//! A policy that leaves `sub` or `aud` open lets any workload of the cluster, or any token that the cluster ever signs,
//! take the role. So the types here cannot express one: [`TrustPolicy`] holds non-empty sets of providers, subjects
//! and audiences, a [`Subject`] has no wildcard and every statement compares both claims by `StringEquals`.

mod denies;
mod document;
mod judge;
mod names;
mod read;

pub use denies::{Denies, Divided};
pub use document::{DEFAULT_TRUST_QUOTA, TrustDocument, TrustPolicy, TrustPolicyTooLarge, TrustProvider, closed};
pub use judge::{
    Admittance, Claims, Obstacle, ReadPolicy, STRANGER, TrustMismatch, admits, obstacles, other_stranger,
    pinned_subjects, trusted_principals,
};
pub use names::{Audience, InvalidAudience, NonEmptySet, Subject, SubjectError};
