//! Versioning and Object Lock [S3UG Versioning, object-lock].
//!
//! The current objects are in [`Bucket::objects`]; what was current and what was deleted is kept beside them, as far as it
//! was written while versioning was on. The double has default retention only: no retention or legal hold of single objects,
//! no bypass, and no null versions (a suspended bucket is treated like one that never was versioned).

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};

use super::{Bucket, Object, Version};
use crate::aws::wire::AwsError;

impl Bucket {
    /// Object Lock with a default retention of so many days, which needs and brings versioning
    /// [S3-model PutObjectLockConfiguration].
    pub fn lock_objects_for(&mut self, days: i64) {
        self.versioning = Some("Enabled".to_owned());
        self.retention_days = Some(days);
    }

    fn is_versioned(&self) -> bool {
        self.versioning.as_deref() == Some("Enabled")
    }

    /// Makes this the key's current version; `None` deletes it, which in a versioned bucket leaves a marker. The new
    /// version's id, if it has one.
    pub(super) fn replace(&mut self, key: &str, object: Option<Object>, now: Timestamp) -> Option<String> {
        let was_there = match &object {
            Some(object) => self.objects.insert(key.to_owned(), object.clone()),
            None => self.objects.remove(key),
        };
        if !self.is_versioned() {
            return None;
        }
        let history = self.versions.entry(key.to_owned()).or_default();
        // What was there before versioning was turned on has the id `null`.
        if let (true, Some(object)) = (history.is_empty(), was_there) {
            history.push(Version {
                id: "null".to_owned(),
                object: Some(object),
                locked_until: None,
            });
        }
        let id = format!("v{}", history.len() + 1);
        let lasting = self.retention_days.filter(|_| object.is_some());
        history.push(Version {
            id: id.clone(),
            object,
            locked_until: lasting.map(|days| now + SignedDuration::from_hours(24 * days)),
        });
        Some(id)
    }

    /// "The Content-MD5 or x-amz-sdk-checksum-algorithm header is required for any request to upload an object with a
    /// retention period configured using Amazon S3 Object Lock" [S3-model PutObject]; message observed.
    pub(super) fn check_lockable(&self, headers: &HeaderMap) -> Result<(), AwsError> {
        let checked = headers.contains_key("content-md5")
            || headers.keys().any(|name| name.as_str().starts_with("x-amz-checksum-"));
        if self.retention_days.is_none() || checked {
            return Ok(());
        }
        let message = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock \
                       parameters";
        Err(AwsError::new(400, "InvalidRequest", message))
    }
}
