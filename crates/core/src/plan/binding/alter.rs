//! The steps that change an existing role into the one that must be, in an order that never widens.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use super::{DesiredRole, Effect, ObservedRole, RoleStep};
use crate::{
    compare,
    naming::{BoundaryMark, PolicyArn, Tags},
    policy_document::{may_deny, only_denies},
    trust::{self, Divided, TrustPolicy},
    vocabulary::{TAG_BOUNDARY, TAG_PREFIX},
};

type Planned = Vec<(RoleStep, Effect)>;

/// The steps; `first` is the place of the first of them in the plan.
pub(super) fn alteration(desired: &DesiredRole, observed: &ObservedRole, first: usize) -> Planned {
    let tags = Tagging::of(desired, observed);
    let boundary = Boundary::of(desired, observed);
    // A first boundary only takes away. Another one may let through what the present one holds back, so what must go
    // goes before.
    let replaces = observed.boundary.is_some();
    let mut taking = Planned::new();
    if desired.exclusive {
        taking.extend(removal_of_unlisted(desired, observed));
    }
    let mut inline = observed.inline.clone();
    if replaces && boundary.put.is_some() {
        taking.extend(removal_of_replaced(desired, &mut inline));
    }
    let (lowered, other_settings): (Planned, Planned) = settings(desired, observed)
        .into_iter()
        .partition(|(_, effect)| *effect == Effect::Takes);
    taking.extend(lowered);
    let takes = !taking.is_empty() || (boundary.put.is_some() && !replaces);
    let in_two = takes || replaces_rights(desired, observed, &tags);
    let trust = Trust::of(desired, observed, in_two);
    let mut steps = Planned::new();
    steps.extend(trust.narrowing);
    if !replaces {
        steps.extend(boundary.put(first + steps.len(), Effect::Takes));
    }
    steps.extend(taking);
    if replaces {
        steps.extend(boundary.put(first + steps.len(), Effect::Replaces));
    }
    steps.extend(trust.change);
    steps.extend(tags.steps);
    steps.extend(other_settings);
    let grants = granted(desired, &observed.attached, &inline);
    steps.extend(grants.into_iter().map(|step| {
        let effect = effect_of_grant(&step, observed);
        (step, effect)
    }));
    let place = first + steps.len();
    let unmark = match boundary.delete {
        Some(delete) => {
            steps.push((delete, Effect::Gives));
            Effect::Records(place)
        }
        None => Effect::Marks(None),
    };
    steps.extend(boundary.unmark.map(|step| (step, unmark)));
    steps.extend(trust.widening);
    steps
}

/// What gives rights: policies that are missing, and inline policies with another text.
pub(super) fn granted(
    desired: &DesiredRole,
    attached: &BTreeSet<PolicyArn>,
    inline: &BTreeMap<String, String>,
) -> Vec<RoleStep> {
    let attach = desired
        .managed
        .difference(attached)
        .map(|arn| RoleStep::Attach { arn: arn.clone() });
    let differs = |name: &str, document: &str| {
        !inline
            .get(name)
            .is_some_and(|present| compare::equivalent(document, present))
    };
    let put = desired
        .placeable(inline)
        .filter(|(name, document)| differs(name, document))
        .map(|(name, document)| RoleStep::PutInline {
            name: name.clone(),
            document: document.clone(),
        });
    attach.chain(put).collect()
}

/// A text in the place of another replaces it, also where that had to go first: it may deny what the other did not, so it is
/// never put off.
fn effect_of_grant(step: &RoleStep, observed: &ObservedRole) -> Effect {
    match step {
        RoleStep::PutInline { name, .. } if observed.inline.contains_key(name) => Effect::Replaces,
        _ => Effect::Gives,
    }
}

/// Whether rights are replaced by others, rather than only taken away or only given.
fn replaces_rights(desired: &DesiredRole, observed: &ObservedRole, tags: &Tagging) -> bool {
    let boundary = desired.boundary.is_some() && observed.boundary.is_some() && desired.boundary != observed.boundary;
    boundary || replaced_inline(desired, &observed.inline).next().is_some() || tags.change_authority
}

/// The names of the inline policies that are there with another text.
fn replaced_inline<'a>(
    desired: &'a DesiredRole,
    inline: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a String> {
    let replaced = desired.placeable(inline).filter(|(name, document)| {
        let present = inline.get(*name);
        present.is_some_and(|present| !compare::equivalent(document, present))
    });
    replaced.map(|(name, _)| name)
}

