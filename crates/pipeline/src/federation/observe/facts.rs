//! [`PublishFacts`]: what is known of the place where documents are published before it is looked at.

use irsa_core::history::KeyRecord;

use crate::spec::location::Location;

/// What is known before anything is read.
#[derive(Debug, Clone, Copy)]
pub struct PublishFacts {
    /// Whether both documents were published before.
    pub established: bool,
    /// Whether the record says that we created the bucket.
    pub made_bucket: bool,
    /// Whether a bucket that is missing is no trouble.
    pub may_miss_bucket: bool,
}

impl PublishFacts {
    /// What the record of keys and the spec say; `established` tells whether both documents were published before.
    pub fn of(location: &Location, record: Option<&KeyRecord>, established: bool) -> Self {
        Self {
            established,
            made_bucket: location.target.is_made_by(record),
            may_miss_bucket: location.target.may_be_missing(),
        }
    }
}
