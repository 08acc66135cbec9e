//! The steps of a pass over an `OidcFederation`.

pub mod aws_errors;
pub mod conclude;
pub mod execute;
pub mod keys;
mod object;
pub mod observe;
pub mod plan;
pub mod publish;
pub mod roles;
pub mod s3_refusals;
pub mod tampering;
pub mod validate;
pub mod verify;
