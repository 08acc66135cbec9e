//! An `OidcFederation` as its bindings see it: what they use of it, and nothing else.
//!
//! A federation's status changes often, and a thousand bindings must not be looked at because of that. So bindings see a federation
//! as [`Usage`] only, and are woken when that changes.

use std::{collections::BTreeSet, time::Duration};

use irsa_api::{KeyState, OidcFederation, Publish};
use irsa_aws::{Connection, RoleToAssume};
use irsa_core::{
    admission::Guardrails,
    digest::sha256_hex,
    naming::{Tags, default_role_path, federation_id, partition_of, partition_of_region},
    plan::binding::PodSettings,
    trust::TrustProvider,
    vocabulary::{CLAIM, ConditionType, Reason},
};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Resource, ResourceExt};

use super::{guardrails::guardrails, pods::pod_defaults};
use crate::object::Managed;

/// What a binding uses of its federation. While it stays equal, no binding needs to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Whether it can be used.
    pub state: FederationState,
    /// Whether another instance of the cluster may work on its things.
    pub copied: bool,
    /// The mark of another instance that a person has declared void, whatever has become of the federation itself.
    pub claim: Option<String>,
    /// How its account is reached.
    pub connection: Connection,
    /// What its bindings may do.
    pub guardrails: Guardrails,
    /// Path of its roles.
    pub role_path: String,
    /// Tags of its roles.
    pub tags: Tags,
    /// The audience of bindings that name none.
    pub default_audience: String,
    /// What pods of its bindings get beside role and token, unless a binding says otherwise.
    pub pods: PodSettings,
    /// A digest of the keys that the API servers sign with and that are published: what STS said of a token rests on them.
    pub signing_keys: String,
    /// Whether an API server has one of its audiences among its own: a token for AWS is good there, too.
    pub audiences_shared: bool,
}

/// Whether bindings can be made true through a federation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FederationState {
    /// Its provider is registered, and this process has seen it Ready. A federation that is unwell for a while stays
    /// usable: its provider is still there.
    Usable(Provider),
    /// Registered, and not Ready since this process looks: only bindings that were Ready before go on.
    Unproven(Provider),
    /// Not registered yet.
    Unregistered,
    /// Its spec must change first.
    Stalled,
    /// On its way out.
    Deleting,
}

impl FederationState {
    /// The account of its provider, once registered.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Usable(provider) | Self::Unproven(provider) => Some(&provider.account),
            Self::Unregistered | Self::Stalled | Self::Deleting => None,
        }
    }
}

/// The registered IAM OIDC provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// As trust policies name it.
    pub trust: TrustProvider,
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// Twelve digits.
    pub account: String,
}

/// A federation as bindings know it.
#[derive(Debug, Clone)]
pub struct FederationView {
    /// What they use.
    pub usage: Usage,
    /// How often they are checked.
    pub interval: Duration,
    /// Where events about what a binding left behind go.
    pub reference: ObjectReference,
    /// Its id, which is in the paths and names of its roles unless its spec chooses others.
    pub id: String,
}

impl FederationView {
    /// A federation as its bindings see it; `proven` tells whether this process has seen this very object Ready.
    pub fn of(federation: &OidcFederation, proven: bool) -> Self {
        Self {
            usage: usage_of(federation, proven),
            interval: federation.spec.interval.get(),
            reference: federation.object_ref(&()),
            id: federation_id(&federation.spec.issuer),
        }
    }
}

/// Roles that are listed together: one account, one way to reach it, one path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// How the account is reached.
    pub connection: Connection,
    /// Path of the roles.
    pub path: String,
}

impl Scope {
    /// Where the roles of a federation are that is used like this.
    pub fn of(usage: &Usage) -> Self {
        Self {
            connection: usage.connection.clone(),
            path: usage.role_path.clone(),
        }
    }

    /// Where a federation's roles are.
    pub fn of_federation(federation: &OidcFederation) -> Self {
        Self {
            connection: connection(federation),
            path: role_path(federation),
        }
    }
}

fn usage_of(federation: &OidcFederation, proven: bool) -> Usage {
    let spec = &federation.spec;
    let state = state(federation, proven);
    let connection = connection(federation);
    // Whatever its state: by it a bare policy name becomes an ARN, and roles that have that policy are judged meanwhile, too.
    let partition = registered(federation).map_or_else(
        || partition_of_region(&connection.region).to_owned(),
        |provider| provider.partition,
    );
    Usage {
        state,
        copied: is_copied(federation),
        claim: federation.annotations().get(CLAIM).cloned(),
        pods: pod_defaults(&spec.pods, &connection.region),
        connection,
        guardrails: guardrails(&spec.bindings, &spec.issuer, &partition, &spec.audiences),
        role_path: role_path(federation),
        tags: spec.tags.clone(),
        default_audience: spec.audiences.first().cloned().unwrap_or_default(),
        signing_keys: signing_keys(federation),
        audiences_shared: federation
            .condition(ConditionType::AudiencesSeparate)
            .is_some_and(|separate| separate.status == "False"),
    }
}

fn signing_keys(federation: &OidcFederation) -> String {
    let keys = federation.status.iter().flat_map(|status| &status.keys);
    let live: BTreeSet<&str> = keys
        .filter(|key| key.state == KeyState::Live)
        .map(|key| key.thumbprint.as_str())
        .collect();
    let live: Vec<&str> = live.into_iter().collect();
    sha256_hex(live.join("\n").as_bytes())
}

fn state(federation: &OidcFederation, proven: bool) -> FederationState {
    if federation.is_deleted() {
        return FederationState::Deleting;
    }
    if federation.is_true(ConditionType::Stalled) {
        return FederationState::Stalled;
    }
    match registered(federation) {
        Some(provider) if proven || federation.is_true(ConditionType::Ready) => FederationState::Usable(provider),
        Some(provider) => FederationState::Unproven(provider),
        None => FederationState::Unregistered,
    }
}

fn is_copied(federation: &OidcFederation) -> bool {
    let ready = federation.condition(ConditionType::Ready);
    ready.is_some_and(|ready| ready.reason == Reason::ClusterCopied.as_str())
}

fn registered(federation: &OidcFederation) -> Option<Provider> {
    let arn = federation.status.as_ref()?.provider_arn.as_deref()?;
    let issuer = federation.spec.issuer.strip_prefix("https://")?;
    Some(Provider {
        trust: TrustProvider::new(arn, issuer),
        partition: partition_of(arn)?.to_owned(),
        account: arn.split(':').nth(4)?.to_owned(),
    })
}

/// The path of a federation's roles.
pub fn role_path(federation: &OidcFederation) -> String {
    let given = federation.spec.bindings.role_path.clone();
    given.unwrap_or_else(|| default_role_path(&federation.spec.issuer))
}

/// How a federation's account is reached.
pub fn connection(federation: &OidcFederation) -> Connection {
    let aws = &federation.spec.aws;
    let bucket_region = match &federation.spec.publish {
        Publish::S3(s3) => Some(s3.region.clone()),
        Publish::External(_) => None,
    };
    Connection {
        region: aws.region.clone().or(bucket_region).unwrap_or_default(),
        account_id: aws.account_id.clone(),
        assume_role: aws.assume_role.as_ref().map(|role| RoleToAssume {
            arn: role.arn.clone(),
            external_id: role.external_id.clone(),
        }),
    }
}
