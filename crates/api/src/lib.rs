//! The two kinds of irsa-anywhere as they are written, stored and read: [`OidcFederation`] and [`IamRoleBinding`].
//!
//! These types are the single source of the CRDs in `crds/` and of `docs/api.md`; `crdgen` writes both. Whatever the
//! API server can refuse is refused there, by schema or CEL, with a sentence that names the field and the fix. What it
//! cannot see (another object, an AWS quota, the inside of a policy document) is left to the controllers.
//!
//! Absent and default: a default that is the same for every object is written into the object by the API server. A
//! default that depends on something else (the issuer, the caller's account) is not: the field stays absent, its
//! description says what is used instead, and a reader sees `None`.

// `KubeSchema` copies each struct, with its `pub`, into the function that makes its schema.
#![allow(unreachable_pub)]

mod adoption;
mod binding;
mod binding_status;
mod crd;
mod duration;
mod federation;
mod federation_status;
mod guardrails;
mod pods;
mod publish;
mod reference;
mod schema;
mod signing_keys;

pub use adoption::Adoption;
pub use binding::{
    ExistingRole, FederationRef, IamRoleBinding, IamRoleBindingSpec, InlinePolicy, RoleOptions, RolePolicies,
    ServiceAccountMode, ServiceAccountRef, ServiceAccountTemplate, Verification,
};
pub use binding_status::IamRoleBindingStatus;
pub use crd::custom_resource_definitions;
pub use duration::{Duration, ParseDurationError};
pub use federation::{
    AssumeRole, AwsConnection, DeletionPolicy, OidcFederation, OidcFederationSpec, ProviderManagement, ProviderOptions,
};
pub use federation_status::{KeyState, KeyStatus, OidcFederationStatus, PublishedDocument, PublishedDocuments};
pub use guardrails::{AllowedNamespaces, BindingRules, InlinePolicyRule, NamespacesFrom, RoleNameRule};
pub use irsa_core::vocabulary;
pub use pods::{InstanceMetadata, PodDefaults, PodOverrides, PodSessionName};
pub use publish::{BucketAccess, ExternalPublish, Publish, S3Publish};
pub use reference::api_reference;
pub use signing_keys::{AdditionalKey, RevokedKey, SigningKeys};
