//! Where everything of a federation is: issuer, bucket, provider, record; all that a deletion needs.

use std::collections::BTreeMap;

use irsa_api::{Adoption, OidcFederation, OidcFederationStatus, ProviderManagement};
use irsa_aws::{Caller, Connection};
use irsa_core::{
    issuer::IssuerUrl,
    naming::FederationOwner,
    plan::federation::{DocumentKind, Management, Removable},
    vocabulary::KEY_HISTORY_PREFIX,
};
use kube::ResourceExt;

use super::{federation_view::connection, invalid::invalid, target::PublishTarget};
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
    /// Where the documents are published.
    pub target: PublishTarget,
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
    let management = match spec.provider.management {
        ProviderManagement::Managed => Management::Managed {
            adopt: spec.provider.adopt == Adoption::IfTagged,
        },
        ProviderManagement::Existing => Management::Existing,
    };
    let name = federation.name_any();
    Ok(Location {
        record_name: format!("{KEY_HISTORY_PREFIX}{name}"),
        owner: FederationOwner {
            cluster: cluster.to_owned(),
            federation: name,
        },
        connection: connection(federation),
        target: PublishTarget::of(&spec.publish, &issuer),
        issuer,
        management,
    })
}

impl Location {
    /// ARN of the provider in the caller's account.
    pub fn provider_arn(&self, caller: &Caller) -> String {
        self.issuer.provider_arn(&caller.partition, &caller.account)
    }

    /// What a deletion may remove.
    pub fn removable(&self, status: Option<&OidcFederationStatus>) -> Removable {
        Removable {
            owner: self.owner.clone(),
            provider: self.management != Management::Existing,
            written: status.map(written).unwrap_or_default(),
            public_read: self.target.public_read(),
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
