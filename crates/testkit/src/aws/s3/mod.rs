//! S3 and S3Control.

use crate::aws::policy::Gate;
use crate::aws::wire::{AwsError, Call, Outcome};

/// The buckets of all accounts.
#[derive(Debug, Default)]
pub struct S3 {}

impl S3 {
    /// Serves one S3 or S3Control call.
    pub fn handle(&mut self, _call: &Call, _gate: &Gate) -> Outcome {
        Err(AwsError::new(501, "NotImplemented", "A header you provided implies functionality that is not implemented"))
    }
}
