//! Which roles a binding may have, and in which account.

use irsa_api::IamRoleBinding;
use irsa_aws::{Connect, Kind};
use irsa_core::{
    naming::{RoleName, account_of},
    vocabulary::{ConditionType, Reason},
};
use kube::ResourceExt;

use super::{
    Bindings,
    aws_errors::step_error,
    conflicts::role_name,
    federation::FederationView,
    observe::{self, Depth, IamRole},
    validate::owner,
};
use crate::{leadership::Leadership, step_error::StepError};

/// The roles that this binding may have made: the one that its spec names, which cannot change, and the one in its status,
/// should that be another. The spec comes first and the status is never believed alone: whoever may write it could point it
/// at a role that does not exist, and keep the one that does. Ownership is for the tags to prove.
pub(super) fn roles_in_place(binding: &IamRoleBinding, known: Option<&FederationView>) -> Vec<RoleName> {
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

/// What stands under the name of a role that a binding may have made.
pub(super) enum RoleInPlace {
    /// A role with the binding's tags.
    Ours(Box<IamRole>),
    /// Somebody else's.
    NotOurs,
    /// Nothing that IAM shows.
    Missing,
}

impl RoleInPlace {
    /// The role, where it is the binding's.
    pub(super) fn ours(self) -> Option<IamRole> {
        match self {
            Self::Ours(found) => Some(*found),
            Self::NotOurs | Self::Missing => None,
        }
    }
}

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// One of the roles that the binding may have made.
    ///
    /// Who may not even be read is not ours where the binding has no record of it and may not choose its name: a tenant who
    /// names somebody else's role must not get a binding by it that nobody can delete.
    pub(super) async fn role_of(
        &self,
        binding: &IamRoleBinding,
        known: &FederationView,
        aws: &C::Aws,
        name: &RoleName,
        depth: Depth,
    ) -> Result<RoleInPlace, StepError> {
        let owner = owner(binding, &self.cluster);
        let found = observe::role(aws, name.as_str(), |tags| owner.owns(tags), depth).await;
        match found {
            Err(error) if error.kind() == Kind::AccessDenied && !may_have_made(binding, known, name) => {
                Ok(RoleInPlace::NotOurs)
            }
            Err(error) => Err(step_error(ConditionType::RoleSynced, &error)),
            Ok(None) => Ok(RoleInPlace::Missing),
            Ok(Some(found)) if owner.owns(&found.role.tags) => Ok(RoleInPlace::Ours(Box::new(found))),
            Ok(Some(_)) => Ok(RoleInPlace::NotOurs),
        }
    }
}

fn may_have_made(binding: &IamRoleBinding, known: &FederationView, name: &RoleName) -> bool {
    let status = binding.status.as_ref();
    let recorded = status.and_then(|status| status.role_name.as_deref()) == Some(name.as_str());
    let given = binding.spec.role.name.is_some().then_some(name);
    let namespace = binding.namespace().unwrap_or_default();
    recorded || known.usage.guardrails.allows_name(&namespace, given)
}

/// A role stays in the account that it was made in: one that is looked for in another is not gone.
pub(super) fn check_home(binding: &IamRoleBinding, account: &str) -> Result<(), StepError> {
    let arn = binding.status.as_ref().and_then(|status| status.role_arn.as_deref());
    let Some((arn, home)) = arn.and_then(|arn| Some((arn, account_of(arn)?))) else {
        return Ok(());
    };
    if home == account {
        return Ok(());
    }
    let message = format!(
        "The role {arn} is in account {home}, and the federation now works in account {account}; have spec.aws of the \
         federation or the operator's credentials corrected. To move, delete the binding first and make it again after."
    );
    Err(StepError::new(ConditionType::RoleSynced, Reason::WrongAccount, message))
}
