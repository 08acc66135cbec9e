//! What can be saved of a binding that cannot be read: everything that decides over the role that it has.

use irsa_api::{
    DeletionPolicy, ExistingRole, FederationRef, IamRoleBinding, IamRoleBindingSpec, IamRoleBindingStatus,
    PodOverrides, RoleOptions, RolePolicies, ServiceAccountMode, ServiceAccountRef, Verification,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Partial {
    #[serde(default)]
    spec: Lenient<Spec>,
    #[serde(default)]
    status: Lenient<IamRoleBindingStatus>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    federation_ref: Lenient<FederationRef>,
    service_accounts: Lenient<Vec<ServiceAccountRef>>,
    role: Lenient<Role>,
    existing_role: Option<Box<RawValue>>,
    deletion_policy: Lenient<DeletionPolicy>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Role {
    name: Lenient<String>,
}

/// Reads what it can. That somebody else keeps the role is kept in mind even if its ARN cannot be read: nothing of theirs
/// may be taken for ours.
pub fn partial(metadata: &ObjectMeta, text: &str) -> Option<IamRoleBinding> {
    let partial: Partial = serde_json::from_str(text).ok()?;
    let spec = partial.spec.0.unwrap_or_default();
    let existing = spec.existing_role.map(|role| {
        let nowhere = || ExistingRole { arn: String::new() };
        serde_json::from_str(role.get()).unwrap_or_else(|_| nowhere())
    });
    Some(IamRoleBinding {
        metadata: metadata.clone(),
        spec: IamRoleBindingSpec {
            federation_ref: spec.federation_ref.0.unwrap_or_default(),
            service_accounts: spec.service_accounts.0.unwrap_or_default(),
            audiences: Vec::new(),
            role: RoleOptions {
                name: spec.role.0.and_then(|role| role.name.0),
                ..RoleOptions::default()
            },
            existing_role: existing,
            policies: RolePolicies::default(),
            service_account_mode: ServiceAccountMode::default(),
            service_account_template: None,
            pods: PodOverrides::default(),
            verify: Verification::default(),
            deletion_policy: spec.deletion_policy.0.unwrap_or_default(),
            suspend: false,
        },
        status: partial.status.0,
    })
}

/// A field that may be anything: what cannot be read as `T` counts as absent.
#[derive(Debug, Clone)]
pub struct Lenient<T>(pub Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(text.get()).ok()))
    }
}