/// How the trust policy changes.
struct Trust {
    /// To those whom the old and the new one let in, before anything else: who must go does not stay because another thing that
    /// must go is refused.
    narrowing: Option<(RoleStep, Effect)>,
    /// In one step, where rights are at most given.
    change: Option<(RoleStep, Effect)>,
    /// To what is wanted, after rights were taken or replaced.
    widening: Option<(RoleStep, Effect)>,
}

impl Trust {
    fn of(desired: &DesiredRole, observed: &ObservedRole, in_two: bool) -> Self {
        let Divided { denies, rest } = Divided::of(&observed.trust);
        let step = |trust: &str, effect| {
            let trust = denies.added_to(trust);
            (RoleStep::UpdateTrust { trust }, effect)
        };
        let none = Self {
            narrowing: None,
            change: None,
            widening: None,
        };
        if compare::equivalent(&desired.trust, &rest) {
            return none;
        }
        let both = common(&desired.trust, &rest);
        let (loses, gains) = (
            !compare::equivalent(&both, &rest),
            !compare::equivalent(&both, &desired.trust),
        );
        if !in_two {
            let effect = match (loses, gains) {
                (false, _) => Effect::Gives,
                (true, false) => Effect::Takes,
                (true, true) => Effect::Replaces,
            };
            let change = Some(step(&desired.trust, effect));
            return Self { change, ..none };
        }
        Self {
            narrowing: loses.then(|| step(&both, Effect::Takes)),
            widening: gains.then(|| step(&desired.trust, Effect::Gives)),
            ..none
        }
    }
}

/// Whoever both trust policies let in; nobody, where one of them is not of our making.
fn common(one: &str, other: &str) -> String {
    let both = TrustPolicy::read(one).zip(TrustPolicy::read(other));
    both.and_then(|(one, other)| one.intersection(&other)?.render(usize::MAX).ok())
        .unwrap_or_else(trust::closed)
        .as_str()
        .to_owned()
}

/// How the boundary changes, and the mark that says which one is ours.
///
/// The mark comes before the boundary, and goes after it: whatever is cut off in between, a boundary that we set is marked.
#[derive(Default)]
struct Boundary {
    mark_before: Option<RoleStep>,
    put: Option<RoleStep>,
    mark_after: Option<RoleStep>,
    delete: Option<RoleStep>,
    unmark: Option<RoleStep>,
}

impl Boundary {
    /// Mark, boundary, mark; from this place on.
    fn put(&self, place: usize, effect: Effect) -> Planned {
        let marks = self.mark_before.clone();
        let of_put = place + usize::from(marks.is_some());
        let marks = marks.map(|step| (step, Effect::Marks(self.put.is_some().then_some(of_put))));
        let put = self.put.clone().map(|step| (step, effect));
        let records = self.mark_after.clone().map(|step| (step, Effect::Records(of_put)));
        marks.into_iter().chain(put).chain(records).collect()
    }

    fn of(desired: &DesiredRole, observed: &ObservedRole) -> Self {
        let present = BoundaryMark::on(&observed.tags);
        let mark = |mark: &BoundaryMark| RoleStep::Tag { tags: mark.tags() };
        let Some(wanted) = &desired.boundary else {
            let keys = vec![TAG_BOUNDARY.to_owned()];
            return Self {
                delete: observed.has_boundary_of_ours().then_some(RoleStep::DeleteBoundary),
                unmark: present.map(|_| RoleStep::Untag { keys }),
                ..Self::default()
            };
        };
        let put = (observed.boundary.as_ref() != Some(wanted)).then(|| RoleStep::PutBoundary { arn: wanted.clone() });
        let last = BoundaryMark::of(wanted);
        let replaced = observed.boundary.as_ref().filter(|_| observed.has_boundary_of_ours());
        let before = match (&put, replaced) {
            (Some(_), Some(replaced)) => BoundaryMark::between(replaced, wanted),
            _ => last.clone(),
        };
        Self {
            mark_before: (present.as_ref() != Some(&before)).then(|| mark(&before)),
            mark_after: (before != last).then(|| mark(&last)),
            put,
            ..Self::default()
        }
    }
}

/// Whether a step does nothing but mark, or take off the mark.
pub(super) fn is_mark(step: &RoleStep) -> bool {
    match step {
        RoleStep::Tag { tags } => tags.keys().all(|key| key == TAG_BOUNDARY),
        RoleStep::Untag { keys } => keys.iter().all(|key| key == TAG_BOUNDARY),
        _ => false,
    }
}

