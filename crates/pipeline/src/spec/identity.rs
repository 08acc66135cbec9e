//! What is a binding's: its roles, by name and by tags, and the ServiceAccounts that it may have touched.

use std::collections::BTreeSet;

use irsa_api::IamRoleBinding;
use irsa_core::naming::{Owner, RoleName};
use kube::ResourceExt;

use super::federation_view::FederationView;

/// Whose the binding's role is.
pub fn owner(binding: &IamRoleBinding, cluster: &str) -> Owner {
    Owner {
        cluster: cluster.to_owned(),
        federation: binding.spec.federation_ref.name.clone(),
        namespace: binding.namespace().unwrap_or_default(),
        name: binding.name_any(),
    }
}

/// The name of the role that a binding makes, given or default; none where it uses somebody else's.
pub fn role_name(binding: &IamRoleBinding, prefix: &str) -> Option<RoleName> {
    if binding.spec.existing_role.is_some() {
        return None;
    }
    match &binding.spec.role.name {
        Some(name) => RoleName::new(name).ok(),
        None => RoleName::of_binding(prefix, &binding.namespace()?, &binding.name_any()).ok(),
    }
}

/// The roles that this binding may have made: the one that its spec names, which cannot change, and the one in its status,
/// should that be another. The spec comes first and the status is never believed alone: whoever may write it could point it
/// at a role that does not exist, and keep the one that does. Ownership is for the tags to prove.
pub fn roles_in_place(binding: &IamRoleBinding, known: Option<&FederationView>) -> Vec<RoleName> {
    // Somebody else's role is not one that we made.
    if binding.spec.existing_role.is_some() {
        return Vec::new();
    }
    let named = known.and_then(|known| role_name(binding, &known.usage.guardrails.role_name_prefix));
    let status = binding.status.as_ref();
    let recorded = status.and_then(|status| RoleName::new(status.role_name.as_deref()?).ok());
    let other = recorded.filter(|recorded| named.as_ref().is_none_or(|named| !named.same_as(recorded)));
    named.into_iter().chain(other).collect()
}

/// Whether a binding may have made the role of this name: it has a record of it, or may choose the name.
pub fn may_have_made(binding: &IamRoleBinding, known: &FederationView, name: &RoleName) -> bool {
    let status = binding.status.as_ref();
    let recorded = status.and_then(|status| status.role_name.as_deref()) == Some(name.as_str());
    let given = binding.spec.role.name.is_some().then_some(name);
    let namespace = binding.namespace().unwrap_or_default();
    recorded || known.usage.guardrails.allows_name(&namespace, given)
}

/// Names of the ServiceAccounts that a binding may have touched: those in its status.
pub fn bound_before(binding: &IamRoleBinding) -> BTreeSet<String> {
    let subjects = subjects_before(binding);
    subjects
        .iter()
        .filter_map(|subject| service_account_of(subject))
        .map(str::to_owned)
        .collect()
}

/// The name of a ServiceAccount in its token's subject.
pub fn service_account_of(subject: &str) -> Option<&str> {
    subject.rsplit(':').next()
}

/// The token subjects that a binding may have let in: those in its status.
pub fn subjects_before(binding: &IamRoleBinding) -> Vec<String> {
    binding
        .status
        .as_ref()
        .map(|status| status.subjects.clone())
        .unwrap_or_default()
}
