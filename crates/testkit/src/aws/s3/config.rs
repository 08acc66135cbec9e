//! A bucket's configurations: policy, Block Public Access, ownership, tags, encryption, versioning.

use std::collections::BTreeMap;

use http::StatusCode;

use super::{
    Encryption, Ownership, PublicAccessBlock, S3,
    access::Scene,
    errors,
    model::BucketPolicy,
    xml::{Element, answer, leaf, parse},
};
use crate::aws::{
    policy::{is_public, validate_bucket},
    wire::{AwsError, Outcome, Reply},
};

fn done() -> Outcome {
    Ok(Reply::empty(StatusCode::OK))
}

fn gone() -> Outcome {
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// The request body as XML with this root.
pub(super) fn body(scene: &Scene<'_>, root: &str) -> Result<Element, AwsError> {
    let text = std::str::from_utf8(&scene.call.body).map_err(|_| errors::malformed_xml())?;
    parse(text)
        .filter(|element| element.name == root)
        .ok_or_else(errors::malformed_xml)
}

impl S3 {
    pub(super) fn get_policy(&self, scene: &Scene<'_>) -> Outcome {
        let bucket = self.admit_policy(scene, "s3:GetBucketPolicy")?;
        let policy = bucket.policy.as_ref().ok_or_else(|| no_policy(scene))?;
        Ok(Reply::ok("application/json", policy.text.clone()))
    }

    pub(super) fn put_policy(&mut self, scene: &Scene<'_>) -> Outcome {
        let bucket = self.admit_policy(scene, "s3:PutBucketPolicy")?;
        let text = String::from_utf8_lossy(&scene.call.body).into_owned();
        let document = validate_bucket(&text, scene.bucket)?;
        // "reject calls to PUT Bucket policy if the specified bucket policy allows public access"
        // [S3-model BlockPublicPolicy]; bucket and account settings both count; message observed.
        if is_public(&document)
            && self
                .effective_block(scene.address.partition, bucket)
                .block_public_policy
        {
            let who = match &scene.call.caller {
                crate::aws::wire::Caller::Principal(principal) => principal.arn.as_str(),
                crate::aws::wire::Caller::Anonymous => "anonymous",
            };
            let message = format!(
                "User: {who} is not authorized to perform: s3:PutBucketPolicy on resource: \"{}\" because public \
                 policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
                scene.arn()
            );
            return Err(AwsError::new(403, "AccessDenied", message));
        }
        self.bucket_mut(scene)?.policy = Some(BucketPolicy { text, document });
        gone()
    }

    pub(super) fn delete_policy(&mut self, scene: &Scene<'_>) -> Outcome {
        self.admit_policy(scene, "s3:DeleteBucketPolicy")?;
        self.bucket_mut(scene)?.policy = None;
        gone()
    }

    /// Lower case: the SDKs read nothing else as a boolean, whatever the example in the API reference shows.
    pub(super) fn policy_status(&self, scene: &Scene<'_>) -> Outcome {
        let bucket = self.admit(scene, "s3:GetBucketPolicyStatus")?;
        let policy = bucket.policy.as_ref().ok_or_else(|| no_policy(scene))?;
        let public = if is_public(&policy.document) { "true" } else { "false" };
        answer("PolicyStatus", &leaf("IsPublic", public))
    }

    pub(super) fn get_public_access_block(&self, scene: &Scene<'_>) -> Outcome {
        let bucket = self.admit(scene, "s3:GetBucketPublicAccessBlock")?;
        let block = bucket
            .public_access_block
            .ok_or_else(|| errors::no_public_access_block("BucketName", scene.bucket))?;
        answer("PublicAccessBlockConfiguration", &write_block(block))
    }

    pub(super) fn put_public_access_block(&mut self, scene: &Scene<'_>) -> Outcome {
        self.admit(scene, "s3:PutBucketPublicAccessBlock")?;
        let block = read_block(&body(scene, "PublicAccessBlockConfiguration")?)?;
        self.bucket_mut(scene)?.public_access_block = Some(block);
        done()
    }

    /// The permission is PutBucketPublicAccessBlock for deleting too [SAR; S3-model DeletePublicAccessBlock].
    pub(super) fn delete_public_access_block(&mut self, scene: &Scene<'_>) -> Outcome {
        self.admit(scene, "s3:PutBucketPublicAccessBlock")?;
        self.bucket_mut(scene)?.public_access_block = None;
        gone()
    }

    pub(super) fn get_ownership(&self, scene: &Scene<'_>) -> Outcome {
        let bucket = self.admit(scene, "s3:GetBucketOwnershipControls")?;
        let ownership = bucket.ownership.ok_or_else(|| {
            let message = "The bucket ownership controls were not found";
            errors::no_configuration("OwnershipControlsNotFoundError", message, scene.bucket)
        })?;
        answer(
            "OwnershipControls",
            &format!("<Rule>{}</Rule>", leaf("ObjectOwnership", ownership.as_str())),
        )
    }

    pub(super) fn put_ownership(&mut self, scene: &Scene<'_>) -> Outcome {
        self.admit(scene, "s3:PutBucketOwnershipControls")?;
        let root = body(scene, "OwnershipControls")?;
        let text = root.child("Rule").and_then(|rule| rule.text_of("ObjectOwnership"));
        let ownership = text.and_then(Ownership::parse).ok_or_else(errors::malformed_xml)?;
        self.bucket_mut(scene)?.ownership = Some(ownership);
        done()
    }

    pub(super) fn delete_ownership(&mut self, scene: &Scene<'_>) -> Outcome {
        self.admit(scene, "s3:PutBucketOwnershipControls")?;
        self.bucket_mut(scene)?.ownership = None;
        gone()
    }

    pub(super) fn get_tagging(&self, scene: &Scene<'_>) -> Outcome {
        let bucket = self.admit(scene, "s3:GetBucketTagging")?;
        if bucket.tags.is_empty() {
            return Err(errors::no_configuration(
                "NoSuchTagSet",
                "The TagSet does not exist",
                scene.bucket,
            ));
        }
        let tags: String = bucket
            .tags
            .iter()
            .map(|(key, value)| format!("<Tag>{}{}</Tag>", leaf("Key", key), leaf("Value", value)))
            .collect();
        answer("Tagging", &format!("<TagSet>{tags}</TagSet>"))
    }

    /// Replaces the whole set [S3-model PutBucketTagging].
    pub(super) fn put_tagging(&mut self, scene: &Scene<'_>) -> Outcome {
        self.admit(scene, "s3:PutBucketTagging")?;
        let tags = read_tags(&body(scene, "Tagging")?)?;
        self.bucket_mut(scene)?.tags = tags;
        gone()
    }

    pub(super) fn delete_tagging(&mut self, scene: &Scene<'_>) -> Outcome {
        self.admit(scene, "s3:PutBucketTagging")?;
        self.bucket_mut(scene)?.tags.clear();
        gone()
    }

    /// Never missing: SSE-S3 is every bucket's default since January 2023 [S3-model GetBucketEncryption].
    pub(super) fn get_encryption(&self, scene: &Scene<'_>) -> Outcome {
        let bucket = self.admit(scene, "s3:GetEncryptionConfiguration")?;
        let default = match &bucket.encryption {
            Encryption::S3 => leaf("SSEAlgorithm", "AES256"),
            Encryption::Kms(key) => {
                let key = key.as_ref().map(|key| leaf("KMSMasterKeyID", key)).unwrap_or_default();
                leaf("SSEAlgorithm", "aws:kms") + &key
            }
        };
        let default = format!("<ApplyServerSideEncryptionByDefault>{default}</ApplyServerSideEncryptionByDefault>");
        let rule = format!("<Rule>{default}{}</Rule>", leaf("BucketKeyEnabled", "false"));
        answer("ServerSideEncryptionConfiguration", &rule)
    }

    pub(super) fn put_encryption(&mut self, scene: &Scene<'_>) -> Outcome {
        self.admit(scene, "s3:PutEncryptionConfiguration")?;
        let root = body(scene, "ServerSideEncryptionConfiguration")?;
        let default = root
            .child("Rule")
            .and_then(|rule| rule.child("ApplyServerSideEncryptionByDefault"));
        let encryption = match default.and_then(|default| default.text_of("SSEAlgorithm")) {
            Some("AES256") => Encryption::S3,
            Some("aws:kms") => {
                Encryption::Kms(default.and_then(|d| d.text_of("KMSMasterKeyID")).map(ToOwned::to_owned))
            }
            _ => return Err(errors::malformed_xml()),
        };
        self.bucket_mut(scene)?.encryption = encryption;
        done()
    }

    /// "Deleting" means SSE-S3 again [S3-model DeleteBucketEncryption].
    pub(super) fn delete_encryption(&mut self, scene: &Scene<'_>) -> Outcome {
        self.admit(scene, "s3:PutEncryptionConfiguration")?;
        self.bucket_mut(scene)?.encryption = Encryption::S3;
        gone()
    }

    /// Empty for a bucket that never was versioned [S3-model GetBucketVersioning].
    pub(super) fn get_versioning(&self, scene: &Scene<'_>) -> Outcome {
        let bucket = self.admit(scene, "s3:GetBucketVersioning")?;
        let status = bucket
            .versioning
            .as_ref()
            .map(|status| leaf("Status", status))
            .unwrap_or_default();
        answer("VersioningConfiguration", &status)
    }

    pub(super) fn put_versioning(&mut self, scene: &Scene<'_>) -> Outcome {
        self.admit(scene, "s3:PutBucketVersioning")?;
        let root = body(scene, "VersioningConfiguration")?;
        let status = root
            .text_of("Status")
            .filter(|status| matches!(*status, "Enabled" | "Suspended"));
        let status = status.ok_or_else(errors::malformed_xml)?.to_owned();
        self.bucket_mut(scene)?.versioning = Some(status);
        done()
    }
}

fn no_policy(scene: &Scene<'_>) -> AwsError {
    errors::no_configuration("NoSuchBucketPolicy", "The bucket policy does not exist", scene.bucket)
}

/// A setting that is not given is off [S3-model PublicAccessBlockConfiguration].
pub(super) fn read_block(root: &Element) -> Result<PublicAccessBlock, AwsError> {
    let flag = |name: &str| match root.text_of(name).map(str::to_ascii_lowercase).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(errors::malformed_xml()),
    };
    Ok(PublicAccessBlock {
        block_public_acls: flag("BlockPublicAcls")?,
        ignore_public_acls: flag("IgnorePublicAcls")?,
        block_public_policy: flag("BlockPublicPolicy")?,
        restrict_public_buckets: flag("RestrictPublicBuckets")?,
    })
}

