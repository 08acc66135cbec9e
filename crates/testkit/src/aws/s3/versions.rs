//! Versioning and Object Lock [S3UG Versioning, object-lock].
//!
//! The current objects are in [`Bucket::objects`]; what was current and what was deleted is kept beside them, as far as it
//! was written while versioning was on. The double has default retention only: no retention or legal hold of single objects,
//! no bypass, and no null versions (a suspended bucket is treated like one that never was versioned).

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use super::{Bucket, Object, S3, access::Scene, errors, objects};
use crate::aws::wire::{AwsError, Outcome, Reply};

/// One version of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Unique in the bucket.
    pub id: String,
    /// The object, or `None` for a delete marker.
    pub object: Option<Object>,
    /// Until when nobody may delete it, by the bucket's default retention.
    pub locked_until: Option<Timestamp>,
}

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
}

impl S3 {
    /// "The Content-MD5 or x-amz-sdk-checksum-algorithm header is required for any request to upload an object with a
    /// retention period configured using Amazon S3 Object Lock" [S3-model PutObject]; message observed.
    pub(super) fn check_lockable(scene: &Scene<'_>, bucket: &Bucket) -> Result<(), AwsError> {
        let headers = &scene.call.headers;
        let checked = headers.contains_key("content-md5")
            || headers.keys().any(|name| name.as_str().starts_with("x-amz-checksum-"));
        if bucket.retention_days.is_none() || checked {
            return Ok(());
        }
        let message = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock \
                       parameters";
        Err(AwsError::new(400, "InvalidRequest", message))
    }

    /// GetObject of one version. "You must have s3:GetObjectVersion" [S3-model GetObject]; a delete marker answers 405.
    pub(super) fn get_version(&self, scene: &Scene<'_>, id: &str) -> Outcome {
        let bucket = self.admit(scene, "s3:GetObjectVersion")?;
        let version = version(bucket, scene.key(), id)?;
        match &version.object {
            Some(object) => objects::serve(scene, object),
            None => Err(errors::method_not_allowed(scene.call.method.as_str())),
        }
    }

    /// DeleteObject of one version, for good. What is locked stays [S3UG object-lock; message observed].
    pub(super) fn delete_version(&mut self, scene: &Scene<'_>, id: &str) -> Outcome {
        let bucket = self.admit(scene, "s3:DeleteObjectVersion")?;
        let locked = version(bucket, scene.key(), id)?.locked_until;
        if locked.is_some_and(|until| until > scene.call.now) {
            let message = "Access Denied because object protected by object lock.";
            return Err(AwsError::new(403, "AccessDenied", message));
        }
        let key = scene.key().to_owned();
        let bucket = self.bucket_mut(scene)?;
        let history = bucket.versions.entry(key.clone()).or_default();
        history.retain(|version| version.id != id);
        match history.last().and_then(|version| version.object.clone()) {
            Some(object) => bucket.objects.insert(key.clone(), object),
            None => bucket.objects.remove(&key),
        };
        bucket.versions.retain(|_, history| !history.is_empty());
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }
}

fn version<'a>(bucket: &'a Bucket, key: &str, id: &str) -> Result<&'a Version, AwsError> {
    let history = bucket.versions.get(key).map(Vec::as_slice).unwrap_or_default();
    let found = history.iter().find(|version| version.id == id);
    found.ok_or_else(|| AwsError::new(404, "NoSuchVersion", "The specified version does not exist."))
}
