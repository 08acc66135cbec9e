//! ListBuckets, ListObjectsV2 and ListObjects.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    Bucket, Object, S3,
    access::Scene,
    errors,
    xml::{answer, leaf},
};
use crate::aws::{
    policy::{Context, Gate},
    wire::{AwsError, Call, Caller, Outcome},
};

const MAX_KEYS: usize = 1000;

/// What `encoding-type=url` leaves as it is.
const URL_ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b'/');

/// A page: keys and rolled-up prefixes in one order, and where the next begins.
struct Page<'a> {
    contents: Vec<(&'a str, &'a Object)>,
    prefixes: Vec<String>,
    next: Option<String>,
}

impl S3 {
    /// Every bucket of the caller's account, in all regions [S3-model ListBuckets].
    pub(super) fn list_buckets(&self, call: &Call, gate: &Gate, partition: &str) -> Outcome {
        let Caller::Principal(principal) = &call.caller else {
            return Err(errors::access_denied());
        };
        gate.authorize(
            "s3:ListAllMyBuckets",
            &format!("arn:{partition}:s3:::*"),
            &Context::of(call),
        )?;
        let query = |name: &str| {
            call.query
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let (prefix, region) = (query("prefix").unwrap_or_default(), query("bucket-region"));
        let rows: String = self
            .buckets
            .iter()
            .filter(|((of, name), bucket)| {
                of == partition
                    && bucket.owner == principal.account
                    && name.starts_with(prefix)
                    && region.is_none_or(|region| region == bucket.region)
            })
            .map(|((_, name), bucket)| {
                let created = leaf("CreationDate", &iso(bucket.created));
                format!(
                    "<Bucket>{}{created}{}</Bucket>",
                    leaf("Name", name),
                    leaf("BucketRegion", &bucket.region)
                )
            })
            .collect();
        let owner = leaf("ID", &canonical_id(&principal.account));
        answer(
            "ListAllMyBucketsResult",
            &format!("<Owner>{owner}</Owner><Buckets>{rows}</Buckets>"),
        )
    }

    /// Both listings: version 2 pages by token, version 1 by marker [S3-model ListObjectsV2, ListObjects].
    pub(super) fn list_objects(&self, scene: &Scene<'_>) -> Outcome {
        let bucket = self.admit(scene, "s3:ListBucket")?;
        let second = scene.query("list-type") == Some("2");
        let after = if second {
            start_of_v2(scene)?
        } else {
            scene.query("marker").unwrap_or_default().to_owned()
        };
        let asked = max_keys(scene)?;
        let limit = self.page_size.unwrap_or(MAX_KEYS).min(asked);
        let page = page_of(bucket, scene, &after, limit);

        let encode = encoder(scene)?;
        let mut inner =
            leaf("Name", scene.bucket) + &leaf("Prefix", &encode(scene.query("prefix").unwrap_or_default()));
        inner += &leaf("MaxKeys", &asked.to_string());
        inner += &leaf("IsTruncated", if page.next.is_some() { "true" } else { "false" });
        if let Some(delimiter) = scene.query("delimiter") {
            inner += &leaf("Delimiter", &encode(delimiter));
        }
        if let Some(encoding) = scene.query("encoding-type") {
            inner += &leaf("EncodingType", encoding);
        }
        if second {
            inner += &leaf("KeyCount", &(page.contents.len() + page.prefixes.len()).to_string());
            for (element, parameter) in [
                ("ContinuationToken", "continuation-token"),
                ("StartAfter", "start-after"),
            ] {
                inner += &scene
                    .query(parameter)
                    .map(|value| leaf(element, value))
                    .unwrap_or_default();
            }
            inner += &page
                .next
                .as_deref()
                .map(|key| leaf("NextContinuationToken", &token(key)))
                .unwrap_or_default();
        } else {
            inner += &leaf("Marker", &encode(scene.query("marker").unwrap_or_default()));
            // "returned only if you have the delimiter request parameter specified" [S3-model NextMarker].
            let next = page.next.as_deref().filter(|_| scene.has("delimiter"));
            inner += &next.map(|key| leaf("NextMarker", &encode(key))).unwrap_or_default();
        }
        let owner = if !second || scene.query("fetch-owner") == Some("true") {
            owner_of(bucket)
        } else {
            String::new()
        };
        for (key, object) in &page.contents {
            inner += &format!(
                "<Contents>{}{}{}{}{owner}{}</Contents>",
                leaf("Key", &encode(key)),
                leaf("LastModified", &iso(object.modified)),
                leaf("ETag", &object.etag),
                leaf("Size", &object.body.len().to_string()),
                leaf("StorageClass", "STANDARD"),
            );
        }
        for prefix in &page.prefixes {
            inner += &format!("<CommonPrefixes>{}</CommonPrefixes>", leaf("Prefix", &encode(prefix)));
        }
        answer("ListBucketResult", &inner)
    }
}

fn owner_of(bucket: &Bucket) -> String {
    format!("<Owner>{}</Owner>", leaf("ID", &canonical_id(&bucket.owner)))
}

fn start_of_v2(scene: &Scene<'_>) -> Result<String, AwsError> {
    match scene.query("continuation-token") {
        Some(token) => URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| {
                errors::invalid_argument(
                    "The continuation token provided is incorrect",
                    "continuation-token",
                    token,
                )
            }),
        None => Ok(scene.query("start-after").unwrap_or_default().to_owned()),
    }
}

