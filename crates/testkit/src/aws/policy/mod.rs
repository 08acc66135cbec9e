//! Policy evaluation and validation on raw JSON, as AWS does it.
//!
//! [`evaluate`] judges one document; [`Gate`] holds everything that limits one caller and speaks AWS's refusals. The
//! `validate_*` functions refuse a document with the code of the service that stores it.
//!
//! Sources: [IAMUG-2023] the IAM user guide, \[S3UG\] the S3 user guide, \[SAR\] the service authorization reference,
//! \[VGW\] versitygw's comments on observed behaviour.

mod condition;
mod context;
mod evaluate;
mod gate;
mod pattern;
mod public;
mod validate;

pub use context::Context;
pub use evaluate::{Identity, Verdict, evaluate, evaluate_resource, evaluate_trust};
pub use gate::Gate;
pub use public::is_public;
pub use validate::{validate_bucket, validate_identity, validate_trust};
