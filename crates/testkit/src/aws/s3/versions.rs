//! Calls on one version of an object [S3UG Versioning, object-lock].

use http::StatusCode;

use super::{Bucket, S3, Version, access::Scene, errors, objects};
use crate::aws::wire::{AwsError, Outcome, Reply};

impl S3 {
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
