//! Policy evaluation and validation on raw JSON, as AWS does it.
//!
//! [`evaluate`] judges one document; [`Gate`] holds everything that limits one caller and speaks AWS's refusals. The
//! `validate_*` functions refuse a document with the code of the service that stores it.

mod context;
mod evaluate;
mod gate;
mod validate;

pub use context::Context;
pub use evaluate::{Identity, Verdict, evaluate, evaluate_resource, evaluate_trust};
pub use gate::Gate;
pub use validate::{validate_bucket, validate_identity, validate_trust};
