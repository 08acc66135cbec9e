//! The calls on objects: GetObject, HeadObject, PutObject, DeleteObject.

use http::StatusCode;
use jiff::Timestamp;

use super::{Bucket, Encryption, Object, S3, access::Scene, conditions, errors};
use crate::aws::wire::{AwsError, Caller, Outcome, Reply};

/// Entity headers that are kept with an object and given back [S3-model PutObject, GetObject].
const ENTITY_HEADERS: &[&str] = &[
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];

/// Checksums that are kept with an object. The front has verified them and made headers of trailers. Unlike S3, the
/// double adds no CRC64NVME of its own when the client sends none [S3UG checking-object-integrity].
const CHECKSUMS: &[&str] = &[
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
];

const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

/// An object's user metadata is limited to 2 KB [S3UG UsingMetadata].
const MAX_METADATA: usize = 2 * 1024;

/// Keys are at most 1,024 bytes long [S3UG object-keys].
const MAX_KEY: usize = 1024;

impl S3 {
    pub(super) fn put_object(&mut self, scene: &Scene<'_>) -> Outcome {
        if scene.call.header("x-amz-copy-source").is_some() {
            return Err(errors::not_implemented("x-amz-copy-source"));
        }
        self.admit(scene, "s3:PutObject")?;
        let public_acl = self.check_acl(scene)?;
        if scene.key().len() > MAX_KEY {
            return Err(AwsError::new(400, "KeyTooLongError", "Your key is too long"));
        }
        // "To perform conditional writes with If-Match … s3:PutObject and s3:GetObject" [S3UG conditional-writes].
        if scene.call.header("if-match").is_some() {
            self.admit(scene, "s3:GetObject")?;
        }
        let bucket = self.find(scene)?;
        conditions::check_put(scene.call, scene.key(), bucket.objects.get(scene.key()))?;
        bucket.check_lockable(&scene.call.headers)?;
        let object = build(scene, bucket, public_acl)?;
        if let Encryption::Kms(Some(key)) = &object.encryption {
            scene.gate.authorize("kms:GenerateDataKey", key, &scene.context())?;
        }

        let mut headers = vec![("etag".to_owned(), object.etag.clone())];
        headers.extend(encryption_headers(&object.encryption));
        headers.extend(checksum_headers(&object));
        let version = self
            .bucket_mut(scene)?
            .replace(scene.key(), Some(object), scene.call.now);
        headers.extend(version.map(|id| ("x-amz-version-id".to_owned(), id)));
        Ok(Reply {
            headers,
            ..Reply::empty(StatusCode::OK)
        })
    }

