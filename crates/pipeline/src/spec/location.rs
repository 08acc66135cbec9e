//! Where everything of a federation is: issuer, bucket, provider, record; all that a deletion needs.

use std::collections::BTreeMap;

use irsa_api::{Adoption, BucketAccess, OidcFederation, OidcFederationStatus, ProviderManagement, Publish, S3Publish};
use irsa_aws::{Bucket, Caller, Connection, ObjectRef};
use irsa_core::{
    history::KeyRecord,
    issuer::IssuerUrl,
    naming::FederationOwner,
    plan::federation::{DocumentKind, Management, PublicReadStatement, Removable},
    vocabulary::{ConditionType, KEY_HISTORY_PREFIX, Reason},
};
use kube::ResourceExt;

use super::federation_view::connection;
use crate::step_error::StepError;

/// Where everything of a federation is.
#[derive(Debug, Clone)]
pub struct Location {
    /// The issuer.
    pub issuer: IssuerUrl,
    /// Whose things they are.
    pub owner: FederationOwner,
    /// How the account is reached.
    pub connection: Connection,
    /// Name of the ConfigMap with the record of keys.
    pub record_name: String,
    /// Where to publish; `None` where somebody else does.
    pub s3: Option<S3Publish>,
    /// Who makes and keeps the provider.
    pub management: Management,
}

/// Where everything of a federation is: all that a deletion needs. It reads only what is immutable or what nothing can
/// be wrong with, so that a federation that was valid once can always be cleaned up.
///
/// # Errors
/// A spec that was never valid.
pub fn locate(federation: &OidcFederation, cluster: &str) -> Result<Location, StepError> {
    let spec = &federation.spec;
    let issuer = IssuerUrl::parse(&spec.issuer).map_err(|error| invalid(&format!("{error}.")))?;
    let s3 = match &spec.publish {
        Publish::S3(s3) => Some(s3.clone()),
        Publish::External(_) => None,
        _ => {
            return Err(invalid(
                "spec.publish has a member that this release does not know; set spec.publish.s3.",
            ));
        }
    };
    let management = match spec.provider.management {
        ProviderManagement::Managed => Management::Managed {
            adopt: spec.provider.adopt == Adoption::IfTagged,
        },
        ProviderManagement::Existing => Management::Existing,
    };
    let name = federation.name_any();
    Ok(Location {
        issuer,
        record_name: format!("{KEY_HISTORY_PREFIX}{name}"),
        owner: FederationOwner {
            cluster: cluster.to_owned(),
            federation: name,
        },
        connection: connection(federation),
        s3,
        management,
    })
}

impl Location {
    /// The bucket, if we publish, with the owner that every call demands.
    pub fn bucket(&self, caller: &Caller) -> Option<Bucket> {
        let s3 = self.s3.as_ref()?;
        Some(Bucket {
            name: s3.bucket.clone(),
            region: s3.region.clone(),
            owner: s3.bucket_owner.clone().unwrap_or_else(|| caller.account.clone()),
        })
    }

    /// Whether the record says that we created the bucket.
    pub fn made_bucket(&self, record: Option<&KeyRecord>) -> bool {
        let made = record.and_then(|record| record.made_bucket.as_ref());
        made.is_some() && made == self.s3.as_ref().map(|s3| &s3.bucket)
    }

    /// ARN of the provider in the caller's account.
    pub fn provider_arn(&self, caller: &Caller) -> String {
        self.issuer.provider_arn(&caller.partition, &caller.account)
    }

    /// Our statement, where the bucket's policy is ours to change.
    pub fn public_read(&self) -> Option<PublicReadStatement> {
        let ours = self
            .s3
            .as_ref()
            .is_some_and(|s3| s3.access == BucketAccess::BucketPolicy);
        self.statement().filter(|_| ours)
    }

    /// The statement that makes both documents readable, whoever keeps the bucket's policy.
    pub fn statement(&self) -> Option<PublicReadStatement> {
        let s3 = self.s3.as_ref()?;
        Some(PublicReadStatement::new(&self.issuer, &s3.bucket, &s3.region))
    }

    /// What a deletion may remove.
    pub fn removable(&self, status: Option<&OidcFederationStatus>) -> Removable {
        Removable {
            owner: self.owner.clone(),
            provider: self.management != Management::Existing,
            written: status.map(written).unwrap_or_default(),
            public_read: self.public_read(),
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
}

fn written(status: &OidcFederationStatus) -> BTreeMap<DocumentKind, String> {
    let published = status.published.iter().flat_map(|published| {
        [
            (DocumentKind::Discovery, &published.discovery),
            (DocumentKind::Jwks, &published.jwks),
        ]
    });
    published
        .filter_map(|(kind, document)| Some((kind, document.etag.clone()?)))
        .collect()
}

/// Something in the spec that the API server's schema could not refuse.
pub fn invalid(message: &str) -> StepError {
    StepError::new(ConditionType::Published, Reason::InvalidSpec, message)
}
