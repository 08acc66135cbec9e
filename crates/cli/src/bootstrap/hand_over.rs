//! The hand-over to the operator of the cluster that has come up meanwhile: marks, and nothing else.

use std::{fmt::Write as _, path::Path};

use irsa_api::{Adoption, OidcFederation, ProviderManagement, Publish};
use irsa_aws::{Aws, Connect as _, Document, Lookup, NewDocument, Precondition};
use irsa_core::{
    naming::{FederationOwner, Tags},
    plan::federation::{DocumentKind, Management},
    vocabulary::{OBJECT_METADATA_ADOPT, TAG_ADOPT},
};
use irsa_pipeline::{
    federation::validate::validate,
    spec::{
        location::Location,
        target::{PublishTarget, S3Target},
    },
};
use serde::Serialize;

use super::{OWNER, federation};
use crate::{aws, cluster::Cluster, failure::Failure};

/// What was handed over.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HandOverReport {
    /// UID of the cluster's kube-system.
    cluster: String,
    /// What was marked; nothing where it was before.
    marked: Vec<String>,
    /// Fields of the federation by which the operator takes it.
    fields: Vec<&'static str>,
}

impl HandOverReport {
    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("Cluster {}\n", self.cluster);
        for marked in &self.marked {
            let _ = writeln!(text, "Offered {marked}");
        }
        if self.marked.is_empty() {
            text.push_str("Nothing is to be done: it is offered to this cluster, or taken over already.\n");
        }
        if !self.fields.is_empty() {
            text.push_str("\nThe operator takes it over by these fields of the OidcFederation:\n");
            for field in &self.fields {
                let _ = writeln!(text, "  {field}: IfTagged");
            }
        }
        text
    }
}

/// Offers what was published to the operator of this cluster.
///
/// # Errors
/// The cluster signs as another issuer, or something is missing or somebody else's.
pub(crate) async fn hand_over(cluster: &Cluster, file: &Path) -> Result<HandOverReport, Failure> {
    let federation = federation(file)?;
    let location = validate(&federation, OWNER)?.location;
    let signs_as = cluster.signing().await.issuer;
    let signs_as = signs_as.map_err(|unseen| format!("it is not known as what the cluster signs: {unseen}"))?;
    if signs_as != location.issuer.as_str() {
        return Err(format!(
            "the cluster signs as {signs_as}, and {} is to be handed over; see --context",
            location.issuer
        )
        .into());
    }
    let system = cluster.object("/api/v1/namespaces/kube-system").await;
    let system = system.map_err(|unseen| format!("the namespace kube-system cannot be read: {unseen}"))?;
    let uid = system
        .as_ref()
        .and_then(|system| system.pointer("/metadata/uid")?.as_str());
    let uid = uid.ok_or("the namespace kube-system has no UID")?;
    let heir = FederationOwner {
        cluster: uid.to_owned(),
        federation: location.owner.federation.clone(),
    };
    let connect = aws::connect()?;
    let aws = connect.connect(&location.connection).await?;
    let mut marked = Vec::new();
    if let PublishTarget::S3(s3) = &location.target {
        for kind in [DocumentKind::Jwks, DocumentKind::Discovery] {
            marked.extend(mark_document(&aws, s3, &location, &heir, kind).await?);
        }
    }
    if location.management != Management::Existing {
        marked.extend(mark_provider(&aws, &location, &heir).await?);
    }
    Ok(HandOverReport {
        cluster: heir.cluster,
        marked,
        fields: fields(&federation),
    })
}

/// The fields that have still to say so.
fn fields(federation: &OidcFederation) -> Vec<&'static str> {
    let documents = match &federation.spec.publish {
        Publish::S3(s3) => s3.adopt != Adoption::IfTagged,
        Publish::External(_) => false,
    };
    let provider = &federation.spec.provider;
    let provider = provider.management == ProviderManagement::Managed && provider.adopt != Adoption::IfTagged;
    let named = [(documents, "spec.publish.s3.adopt"), (provider, "spec.provider.adopt")];
    named
        .iter()
        .filter(|(open, _)| *open)
        .map(|(_, field)| *field)
        .collect()
}

/// The same object with the mark; what it was when it was read is demanded of S3.
async fn mark_document(
    aws: &impl Aws,
    s3: &S3Target,
    location: &Location,
    heir: &FederationOwner,
    kind: DocumentKind,
) -> Result<Option<String>, Failure> {
    let at = s3.object(&s3.bucket(aws.caller()), kind);
    let found: Document = match aws.document(&at).await? {
        Lookup::Found(found) => found,
        Lookup::Missing | Lookup::MissingOrForbidden(_) => {
            return Err(format!("there is no {kind} at {at}: run kubectl irsa bootstrap --publish first").into());
        }
    };
    if heir.owns_document(&found.metadata) || heir.is_offered_document(&found.metadata) {
        return Ok(None);
    }
    if !location.owner.owns_document(&found.metadata) {
        return Err(
            format!("the {kind} at {at} was not published by kubectl irsa bootstrap, and is left alone").into(),
        );
    }
    let mut metadata = found.metadata;
    metadata.insert(OBJECT_METADATA_ADOPT.to_owned(), heir.adoption());
    let marked = NewDocument {
        bytes: found.bytes,
        content_type: found.content_type.unwrap_or_default(),
        cache_control: found.cache_control.unwrap_or_default(),
        metadata,
    };
    aws.put_document(&at, &marked, &Precondition::IfMatch(found.etag))
        .await?;
    Ok(Some(format!("{kind} {at}")))
}

async fn mark_provider(aws: &impl Aws, location: &Location, heir: &FederationOwner) -> Result<Option<String>, Failure> {
    let arn = location.provider_arn(aws.caller());
    let found = aws.provider(&arn).await?;
    let found = found
        .ok_or_else(|| format!("there is no IAM OIDC provider {arn}: run kubectl irsa bootstrap --publish first"))?;
    if heir.owns_provider(&found.tags) || heir.is_offered(&found.tags) {
        return Ok(None);
    }
    if !location.owner.owns_provider(&found.tags) {
        return Err(
            format!("the IAM OIDC provider {arn} was not made by kubectl irsa bootstrap, and is left alone").into(),
        );
    }
    let mark = Tags::from([(TAG_ADOPT.to_owned(), heir.adoption())]);
    aws.tag_provider(&arn, &mark).await?;
    Ok(Some(format!("OIDC provider {arn}")))
}