    /// Whether an ACL of this PUT makes the object public. "If your bucket uses the bucket owner enforced setting …
    /// requests to set ACLs or update ACLs fail and return the AccessControlListNotSupported error code",
    /// `bucket-owner-full-control` excepted [S3-model PutObject.ACL].
    fn check_acl(&self, scene: &Scene<'_>) -> Result<bool, AwsError> {
        let bucket = self.find(scene)?;
        let canned = scene.call.header("x-amz-acl");
        let grants: Vec<&str> = scene
            .call
            .headers
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("x-amz-grant-"))
            .filter_map(|(_, value)| value.to_str().ok())
            .collect();
        if canned.is_none() && grants.is_empty() {
            return Ok(false);
        }
        self.authorize(scene, bucket, "s3:PutObjectAcl", &scene.arn())?;
        if bucket.acls_are_off() {
            let harmless = grants.is_empty() && canned == Some("bucket-owner-full-control");
            return if harmless {
                Ok(false)
            } else {
                Err(errors::acls_not_supported())
            };
        }
        let public = matches!(canned, Some("public-read" | "public-read-write"))
            || grants.iter().any(|grant| grant.contains("groups/global/AllUsers"));
        // "PUT Object calls fail if the request includes a public ACL" [S3-model BlockPublicAcls].
        if public && self.effective_block(scene.address.partition, bucket).block_public_acls {
            return Err(errors::access_denied());
        }
        Ok(public)
    }

    /// GetObject, and HeadObject, whose body the front does not send.
    pub(super) fn get_object(&mut self, scene: &Scene<'_>) -> Outcome {
        let bucket = self.find(scene)?;
        let object = bucket.objects.get(scene.key());
        let by_acl = object.is_some_and(|object| object.public_acl)
            && !bucket.acls_are_off()
            && !self.effective_block(scene.address.partition, bucket).ignore_public_acls;
        if !by_acl {
            self.authorize(scene, bucket, "s3:GetObject", &scene.arn())?;
        }
        let Some(object) = object else {
            // "If you have the s3:ListBucket permission on the bucket, Amazon S3 returns 404 Not Found; if you don't,
            // 403 Access Denied" [S3-model GetObject, HeadObject].
            self.authorize(scene, bucket, "s3:ListBucket", &scene.address.arn(scene.bucket))?;
            return Err(errors::no_such_key(scene.key()));
        };
        serve(scene, object)
    }

    pub(super) fn delete_object(&mut self, scene: &Scene<'_>) -> Outcome {
        let bucket = self.admit(scene, "s3:DeleteObject")?;
        if let Some(wanted) = scene.call.header("if-match") {
            // "conditional deletes … s3:GetObject" [S3UG conditional-deletes].
            self.authorize(scene, bucket, "s3:GetObject", &scene.arn())?;
            // A missing object matches nothing (UNSOURCED; RFC 7232 §3.1 says so).
            let object = bucket.objects.get(scene.key());
            if !object.is_some_and(|object| conditions::etag_matches(wanted, &object.etag)) {
                return Err(errors::precondition_failed("If-Match"));
            }
        }
        let version = self.bucket_mut(scene)?.replace(scene.key(), None, scene.call.now);
        let marker = |id| {
            [
                ("x-amz-version-id".to_owned(), id),
                ("x-amz-delete-marker".to_owned(), "true".to_owned()),
            ]
        };
        // 204 whether or not it was there [S3-model DeleteObject].
        Ok(Reply {
            headers: version.map(marker).into_iter().flatten().collect(),
            ..Reply::empty(StatusCode::NO_CONTENT)
        })
    }
}

/// What reads an object that the caller may read.
pub(super) fn serve(scene: &Scene<'_>, object: &Object) -> Outcome {
    // Observed wording; that SSE-KMS needs a signed caller: [S3UG UsingKMSEncryption].
    if scene.call.caller == Caller::Anonymous && object.encryption != Encryption::S3 {
        let message =
            "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4.";
        return Err(errors::invalid_argument(message, "Authorization", "null"));
    }
    // "If the object is encrypted with a customer managed key … kms:Decrypt" [S3UG UsingKMSEncryption]; AWS's own key
    // (none named here) lets in everybody of the account. The key's policy is left out.
    if let Encryption::Kms(Some(key)) = &object.encryption {
        scene.gate.authorize("kms:Decrypt", key, &scene.context())?;
    }
    if !conditions::check_get(scene.call, object)? {
        return Ok(Reply {
            headers: validators(object),
            ..Reply::empty(StatusCode::NOT_MODIFIED)
        });
    }
    Ok(answer(scene, object))
}