pub(super) fn write_block(block: PublicAccessBlock) -> String {
    [
        ("BlockPublicAcls", block.block_public_acls),
        ("IgnorePublicAcls", block.ignore_public_acls),
        ("BlockPublicPolicy", block.block_public_policy),
        ("RestrictPublicBuckets", block.restrict_public_buckets),
    ]
    .into_iter()
    .map(|(name, on)| leaf(name, if on { "true" } else { "false" }))
    .collect()
}

/// At most 50 tags, keys of 1 to 128 and values of 0 to 256 characters, no key twice, none of AWS's own
/// [S3UG CostAllocTagging; S3-model PutBucketTagging InvalidTag].
fn read_tags(root: &Element) -> Result<BTreeMap<String, String>, AwsError> {
    let invalid = |message: &str| Err(AwsError::new(400, "InvalidTag", message));
    let set = root.child("TagSet").ok_or_else(errors::malformed_xml)?;
    let mut tags = BTreeMap::new();
    for tag in set.all("Tag") {
        let (Some(key), Some(value)) = (tag.child("Key"), tag.child("Value")) else {
            return Err(errors::malformed_xml());
        };
        let (key, value) = (key.text.clone(), value.text.clone());
        if key.is_empty() || key.chars().count() > 128 {
            return invalid("The TagKey you have provided is invalid");
        }
        if value.chars().count() > 256 {
            return invalid("The TagValue you have provided is invalid");
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return invalid("System tags cannot be added/updated by requester");
        }
        if tags.insert(key, value).is_some() {
            return invalid("Cannot provide multiple Tags with the same key");
        }
    }
    if tags.len() > 50 {
        return Err(AwsError::new(
            400,
            "BadRequest",
            "Bucket tag count cannot be greater than 50",
        ));
    }
    Ok(tags)
}
