//! The steps of a pass over an `IamRoleBinding`.

pub mod aws_errors;
pub mod conclude;
pub mod execute;
pub mod object;
pub mod observe;
pub mod plan;
pub mod validate;
pub mod verify;
