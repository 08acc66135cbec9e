//! The steps from what is to what must be.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{BindingStep, DesiredRole, Fingerprint, ObservedRole};
use crate::{
    compare,
    naming::{Owner, Ownership, PolicyArn, RoleName, Tags},
    trust::{self, TrustPolicy},
    vocabulary::{Reason, TAG_PREFIX},
};

/// Why there is something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The role is asked to be something else than last time, or for the first time.
    Spec,
    /// It is asked to be what it was made last time, and is not: somebody else changed it.
    Drift,
}

/// Steps in order, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Why.
    pub cause: Cause,
    /// Empty for a role that is as it must be.
    pub steps: Vec<BindingStep>,
}

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

impl Plan {
    /// The steps that make the role as desired. `applied` is what a pass of this process last made of it in full.
    pub fn apply(
        desired: &DesiredRole,
        observed: Option<&ObservedRole>,
        applied: Option<Fingerprint>,
    ) -> Result<Self, RoleRefusal> {
        let cause = if applied == Some(desired.fingerprint()) {
            Cause::Drift
        } else {
            Cause::Spec
        };
        let steps = match observed {
            None => creation(desired),
            Some(role) => {
                let (adoption, role) = claim(desired, role)?;
                adoption.into_iter().chain(alteration(desired, &role)).collect()
            }
        };
        Ok(Self { cause, steps })
    }

    /// The steps that let nobody assume the role any more; none for a role that is not the owner's.
    pub fn close(owner: &Owner, observed: &ObservedRole) -> Vec<BindingStep> {
        let closed = trust::closed();
        let open = !compare::equivalent(closed.as_str(), &observed.trust);
        let close = open && owner.owns(&observed.tags);
        close
            .then(|| BindingStep::UpdateTrust {
                trust: closed.as_str().to_owned(),
            })
            .into_iter()
            .collect()
    }

    /// The steps that remove the role; none for a role that is not the owner's. Its trust is closed first: whatever fails
    /// after that leaves a role that nobody can assume.
    pub fn remove(owner: &Owner, observed: &ObservedRole) -> Vec<BindingStep> {
        if !owner.owns(&observed.tags) {
            return Vec::new();
        }
        let inline = observed
            .inline
            .keys()
            .map(|name| BindingStep::DeleteInline { name: name.clone() });
        let managed = observed
            .attached
            .iter()
            .map(|arn| BindingStep::Detach { arn: arn.clone() });
        let close = Self::close(owner, observed).into_iter();
        close
            .chain(inline)
            .chain(managed)
            .chain([BindingStep::DeleteRole])
            .collect()
    }
}

