//! From a spec to what it asks for, as far as the spec alone decides.

use std::collections::BTreeMap;

use irsa_api::{Adoption, BucketAccess, OidcFederation, OidcFederationStatus, ProviderManagement, Publish, S3Publish};
use irsa_aws::{Caller, Connection};
use irsa_core::{
    documents::{self, CONTENT_TYPE},
    history::KeyRecord,
    instance::Instance,
    issuer::{IssuerUrl, bucket_host},
    jwks::{self, KeySet, PublicKey, Thumbprint},
    naming::{FederationOwner, IgnoredTags, federation_tags},
    plan::federation::{
        DesiredDocument, DesiredDocuments, DesiredFederation, DesiredProvider, DocumentKind, Handover, Management,
        PublicReadStatement, Removable,
    },
    vocabulary::{ConditionType, KEY_HISTORY_PREFIX, OBJECT_METADATA_INSTANCE, Reason},
};
use kube::ResourceExt;

use super::{cluster::ObservedCluster, instance::scope, observe::PublishFacts};
use crate::{binding::connection, step_error::StepError};

/// What a federation asks for, before anything was looked at.
#[derive(Debug, Clone)]
pub(super) struct ValidatedFederation {
    pub(super) issuer: IssuerUrl,
    pub(super) owner: FederationOwner,
    pub(super) connection: Connection,
    /// Name of the ConfigMap with the record of keys.
    pub(super) record_name: String,
    /// Where to publish; `None` where somebody else does.
    pub(super) s3: Option<S3Publish>,
    /// Who makes and keeps the provider.
    pub(super) management: Management,
    /// Keys to publish before any API server serves them.
    pub(super) additional: Vec<PublicKey>,
}

/// # Errors
/// What the API server's schema could not refuse.
pub(super) fn validate(federation: &OidcFederation, cluster: &str) -> Result<ValidatedFederation, StepError> {
    let mut validated = locate(federation, cluster)?;
    let closed = |s3: &&S3Publish| {
        s3.access == BucketAccess::BucketPolicy && !validated.issuer.is_served_by_bucket(&s3.bucket, &s3.region)
    };
    if let Some(s3) = validated.s3.as_ref().filter(closed) {
        let host = bucket_host(&s3.bucket, &s3.region);
        return Err(invalid(&format!(
            "spec.issuer must be https://{host}, with or without a path, because spec.publish.s3.access is BucketPolicy; \
             if something else serves this issuer from the bucket, set access: Unmanaged."
        )));
    }
    validated.additional = announced(federation)?;
    Ok(validated)
}

/// Where everything of a federation is: all that a deletion needs. It reads only what is immutable or what nothing can
/// be wrong with, so that a federation that was valid once can always be cleaned up.
///
/// # Errors
/// A spec that was never valid.
pub(super) fn locate(federation: &OidcFederation, cluster: &str) -> Result<ValidatedFederation, StepError> {
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
    Ok(ValidatedFederation {
        issuer,
        record_name: format!("{KEY_HISTORY_PREFIX}{name}"),
        owner: FederationOwner {
            cluster: cluster.to_owned(),
            federation: name,
        },
        connection: connection(federation),
        s3,
        management,
        additional: Vec::new(),
    })
}

fn announced(federation: &OidcFederation) -> Result<Vec<PublicKey>, StepError> {
    let listed = &federation.spec.signing_keys.additional;
    let keys = listed.iter().map(|key| {
        jwks::from_pem(&key.public_key_pem).map_err(|error| {
            let field = format!("spec.signingKeys.additional[{}].publicKeyPem", key.name);
            StepError::new(
                ConditionType::KeysObserved,
                Reason::InvalidSpec,
                format!("{field} {error}."),
            )
        })
    });
    keys.collect()
}

impl ValidatedFederation {
    /// The bucket, if we publish, with the owner that every call demands.
    pub(super) fn bucket(&self, caller: &Caller) -> Option<irsa_aws::Bucket> {
        let s3 = self.s3.as_ref()?;
        Some(irsa_aws::Bucket {
            name: s3.bucket.clone(),
            region: s3.region.clone(),
            owner: s3.bucket_owner.clone().unwrap_or_else(|| caller.account.clone()),
        })
    }

    /// What is known of AWS before it is asked.
    pub(super) fn known(&self, seen: &ObservedCluster, established: bool) -> PublishFacts {
        PublishFacts {
            established,
            made_bucket: self.made_bucket(seen.record.as_ref()),
            may_miss_bucket: self.s3.as_ref().is_some_and(|s3| s3.create),
        }
    }

