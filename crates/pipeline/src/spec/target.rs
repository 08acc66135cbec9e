//! [`PublishTarget`]: where a federation's documents are published. The seam for another kind of place: a variant here, and the
//! compiler names everything that must say what it means there.

use irsa_api::{Adoption, BucketAccess, Publish, S3Publish};
use irsa_aws::{Bucket, Caller, ObjectRef};
use irsa_core::{
    history::KeyRecord,
    issuer::{IssuerUrl, bucket_host},
    plan::federation::{DocumentKind, PublicReadStatement},
};

use super::invalid::invalid;
use crate::step_error::StepError;

/// Where the documents are published.
#[derive(Debug, Clone)]
pub enum PublishTarget {
    /// In a bucket, by the operator.
    S3(S3Target),
    /// Anywhere, by somebody else.
    External,
}

/// A bucket, and where in it the documents of an issuer are.
#[derive(Debug, Clone)]
pub struct S3Target {
    /// As the spec has it.
    pub spec: S3Publish,
    issuer: IssuerUrl,
}

impl PublishTarget {
    /// What a spec names.
    pub fn of(publish: &Publish, issuer: &IssuerUrl) -> Self {
        match publish {
            Publish::S3(spec) => Self::S3(S3Target {
                spec: spec.clone(),
                issuer: issuer.clone(),
            }),
            Publish::External(_) => Self::External,
        }
    }

    /// Whether the issuer can be served from there.
    ///
    /// # Errors
    /// It cannot, which the API server's schema could not refuse.
    pub fn check_issuer(&self) -> Result<(), StepError> {
        match self {
            Self::S3(s3) => s3.check_issuer(),
            Self::External => Ok(()),
        }
    }

    /// Whether documents that an AWS administrator offers are taken over.
    pub fn adopts(&self) -> bool {
        match self {
            Self::S3(s3) => s3.spec.adopt == Adoption::IfTagged,
            Self::External => false,
        }
    }

    /// Our statement, where there is a bucket's policy that is ours to change.
    pub fn public_read(&self) -> Option<PublicReadStatement> {
        match self {
            Self::S3(s3) => s3.public_read(),
            Self::External => None,
        }
    }

    /// The bucket, where that is what it is.
    pub fn bucket_name(&self) -> Option<&str> {
        match self {
            Self::S3(s3) => Some(&s3.spec.bucket),
            Self::External => None,
        }
    }

    /// Whether a record says that we made the place.
    pub fn is_made_by(&self, record: Option<&KeyRecord>) -> bool {
        let made = record.and_then(|record| record.made_bucket.as_deref());
        made.is_some() && made == self.bucket_name()
    }

    /// Whether a place that is missing is made.
    pub fn may_be_missing(&self) -> bool {
        match self {
            Self::S3(s3) => s3.spec.create,
            Self::External => false,
        }
    }
}

impl S3Target {
    /// The bucket, with the owner that every call demands.
    pub fn bucket(&self, caller: &Caller) -> Bucket {
        let owner = self.spec.bucket_owner.clone();
        Bucket {
            name: self.spec.bucket.clone(),
            region: self.spec.region.clone(),
            owner: owner.unwrap_or_else(|| caller.account.clone()),
        }
    }

    /// Where a document is in the bucket.
    pub fn object(&self, bucket: &Bucket, kind: DocumentKind) -> ObjectRef {
        let key = match kind {
            DocumentKind::Jwks => self.issuer.jwks_key(),
            DocumentKind::Discovery => self.issuer.discovery_key(),
        };
        ObjectRef {
            bucket: bucket.clone(),
            key,
        }
    }

    /// The statement that makes both documents readable, whoever keeps the bucket's policy.
    pub fn statement(&self) -> PublicReadStatement {
        PublicReadStatement::new(&self.issuer, &self.spec.bucket, &self.spec.region)
    }

    /// The same, where the bucket's policy is ours to change.
    pub fn public_read(&self) -> Option<PublicReadStatement> {
        (self.spec.access == BucketAccess::BucketPolicy).then(|| self.statement())
    }

    fn check_issuer(&self) -> Result<(), StepError> {
        let (bucket, region) = (&self.spec.bucket, &self.spec.region);
        if self.spec.access == BucketAccess::Unmanaged || self.issuer.is_served_by_bucket(bucket, region) {
            return Ok(());
        }
        let host = bucket_host(bucket, region);
        Err(invalid(&format!(
            "spec.issuer must be https://{host}, with or without a path, because spec.publish.s3.access is BucketPolicy; \
             if something else serves this issuer from the bucket, set access: Unmanaged."
        )))
    }
}