/// The role as it is once it is ours. The tags that prove it come first and in one call: whatever fails later, the next
/// pass knows the role.
fn claim<'a>(
    desired: &DesiredRole,
    observed: &'a ObservedRole,
) -> Result<(Option<BindingStep>, Cow<'a, ObservedRole>), RoleRefusal> {
    match desired.owner.of(&observed.tags) {
        Ownership::Ours => Ok((None, Cow::Borrowed(observed))),
        _ if desired.may_take(&observed.tags) => {
            let tags = desired.owner.tags();
            let mut taken = observed.clone();
            taken.tags.extend(tags.clone());
            Ok((Some(BindingStep::Adopt { tags }), Cow::Owned(taken)))
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

fn creation(desired: &DesiredRole) -> Vec<BindingStep> {
    let create = BindingStep::CreateRole {
        path: desired.path.clone(),
        trust: desired.trust.clone(),
        tags: desired.tags.clone(),
        boundary: desired.boundary.clone(),
        description: desired.description.clone(),
        max_session_seconds: desired.max_session_seconds,
    };
    std::iter::once(create)
        .chain(granted(desired, &BTreeSet::new(), &BTreeMap::new()))
        .collect()
}

fn alteration(desired: &DesiredRole, observed: &ObservedRole) -> Vec<BindingStep> {
    let trust = |trust: &str| BindingStep::UpdateTrust {
        trust: trust.to_owned(),
    };
    let trust_differs = !compare::equivalent(&desired.trust, &observed.trust);
    let narrowed =
        (trust_differs && replaces_rights(desired, observed)).then(|| common(&desired.trust, &observed.trust));
    let mut steps = Vec::new();
    if let Some(narrowed) = narrowed
        .as_ref()
        .filter(|trust| !compare::equivalent(trust, &observed.trust))
    {
        steps.push(trust(narrowed));
    }
    let boundary = desired
        .boundary
        .clone()
        .filter(|arn| observed.boundary.as_ref() != Some(arn))
        .map(|arn| BindingStep::PutBoundary { arn });
    // A first boundary only takes away. Another one may let through what the present one holds back, so what must go
    // goes before.
    let (first, later) = match observed.boundary {
        None => (boundary, None),
        Some(_) => (None, boundary),
    };
    steps.extend(first);
    if desired.exclusive {
        steps.extend(removal_of_unlisted(desired, observed));
    }
    steps.extend(later);
    if trust_differs && narrowed.is_none() {
        steps.push(trust(&desired.trust));
    }
    steps.extend(tagging(&desired.tags, &observed.tags));
    steps.extend(settings(desired, observed));
    steps.extend(granted(desired, &observed.attached, &observed.inline));
    if desired.boundary.is_none() && observed.boundary.is_some() {
        steps.push(BindingStep::DeleteBoundary);
    }
    if narrowed.is_some_and(|trust| !compare::equivalent(&trust, &desired.trust)) {
        steps.push(trust(&desired.trust));
    }
    steps
}

/// Whoever both trust policies let in; nobody, where one of them is not of our making.
fn common(one: &str, other: &str) -> String {
    let both = TrustPolicy::read(one).zip(TrustPolicy::read(other));
    both.and_then(|(one, other)| one.intersection(&other)?.render(usize::MAX).ok())
        .unwrap_or_else(trust::closed)
        .as_str()
        .to_owned()
}

/// Whether rights are replaced by others, rather than only taken away or only given.
fn replaces_rights(desired: &DesiredRole, observed: &ObservedRole) -> bool {
    let boundary = desired.boundary.is_some() && observed.boundary.is_some() && desired.boundary != observed.boundary;
    let inline = desired.inline.iter().any(|(name, document)| {
        let present = observed.inline.get(name);
        present.is_some_and(|present| !compare::equivalent(document, present))
    });
    // That a tag is missing may give rights as well as that it is there, so any change of tags replaces them. Our own
    // tags name this binding before and after.
    let authority = |tags: &Tags| -> Tags {
        let counted = tags
            .iter()
            .filter(|(key, _)| !key.starts_with(TAG_PREFIX) && !key.starts_with("aws:"));
        counted.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    boundary || inline || authority(&desired.tags) != authority(&observed.tags)
}

fn removal_of_unlisted(desired: &DesiredRole, observed: &ObservedRole) -> Vec<BindingStep> {
    let unlisted = observed
        .inline
        .keys()
        .filter(|name| !desired.inline.contains_key(*name));
    let inline = unlisted.map(|name| BindingStep::DeleteInline { name: name.clone() });
    let managed = observed.attached.difference(&desired.managed);
    inline
        .chain(managed.map(|arn| BindingStep::Detach { arn: arn.clone() }))
        .collect()
}

fn settings(desired: &DesiredRole, observed: &ObservedRole) -> Option<BindingStep> {
    let differs =
        desired.description != observed.description || desired.max_session_seconds != observed.max_session_seconds;
    differs.then(|| BindingStep::UpdateRole {
        description: desired.description.clone(),
        max_session_seconds: desired.max_session_seconds,
    })
}

/// Tags that nobody listed go: they are authority. AWS's own (`aws:…`) cannot.
fn tagging(desired: &Tags, observed: &Tags) -> Vec<BindingStep> {
    let unlisted = observed
        .keys()
        .filter(|key| !desired.contains_key(*key) && !key.starts_with("aws:"));
    let keys: Vec<String> = unlisted.cloned().collect();
    let differing = desired.iter().filter(|(key, value)| observed.get(*key) != Some(value));
    let tags: Tags = differing.map(|(key, value)| (key.clone(), value.clone())).collect();
    // Untag first: a key that differs in case only is the same key to IAM.
    let untag = (!keys.is_empty()).then_some(BindingStep::Untag { keys });
    let tag = (!tags.is_empty()).then_some(BindingStep::Tag { tags });
    untag.into_iter().chain(tag).collect()
}

fn granted(
    desired: &DesiredRole,
    attached: &BTreeSet<PolicyArn>,
    inline: &BTreeMap<String, String>,
) -> Vec<BindingStep> {
    let attach = desired
        .managed
        .difference(attached)
        .map(|arn| BindingStep::Attach { arn: arn.clone() });
    let differs = |name: &str, document: &str| {
        !inline
            .get(name)
            .is_some_and(|present| compare::equivalent(document, present))
    };
    let put = desired
        .inline
        .iter()
        .filter(|(name, document)| differs(name, document))
        .map(|(name, document)| BindingStep::PutInline {
            name: name.clone(),
            document: document.clone(),
        });
    attach.chain(put).collect()
}