    /// Whether the record says that we created the bucket.
    pub(super) fn made_bucket(&self, record: Option<&KeyRecord>) -> bool {
        let made = record.and_then(|record| record.made_bucket.as_ref());
        made.is_some() && made == self.s3.as_ref().map(|s3| &s3.bucket)
    }

    /// ARN of the provider in the caller's account.
    pub(super) fn provider_arn(&self, caller: &Caller) -> String {
        self.issuer.provider_arn(&caller.partition, &caller.account)
    }

    /// Our statement, where the bucket's policy is ours to change.
    pub(super) fn public_read(&self) -> Option<PublicReadStatement> {
        let ours = self
            .s3
            .as_ref()
            .is_some_and(|s3| s3.access == BucketAccess::BucketPolicy);
        self.statement().filter(|_| ours)
    }

    /// The statement that makes both documents readable, whoever keeps the bucket's policy.
    pub(super) fn statement(&self) -> Option<PublicReadStatement> {
        let s3 = self.s3.as_ref()?;
        Some(PublicReadStatement::new(&self.issuer, &s3.bucket, &s3.region))
    }

    /// What a deletion may remove.
    pub(super) fn removable(&self, status: Option<&OidcFederationStatus>) -> Removable {
        Removable {
            owner: self.owner.clone(),
            provider: self.management != Management::Existing,
            written: status.map(written).unwrap_or_default(),
            public_read: self.public_read(),
        }
    }

    /// Everything, with these keys and this record.
    pub(super) fn desired(
        &self,
        federation: &OidcFederation,
        caller: &Caller,
        keys: &KeySet,
        record: String,
        instance: Option<&Instance>,
    ) -> Result<DesiredFederation, StepError> {
        let spec = &federation.spec;
        let tags = federation_tags(&self.owner, &federation.uid().unwrap_or_default(), &spec.tags)
            .map_err(|error| invalid(&format!("spec.tags: {error}.")))?;
        let ignored_tags = IgnoredTags::new(&spec.bindings.ignored_tag_keys);
        let theirs = ignored_tags.among(spec.tags.keys());
        if !theirs.is_empty() {
            return Err(invalid(&format!(
                "spec.tags: spec.bindings.ignoredTagKeys leaves {} to somebody else; remove the tag or the pattern.",
                theirs.join(", ")
            )));
        }
        Ok(DesiredFederation {
            handover: self.handover(federation),
            owner: self.owner.clone(),
            record,
            documents: self.s3.as_ref().map(|s3| DesiredDocuments {
                jwks: marked(self.document(s3, documents::jwks(keys)), &self.owner, instance),
                discovery: self.document(s3, documents::discovery(&self.issuer, keys)),
                public_read: self.public_read(),
            }),
            provider: DesiredProvider {
                management: self.management,
                arn: self.provider_arn(caller),
                client_ids: spec.audiences.iter().cloned().collect(),
                thumbprints: spec.thumbprints.clone(),
                tags,
                ignored_tags,
            },
        })
    }

    fn handover(&self, federation: &OidcFederation) -> Handover {
        let revoked = &federation.spec.signing_keys.revoke;
        let revoked = revoked.iter().map(|key| Thumbprint::from_hex(key.thumbprint.clone()));
        Handover {
            adopt: self.s3.as_ref().is_some_and(|s3| s3.adopt == Adoption::IfTagged),
            revoked: revoked.collect(),
        }
    }

    fn document(&self, s3: &S3Publish, bytes: Vec<u8>) -> DesiredDocument {
        DesiredDocument {
            bytes,
            content_type: CONTENT_TYPE.to_owned(),
            cache_control: s3.cache_control.clone(),
            metadata: self.owner.metadata(),
        }
    }
}

/// The key set carries the mark of the cluster's instance.
fn marked(mut document: DesiredDocument, owner: &FederationOwner, instance: Option<&Instance>) -> DesiredDocument {
    let label = instance.map(|instance| instance.label(&scope(owner), &document.bytes));
    let label = label.map(|label| (OBJECT_METADATA_INSTANCE.to_owned(), label));
    document.metadata.extend(label);
    document
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

fn invalid(message: &str) -> StepError {
    StepError::new(ConditionType::Published, Reason::InvalidSpec, message)
}