fn build(scene: &Scene<'_>, bucket: &Bucket, public_acl: bool) -> Result<Object, AwsError> {
    let mut object = Object {
        public_acl,
        ..Object::new(scene.call.body.clone(), scene.call.now)
    };
    for (name, value) in &scene.call.headers {
        let Ok(value) = value.to_str() else { continue };
        if let Some(name) = name.as_str().strip_prefix("x-amz-meta-") {
            object = object.with_metadata(name, value);
        } else if CHECKSUMS.contains(&name.as_str()) {
            object.checksums.insert(name.as_str().to_owned(), value.to_owned());
        } else if ENTITY_HEADERS.contains(&name.as_str()) {
            // What aws-chunked adds is the transfer's, not the object's [S3UG sigv4-streaming].
            let value = if name == "content-encoding" {
                without_chunked(value)
            } else {
                value.to_owned()
            };
            if !value.is_empty() {
                object = object.with_header(name.as_str(), value);
            }
        }
    }
    if object
        .metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum::<usize>()
        > MAX_METADATA
    {
        let message = "Your metadata headers exceed the maximum allowed metadata size";
        return Err(AwsError::new(400, "MetadataTooLarge", message));
    }
    object
        .headers
        .entry("content-type".to_owned())
        .or_insert_with(|| DEFAULT_CONTENT_TYPE.to_owned());
    object.encryption = match scene.call.header("x-amz-server-side-encryption") {
        None => bucket.encryption.clone(),
        Some("AES256") => Encryption::S3,
        Some("aws:kms") => Encryption::Kms(
            scene
                .call
                .header("x-amz-server-side-encryption-aws-kms-key-id")
                .map(ToOwned::to_owned),
        ),
        Some(other) => {
            let message = "The encryption method specified is not supported";
            return Err(errors::invalid_argument(message, "x-amz-server-side-encryption", other));
        }
    };
    if object.encryption != Encryption::S3 {
        // "Objects encrypted by … SSE-KMS have ETags that are not an MD5 digest" [S3-model Object.ETag].
        let salted = [object.body.as_ref(), scene.call.request_id.as_bytes()].concat();
        object.etag = super::model::etag(&salted);
    }
    Ok(object)
}

fn without_chunked(value: &str) -> String {
    let kept: Vec<&str> = value
        .split(',')
        .map(str::trim)
        .filter(|coding| *coding != "aws-chunked")
        .collect();
    kept.join(",")
}

fn answer(scene: &Scene<'_>, object: &Object) -> Reply {
    let mut headers = validators(object);
    headers.push(("accept-ranges".to_owned(), "bytes".to_owned()));
    headers.extend(object.headers.clone());
    headers.extend(
        object
            .metadata
            .iter()
            .map(|(name, value)| (format!("x-amz-meta-{name}"), value.clone())),
    );
    headers.extend(encryption_headers(&object.encryption));
    // "To retrieve the checksum, this mode must be enabled" [S3-model GetObject.ChecksumMode].
    if scene
        .call
        .header("x-amz-checksum-mode")
        .is_some_and(|mode| mode.eq_ignore_ascii_case("enabled"))
    {
        headers.extend(checksum_headers(object));
    }
    Reply {
        status: StatusCode::OK,
        headers,
        body: object.body.clone(),
    }
}

fn validators(object: &Object) -> Vec<(String, String)> {
    vec![
        ("etag".to_owned(), object.etag.clone()),
        ("last-modified".to_owned(), http_date(object.modified)),
    ]
}

fn checksum_headers(object: &Object) -> Vec<(String, String)> {
    let kind = ("x-amz-checksum-type".to_owned(), "FULL_OBJECT".to_owned());
    let kind = (!object.checksums.is_empty()).then_some(kind);
    object.checksums.clone().into_iter().chain(kind).collect()
}

fn encryption_headers(encryption: &Encryption) -> Vec<(String, String)> {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    match encryption {
        Encryption::S3 => vec![header("x-amz-server-side-encryption", "AES256")],
        Encryption::Kms(key) => {
            let mut headers = vec![header("x-amz-server-side-encryption", "aws:kms")];
            headers.extend(
                key.as_ref()
                    .map(|key| header("x-amz-server-side-encryption-aws-kms-key-id", key)),
            );
            headers
        }
    }
}

/// As HTTP writes dates.
pub(super) fn http_date(time: Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&time)
        .unwrap_or_default()
}
