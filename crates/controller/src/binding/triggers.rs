//! Which bindings are concerned by what has changed around them.

use irsa_api::IamRoleBinding;
use irsa_pipeline::{
    binding::{
        object::waits_for_place,
        validate::conflicts::{claim, competes_with},
    },
    object::Managed,
};
use kube::ResourceExt;

use crate::watch::{Decoded, Trigger, reference_to};

pub(super) fn wake_users(trigger: &Trigger<IamRoleBinding>, federation: &str) {
    trigger.wake_where(|binding| binding.spec.federation_ref.name == federation);
}

pub(super) fn wake_namespace(trigger: &Trigger<IamRoleBinding>, namespace: &str) {
    trigger.wake_where(|binding| binding.namespace().as_deref() == Some(namespace));
}

pub(super) fn wake_bound(trigger: &Trigger<IamRoleBinding>, namespace: &str, account: &str) {
    trigger.wake_where(|binding| {
        binding.namespace().as_deref() == Some(namespace)
            && binding.spec.service_accounts.iter().any(|bound| bound.name == account)
    });
}

/// Wakes those that want what this binding had.
pub(super) fn wake_contenders(trigger: &Trigger<IamRoleBinding>, binding: &Decoded<IamRoleBinding>) {
    let Some(binding) = binding.outline() else { return };
    trigger.wake_where(|other| other.uid() != binding.uid() && competes_with(binding, other));
}

/// Wakes those that want what this binding had before its spec changed.
pub(super) fn wake_contenders_of_earlier(trigger: &Trigger<IamRoleBinding>, binding: &Decoded<IamRoleBinding>) {
    let Some(now) = binding.outline() else { return };
    let earlier = trigger.store().get(&reference_to(now));
    if let Some(earlier) = earlier
        && earlier
            .outline()
            .is_some_and(|earlier| earlier.generation() != now.generation())
    {
        wake_contenders(trigger, &earlier);
    }
}

/// Wakes those that a new binding goes before: one made in the same second may come later and still be first in line. Those of
/// its namespace are concerned where it has more bindings of the federation than that gives roles to, which `most_roles` says.
pub(super) fn wake_overtaken(
    trigger: &Trigger<IamRoleBinding>,
    binding: &Decoded<IamRoleBinding>,
    most_roles: impl Fn(&str) -> Option<u32>,
) {
    let Some(now) = binding
        .outline()
        .filter(|now| trigger.store().get(&reference_to(*now)).is_none())
    else {
        return;
    };
    let first = claim(now);
    let federation = &now.spec.federation_ref;
    let beside =
        |other: &IamRoleBinding| other.namespace() == now.namespace() && other.spec.federation_ref == *federation;
    let all = trigger.store().state();
    let others = all
        .iter()
        .filter_map(|decoded| decoded.outline())
        .filter(|other| beside(other));
    let (others, most) = (others.count(), most_roles(&federation.name));
    let displaces = most.is_none_or(|most| usize::try_from(most).is_ok_and(|most| others >= most));
    trigger.wake_where(|other| (displaces && beside(other) || competes_with(now, other)) && claim(other) > first);
}

/// Wakes the one that gets the place of a binding that goes, where its namespace has no more than it may have.
pub(super) fn wake_first_in_line(trigger: &Trigger<IamRoleBinding>, binding: &Decoded<IamRoleBinding>) {
    let Some(gone) = binding.outline() else { return };
    let all = trigger.store().state();
    let waiting = all.iter().filter_map(|decoded| decoded.outline()).filter(|other| {
        other.namespace() == gone.namespace()
            && other.spec.federation_ref == gone.spec.federation_ref
            && waits_for_place(other)
    });
    if let Some(first) = waiting.min_by_key(|other| claim(other)) {
        trigger.wake(first);
    }
}

#[cfg(test)]
pub(super) mod tests;
