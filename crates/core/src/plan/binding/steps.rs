//! The steps of a role: from what is to what must be, to a closed trust, or to no role.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    BindingPlan, DesiredRole, Effect, ObservedRole, Order, RoleStep,
    alter::{alteration, granted, is_mark},
    kept::kept,
};
use crate::{
    compare,
    naming::{BoundaryMark, Owner, Ownership, RoleName},
    plan::{Cause, Fingerprint, Plan},
    trust::{self, Divided},
    vocabulary::Reason,
};

/// A role of the wanted name exists and is not ours: nothing is done to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleRefusal {
    /// It does not carry our tags.
    #[error(
        "The role {role} exists and does not carry this binding's ownership tags, so it is left alone; choose another \
         spec.role.name, delete the role, or hand it over: spec.role.adopt: IfTagged here, and on the role the tag \
         irsa-anywhere.dev/adopt={adoption}."
    )]
    Foreign {
        /// The role.
        role: RoleName,
        /// The value of the tag that would hand it over.
        adoption: String,
    },
    /// It carries another binding's tags.
    #[error(
        "The role {role} belongs to IamRoleBinding {namespace}/{name}; choose another spec.role.name, or delete the \
         role if that binding is gone."
    )]
    Taken {
        /// The role.
        role: RoleName,
        /// The other binding's namespace.
        namespace: String,
        /// The other binding's name.
        name: String,
    },
}

impl RoleRefusal {
    /// The reason that conditions carry.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Foreign { .. } => Reason::ForeignRole,
            Self::Taken { .. } => Reason::RoleNameTaken,
        }
    }
}

impl BindingPlan {
    /// The steps that make the role as desired; of its ServiceAccounts none yet. `applied` is what a pass of this process last
    /// made of it in full.
    ///
    /// # Errors
    /// See [`RoleRefusal`].
    pub fn apply(
        desired: &DesiredRole,
        observed: Option<&ObservedRole>,
        applied: Option<Fingerprint>,
    ) -> Result<Self, RoleRefusal> {
        let planned = match observed {
            None => creation(desired),
            Some(role) => {
                let (adoption, role) = claim(desired, role)?;
                // A record names a step by its place.
                let first = usize::from(adoption.is_some());
                let adoption = adoption.map(|step| (step, Effect::Founds));
                adoption.into_iter().chain(alteration(desired, &role, first)).collect()
            }
        };
        let (steps, effects): (Vec<_>, Vec<_>) = planned.into_iter().unzip();
        let cause = if steps.iter().all(is_mark) {
            // That a role is not marked yet is nobody's doing but ours.
            Cause::Spec
        } else {
            Cause::of(applied, desired.fingerprint())
        };
        Ok(Self {
            role: Plan { cause, steps },
            order: Order::new(effects),
            kept: observed.map(|role| kept(desired, role)).unwrap_or_default(),
            taken_names: observed
                .map(|role| desired.taken_names(&role.inline))
                .unwrap_or_default(),
            ..Self::nothing()
        })
    }

    /// The steps that remove the role; none for a role that is not the owner's. Of the ServiceAccounts none yet.
    pub fn remove(owner: &Owner, observed: &ObservedRole) -> Self {
        let steps = removal(owner, observed);
        Self {
            order: Order::of_removal(&steps, observed),
            role: Plan {
                cause: Cause::Spec,
                steps,
            },
            removes: true,
            ..Self::nothing()
        }
    }

    /// The steps that let nobody assume the role any more; none for a role that is not the owner's.
    pub fn close(owner: &Owner, observed: &ObservedRole) -> Vec<RoleStep> {
        let closed = Divided::of(&observed.trust).denies.added_to(trust::closed().as_str());
        let open = !compare::equivalent(&closed, &observed.trust);
        let close = open && owner.owns(&observed.tags);
        close
            .then_some(RoleStep::UpdateTrust { trust: closed })
            .into_iter()
            .collect()
    }
}

/// Its trust is closed first: whatever fails after that leaves a role that nobody can assume. What certainly only denies goes
/// last: it may be what ended the sessions of somebody, who must not have the rights back that are still there.
fn removal(owner: &Owner, observed: &ObservedRole) -> Vec<RoleStep> {
    if !owner.owns(&observed.tags) {
        return Vec::new();
    }
    let inline = observed
        .inline
        .keys()
        .map(|name| RoleStep::DeleteInline { name: name.clone() });
    let managed = observed
        .attached
        .iter()
        .map(|arn| RoleStep::Detach { arn: arn.clone() });
    let policies: Vec<_> = inline.chain(managed).collect();
    let order = Order::of_removal(&policies, observed);
    let (denying, giving): (Vec<_>, Vec<_>) = policies
        .into_iter()
        .enumerate()
        .partition(|(place, _)| order.is_last(*place));
    let close = BindingPlan::close(owner, observed).into_iter();
    let policies = giving.into_iter().chain(denying).map(|(_, step)| step);
    close.chain(policies).chain([RoleStep::DeleteRole]).collect()
}

/// The role as it is once it is ours. The tags that prove it come first and in one call: whatever fails later, the next
/// pass knows the role.
fn claim<'a>(
    desired: &DesiredRole,
    observed: &'a ObservedRole,
) -> Result<(Option<RoleStep>, Cow<'a, ObservedRole>), RoleRefusal> {
    match desired.owner.of(&observed.tags) {
        Ownership::Ours => Ok((None, Cow::Borrowed(observed))),
        _ if desired.may_take(&observed.tags) => {
            let tags = desired.owner.tags();
            let mut taken = observed.clone();
            taken.tags.extend(tags.clone());
            Ok((Some(RoleStep::Adopt { tags }), Cow::Owned(taken)))
        }
        Ownership::OtherBinding { namespace, name } => Err(RoleRefusal::Taken {
            role: desired.name.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }),
        Ownership::Foreign => Err(RoleRefusal::Foreign {
            role: desired.name.clone(),
            adoption: desired.owner.adoption(),
        }),
    }
}

fn creation(desired: &DesiredRole) -> Vec<(RoleStep, Effect)> {
    let mark = desired.boundary.as_deref().map(|arn| BoundaryMark::of(arn).tags());
    let create = RoleStep::CreateRole {
        path: desired.path.clone(),
        trust: desired.trust.clone(),
        tags: desired
            .ignored_tags
            .without(&desired.tags)
            .into_iter()
            .chain(mark.into_iter().flatten())
            .collect(),
        boundary: desired.boundary.clone(),
        description: desired.description.clone(),
        max_session_seconds: desired.max_session_seconds,
    };
    let granted = granted(desired, &BTreeSet::new(), &BTreeMap::new());
    std::iter::once((create, Effect::Founds))
        .chain(granted.into_iter().map(|step| (step, Effect::Gives)))
        .collect()
}
