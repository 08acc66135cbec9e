//! A role as IAM shows it: one read for the role, one for each list of policies, one for each inline document.

use std::collections::BTreeMap;

use futures::future::{try_join, try_join_all};
use irsa_api::IamRoleBinding;
use irsa_aws::{AwsError, Kind, Role, Roles};
use irsa_core::{
    naming::{Owner, PolicyArn, RoleName, Tags},
    plan::binding::ObservedRole,
    vocabulary::ConditionType,
};

use crate::{
    binding::aws_errors::step_error,
    spec::{federation_view::FederationView, identity::may_have_made},
    step_error::StepError,
};

/// How much of a role is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// All of it.
    Documents,
    /// Names of inline policies, and empty texts for them: enough to judge a role that may have any.
    Names,
}

/// A role that IAM has.
#[derive(Debug, Clone)]
pub struct IamRole {
    /// Its ARN.
    pub arn: String,
    /// Its id, which another role of the name does not have.
    pub id: String,
    /// What it is.
    pub role: ObservedRole,
}

/// Reads the role, `None` when there is none. Of a role that is not `ours` nothing but itself is read: its policies
/// are not ours to know.
pub async fn role<A: Roles>(
    aws: &A,
    name: &str,
    ours: impl Fn(&Tags) -> bool,
    depth: Depth,
) -> Result<Option<IamRole>, AwsError> {
    let Some(role) = aws.role(name).await? else {
        return Ok(None);
    };
    if !ours(&role.tags) {
        return Ok(Some(found(role)));
    }
    let (attached, inline) = try_join(aws.attached_policies(name), aws.inline_policies(name)).await?;
    let mut found = found(role);
    found.role.attached = attached.into_iter().map(PolicyArn::observed).collect();
    found.role.inline = match depth {
        Depth::Names => inline.into_iter().map(|policy| (policy, String::new())).collect(),
        Depth::Documents => {
            let documents = inline.into_iter().map(|policy| async move {
                let document = aws.inline_policy(name, &policy).await?;
                Ok::<_, AwsError>(document.map(|document| (policy, document)))
            });
            try_join_all(documents).await?.into_iter().flatten().collect()
        }
    };
    Ok(Some(found))
}

fn found(role: Role) -> IamRole {
    IamRole {
        arn: role.arn,
        id: role.id,
        role: ObservedRole {
            trust: role.trust_policy,
            tags: role.tags,
            boundary: role.permissions_boundary,
            description: role.description,
            max_session_seconds: role.max_session_seconds,
            attached: std::collections::BTreeSet::new(),
            inline: BTreeMap::new(),
        },
    }
}

/// What stands under the name of a role that a binding may have made.
pub enum RoleInPlace {
    /// A role with the binding's tags.
    Ours(Box<IamRole>),
    /// Somebody else's.
    NotOurs,
    /// Nothing that IAM shows.
    Missing,
}

impl RoleInPlace {
    /// The role, where it is the binding's.
    pub fn ours(self) -> Option<IamRole> {
        match self {
            Self::Ours(found) => Some(*found),
            Self::NotOurs | Self::Missing => None,
        }
    }
}

/// One of the roles that the binding may have made.
///
/// Who may not even be read is not ours where the binding has no record of it and may not choose its name: a tenant who
/// names somebody else's role must not get a binding by it that nobody can delete.
pub async fn role_in_place<A: Roles>(
    aws: &A,
    binding: &IamRoleBinding,
    federation: &FederationView,
    owner: &Owner,
    name: &RoleName,
    depth: Depth,
) -> Result<RoleInPlace, StepError> {
    let found = role(aws, name.as_str(), |tags| owner.owns(tags), depth).await;
    match found {
        Err(error) if error.kind() == Kind::AccessDenied && !may_have_made(binding, federation, name) => {
            Ok(RoleInPlace::NotOurs)
        }
        Err(error) => Err(step_error(ConditionType::RoleSynced, &error)),
        Ok(None) => Ok(RoleInPlace::Missing),
        Ok(Some(found)) if owner.owns(&found.role.tags) => Ok(RoleInPlace::Ours(Box::new(found))),
        Ok(Some(_)) => Ok(RoleInPlace::NotOurs),
    }
}