fn token(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

fn max_keys(scene: &Scene<'_>) -> Result<usize, AwsError> {
    let Some(text) = scene.query("max-keys") else {
        return Ok(MAX_KEYS);
    };
    let wrong = || {
        errors::invalid_argument(
            "Provided max-keys not an integer or within integer range",
            "max-keys",
            text,
        )
    };
    text.parse::<u32>()
        .ok()
        .and_then(|n| usize::try_from(n).ok())
        .map(|n| n.min(MAX_KEYS))
        .ok_or_else(wrong)
}

type Encoder = fn(&str) -> String;

fn encoder(scene: &Scene<'_>) -> Result<Encoder, AwsError> {
    match scene.query("encoding-type") {
        None => Ok(ToOwned::to_owned),
        Some("url") => Ok(|text| utf8_percent_encode(text, URL_ENCODED).to_string()),
        Some(other) => Err(errors::invalid_argument(
            "Invalid Encoding Method specified in Request",
            "encoding-type",
            other,
        )),
    }
}

/// Keys in UTF-8 order after `after`; a key that has the delimiter behind the prefix counts once as its prefix. The
/// page ends where `limit` is reached; an empty page of `max-keys=0` is never truncated (observed).
fn page_of<'a>(bucket: &'a Bucket, scene: &Scene<'_>, after: &str, limit: usize) -> Page<'a> {
    let prefix = scene.query("prefix").unwrap_or_default();
    let delimiter = scene.query("delimiter").filter(|delimiter| !delimiter.is_empty());
    let mut page = Page {
        contents: Vec::new(),
        prefixes: Vec::new(),
        next: None,
    };
    if limit == 0 {
        return page;
    }
    let mut last = String::new();
    for (key, object) in relevant(&bucket.objects, prefix, after) {
        let rolled = delimiter.and_then(|delimiter| {
            let rest = key.get(prefix.len()..)?;
            rest.find(delimiter)
                .and_then(|at| key.get(..prefix.len() + at + delimiter.len()))
        });
        // A prefix that an earlier page ended with is not shown again.
        if rolled.is_some_and(|rolled| rolled == after || page.prefixes.iter().any(|seen| seen == rolled)) {
            continue;
        }
        if page.contents.len() + page.prefixes.len() == limit {
            page.next = Some(last);
            break;
        }
        match rolled {
            Some(rolled) => page.prefixes.push(rolled.to_owned()),
            None => page.contents.push((key, object)),
        }
        rolled.unwrap_or(key).clone_into(&mut last);
    }
    page
}

fn relevant<'a>(
    objects: &'a BTreeMap<String, Object>,
    prefix: &str,
    after: &str,
) -> impl Iterator<Item = (&'a str, &'a Object)> {
    objects
        .iter()
        .map(|(key, object)| (key.as_str(), object))
        .filter(move |(key, _)| key.starts_with(prefix) && *key > after)
}

fn iso(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// A stand-in for the account's canonical user id: 64 hexadecimal digits.
fn canonical_id(account: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(account)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
