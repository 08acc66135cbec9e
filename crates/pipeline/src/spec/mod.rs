//! What the specs say, in our own terms: pure, and of both kinds.

pub mod federation_view;
pub mod guardrails;
pub mod identity;
pub mod invalid;
pub mod location;
pub mod partial;
pub mod pods;
pub mod target;