/// What is not listed goes; but what certainly only denies stays: that is how sessions are revoked and how somebody is locked
/// out, and nobody gains by it.
fn removal_of_unlisted(desired: &DesiredRole, observed: &ObservedRole) -> Planned {
    let inline = observed
        .inline
        .iter()
        .filter(|(name, text)| !desired.inline.contains_key(*name) && !only_denies(text))
        .map(|(name, _)| RoleStep::DeleteInline { name: name.clone() });
    let giving = observed.giving_attached();
    let managed = giving.difference(&desired.managed);
    let steps = inline.chain(managed.map(|arn| RoleStep::Detach { arn: arn.clone() }));
    steps.map(|step| (step, Effect::Takes)).collect()
}

/// Inline policies whose text is replaced together with the boundary: the old text was never asked for within the new boundary,
/// nor the new one within the old, so neither may meet the other. IAM replaces one thing at a time, and sessions that run feel
/// each, so closing the trust policy meanwhile would not help. `inline` is what there is afterwards.
///
/// A text that denies something stays until the new one takes its place: what it holds back would be free meanwhile.
fn removal_of_replaced(desired: &DesiredRole, inline: &mut BTreeMap<String, String>) -> Planned {
    let replaced =
        replaced_inline(desired, inline).filter(|name| !inline.get(*name).is_some_and(|text| may_deny(text)));
    let replaced: Vec<String> = replaced.cloned().collect();
    inline.retain(|name, _| !replaced.contains(name));
    let steps = replaced.into_iter().map(|name| RoleStep::DeleteInline { name });
    steps.map(|step| (step, Effect::Takes)).collect()
}

fn settings(desired: &DesiredRole, observed: &ObservedRole) -> Option<(RoleStep, Effect)> {
    let effect = match desired.max_session_seconds.cmp(&observed.max_session_seconds) {
        Ordering::Less => Effect::Takes,
        Ordering::Greater => Effect::Gives,
        Ordering::Equal if desired.description != observed.description => Effect::Settles,
        Ordering::Equal => return None,
    };
    let step = RoleStep::UpdateRole {
        description: desired.description.clone(),
        max_session_seconds: desired.max_session_seconds,
    };
    Some((step, effect))
}

/// How tags change. Tags that nobody listed go: they are authority. AWS's own (`aws:…`) cannot, and those that are somebody
/// else's for good stay.
struct Tagging {
    steps: Planned,
    /// Whether tags change that policies may speak of. That a tag is missing may give rights as well as that it is there, so
    /// any change of tags replaces them. Our own tags name this binding before and after.
    change_authority: bool,
}

impl Tagging {
    fn of(desired: &DesiredRole, observed: &ObservedRole) -> Self {
        let ours = |tags: &Tags| -> Tags {
            let tags = desired.ignored_tags.without(tags).into_iter();
            tags.filter(|(key, _)| !key.starts_with("aws:") && key != TAG_BOUNDARY)
                .collect()
        };
        let (wanted, present) = (ours(&desired.tags), ours(&observed.tags));
        let unlisted = present.keys().filter(|key| !wanted.contains_key(*key)).cloned();
        // A tag that a tenant may have set, and one that stands in the way of a wanted one, is held to the order.
        let (strangers, others): (Vec<String>, Vec<String>) = unlisted.partition(|key| {
            let is = |other: &String| other.eq_ignore_ascii_case(key);
            !desired.tenant_tags.iter().any(is) && !wanted.keys().any(is)
        });
        let differing = wanted.iter().filter(|(key, value)| present.get(*key) != Some(value));
        let tags: Tags = differing.map(|(key, value)| (key.clone(), value.clone())).collect();
        let authority = |key: &String| !key.starts_with(TAG_PREFIX);
        let change_authority = strangers.iter().chain(&others).chain(tags.keys()).any(authority);
        let tagged = if tags.keys().any(authority) {
            Effect::Replaces
        } else {
            Effect::Settles
        };
        let untag = |keys: Vec<String>, effect| (!keys.is_empty()).then_some((RoleStep::Untag { keys }, effect));
        let tag = (!tags.is_empty()).then_some((RoleStep::Tag { tags }, tagged));
        // Untag first: a key that differs in case only is the same key to IAM.
        let steps = untag(strangers, Effect::Clears)
            .into_iter()
            .chain(untag(others, Effect::Replaces))
            .chain(tag)
            .collect();
        Self {
            steps,
            change_authority,
        }
    }
}
