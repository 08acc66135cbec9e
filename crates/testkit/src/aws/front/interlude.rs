//! Acts of somebody else in the middle of a caller's work, and callers that have vowed to name a bucket's owner.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::operation::Operation;
use crate::aws::{
    s3::S3,
    wire::{AwsError, Call, Caller, Service},
};

type Act = Box<dyn FnOnce(&mut S3) + Send>;

/// S3 calls that have no `ExpectedBucketOwner` [S3-model]: there is no bucket yet, or many.
const WITHOUT_OWNER: &[&str] = &["s3:CreateBucket", "s3:ListAllMyBuckets"];

/// Acts that wait for a call, and callers that must name a bucket's owner.
#[derive(Default)]
pub(crate) struct Interludes {
    acts: Mutex<Vec<(String, Act)>>,
    cautious: Mutex<BTreeSet<String>>,
}

impl fmt::Debug for Interludes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interludes({})", lock(&self.acts).len())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Interludes {
    /// Lets `act` happen when the next call of `operation` has arrived, before it has any effect.
    pub(crate) fn add(&self, operation: &str, act: Act) {
        lock(&self.acts).push((operation.to_owned(), act));
    }

    /// The act that waits for this call, if any.
    pub(super) fn take(&self, operation: &str) -> Option<Act> {
        let mut acts = lock(&self.acts);
        let at = acts.iter().position(|(wanted, _)| wanted == operation)?;
        Some(acts.remove(at).1)
    }

    /// From now on this principal's calls to S3 fail where they could name the bucket's owner and do not.
    pub(crate) fn demand_owner_of(&self, arn: &str) {
        lock(&self.cautious).insert(arn.to_owned());
    }

    /// Nothing of AWS's: the double's own complaint about a caller that a test has declared cautious.
    pub(super) fn check(&self, call: &Call, operation: &Operation) -> Result<(), AwsError> {
        let Caller::Principal(principal) = &call.caller else {
            return Ok(());
        };
        let careless = call.service == Service::S3
            && !WITHOUT_OWNER.contains(&operation.name.as_str())
            && call.header("x-amz-expected-bucket-owner").is_none()
            && lock(&self.cautious).contains(&principal.arn);
        if careless {
            let message = format!("{} came without ExpectedBucketOwner", operation.name);
            return Err(AwsError::new(400, "DoubleMissesBucketOwner", message));
        }
        Ok(())
    }
}
