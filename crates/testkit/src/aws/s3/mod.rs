//! S3 and S3Control.
//!
//! Sources: [S3-model] botocore's service model, \[S3UG\] the S3 user guide, \[SAR\] the service authorization reference,
//! \[EPR\] botocore's endpoint rules. What has none says UNSOURCED, what was seen on the wire says "observed".
//!
//! Not here: multipart uploads, copies, ranges, ACL documents. They answer
//! `NotImplemented` or, where S3 allows it (a range), the whole object.

mod access;
mod address;
mod buckets;
mod conditions;
mod config;
mod control;
mod errors;
mod history;
mod listing;
mod model;
mod names;
mod objects;
mod store;
mod versions;
mod xml;

#[cfg(test)]
mod tests;

use crate::aws::{
    policy::Gate,
    wire::{AwsError, Call, Outcome, Service},
};
use access::Scene;
use address::S3Address;

pub use model::{Bucket, BucketOptions, BucketPolicy, Encryption, Object, Ownership, PublicAccessBlock, Version};
pub use store::S3;

impl S3 {
    /// Serves one S3 or S3Control call.
    pub fn handle(&mut self, call: &Call, gate: &Gate) -> Outcome {
        let address = S3Address::parse(&call.host, &call.raw_path)
            .ok_or_else(|| AwsError::new(400, "InvalidURI", "Couldn't parse the specified URI."))?;
        if call.service == Service::S3Control {
            return self.control(call, gate, &address);
        }
        let Some(bucket) = &address.bucket else {
            return match call.method.as_str() {
                "GET" => self.list_buckets(call, gate, address.partition),
                method => Err(errors::method_not_allowed(method)),
            };
        };
        let scene = Scene {
            call,
            gate,
            address: &address,
            bucket,
        };
        if scene.key().is_empty() {
            self.on_bucket(&scene)
        } else {
            self.on_object(&scene)
        }
    }

    fn on_bucket(&mut self, scene: &Scene<'_>) -> Outcome {
        let subresource = scene
            .call
            .query
            .iter()
            .map(|(name, _)| name.as_str())
            .find(|name| is_subresource(name));
        match (scene.call.method.as_str(), subresource) {
            ("PUT", None) => self.make_bucket(scene),
            ("DELETE", None) => self.remove_bucket(scene),
            ("HEAD", None) => self.head_bucket(scene),
            ("GET", None) => self.list_objects(scene),
            ("GET", Some("location")) => self.bucket_location(scene),
            ("GET", Some("policy")) => self.get_policy(scene),
            ("PUT", Some("policy")) => self.put_policy(scene),
            ("DELETE", Some("policy")) => self.delete_policy(scene),
            ("GET", Some("policyStatus")) => self.policy_status(scene),
            ("GET", Some("publicAccessBlock")) => self.get_public_access_block(scene),
            ("PUT", Some("publicAccessBlock")) => self.put_public_access_block(scene),
            ("DELETE", Some("publicAccessBlock")) => self.delete_public_access_block(scene),
            ("GET", Some("ownershipControls")) => self.get_ownership(scene),
            ("PUT", Some("ownershipControls")) => self.put_ownership(scene),
            ("DELETE", Some("ownershipControls")) => self.delete_ownership(scene),
            ("GET", Some("tagging")) => self.get_tagging(scene),
            ("PUT", Some("tagging")) => self.put_tagging(scene),
            ("DELETE", Some("tagging")) => self.delete_tagging(scene),
            ("GET", Some("encryption")) => self.get_encryption(scene),
            ("PUT", Some("encryption")) => self.put_encryption(scene),
            ("DELETE", Some("encryption")) => self.delete_encryption(scene),
            ("GET", Some("versioning")) => self.get_versioning(scene),
            ("PUT", Some("versioning")) => self.put_versioning(scene),
            (_, Some(other)) if !SUBRESOURCES.contains(&other) => Err(errors::not_implemented(other)),
            (method, _) => Err(errors::method_not_allowed(method)),
        }
    }

    fn on_object(&mut self, scene: &Scene<'_>) -> Outcome {
        match (scene.call.method.as_str(), scene.query("versionId")) {
            ("GET" | "HEAD", Some(version)) => return self.get_version(scene, version),
            ("DELETE", Some(version)) => return self.delete_version(scene, version),
            _ => {}
        }
        if let Some((name, _)) = scene.call.query.iter().find(|(name, _)| is_subresource(name)) {
            return Err(errors::not_implemented(name));
        }
        match scene.call.method.as_str() {
            "GET" | "HEAD" => self.get_object(scene),
            "PUT" => self.put_object(scene),
            "DELETE" => self.delete_object(scene),
            method => Err(errors::method_not_allowed(method)),
        }
    }
}

/// Sub-resources of a bucket that are served.
const SUBRESOURCES: &[&str] = &[
    "encryption",
    "location",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "tagging",
    "versioning",
];

/// Those that exist in S3 and are not served: they must not be mistaken for the bucket or object itself.
const OTHER_SUBRESOURCES: &[&str] = &[
    "abac",
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "delete",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "logging",
    "metadataConfiguration",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versions",
    "website",
];

fn is_subresource(name: &str) -> bool {
    SUBRESOURCES.contains(&name) || OTHER_SUBRESOURCES.contains(&name)
}
