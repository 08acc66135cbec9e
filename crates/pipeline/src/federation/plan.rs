//! What a federation must be, with these keys and this record.

use irsa_api::{OidcFederation, S3Publish};
use irsa_aws::Caller;
use irsa_core::{
    documents::{self, CONTENT_TYPE},
    instance::Instance,
    jwks::{KeySet, Thumbprint},
    naming::{FederationOwner, IgnoredTags, federation_tags},
    plan::federation::{DesiredDocument, DesiredDocuments, DesiredFederation, DesiredProvider, Handover},
    vocabulary::OBJECT_METADATA_INSTANCE,
};
use kube::ResourceExt;

use crate::{
    spec::{invalid::invalid, location::Location, target::PublishTarget},
    step_error::StepError,
};

/// Everything, with these keys and this record.
pub fn desired(
    location: &Location,
    federation: &OidcFederation,
    caller: &Caller,
    keys: &KeySet,
    record: String,
    instance: Option<&Instance>,
) -> Result<DesiredFederation, StepError> {
    let spec = &federation.spec;
    let tags = federation_tags(&location.owner, &federation.uid().unwrap_or_default(), &spec.tags)
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
        handover: handover(location, federation),
        owner: location.owner.clone(),
        record,
        documents: match &location.target {
            PublishTarget::S3(s3) => Some(DesiredDocuments {
                jwks: marked(
                    document(location, &s3.spec, documents::jwks(keys)),
                    &location.owner,
                    instance,
                ),
                discovery: document(location, &s3.spec, documents::discovery(&location.issuer, keys)),
                public_read: s3.public_read(),
            }),
            PublishTarget::External => None,
        },
        provider: DesiredProvider {
            management: location.management,
            arn: location.provider_arn(caller),
            client_ids: spec.audiences.iter().cloned().collect(),
            thumbprints: spec.thumbprints.clone(),
            tags,
            ignored_tags,
        },
    })
}

fn handover(location: &Location, federation: &OidcFederation) -> Handover {
    let revoked = &federation.spec.signing_keys.revoke;
    let revoked = revoked.iter().map(|key| Thumbprint::from_hex(key.thumbprint.clone()));
    Handover {
        adopt: location.target.adopts(),
        revoked: revoked.collect(),
    }
}

fn document(location: &Location, s3: &S3Publish, bytes: Vec<u8>) -> DesiredDocument {
    DesiredDocument {
        bytes,
        content_type: CONTENT_TYPE.to_owned(),
        cache_control: s3.cache_control.clone(),
        metadata: location.owner.metadata(),
    }
}

/// The key set carries the mark of the cluster's instance.
fn marked(mut document: DesiredDocument, owner: &FederationOwner, instance: Option<&Instance>) -> DesiredDocument {
    let label = instance.map(|instance| instance.label(&scope(owner), &document.bytes));
    let label = label.map(|label| (OBJECT_METADATA_INSTANCE.to_owned(), label));
    document.metadata.extend(label);
    document
}

/// Whose marks they are.
pub fn scope(owner: &FederationOwner) -> String {
    format!("{}/{}", owner.cluster, owner.federation)
}
