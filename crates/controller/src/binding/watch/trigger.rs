//! The waking itself: who is concerned by what has changed.

use futures::channel::mpsc::UnboundedSender;
use irsa_api::IamRoleBinding;
use kube::{
    ResourceExt,
    runtime::reflector::{ObjectRef, Store},
};

use crate::{
    binding::conflicts::competes_with,
    object::{Managed, reference_to},
    reconciler::Decoded,
};

/// A binding to wake.
pub(super) type Reference = ObjectRef<Decoded<IamRoleBinding>>;

/// Wakes bindings.
#[derive(Clone)]
pub(in crate::binding) struct Trigger {
    pub(super) bindings: Store<Decoded<IamRoleBinding>>,
    pub(super) wake: UnboundedSender<Reference>,
}

impl Trigger {
    #[cfg(test)]
    pub(in crate::binding) fn over(bindings: Store<Decoded<IamRoleBinding>>, wake: UnboundedSender<Reference>) -> Self {
        Self { bindings, wake }
    }

    pub(super) fn wake_users(&self, federation: &str) {
        self.wake_where(|binding| binding.spec.federation_ref.name == federation);
    }

    pub(super) fn wake_namespace(&self, namespace: &str) {
        self.wake_where(|binding| binding.namespace().as_deref() == Some(namespace));
    }

    pub(super) fn wake_bound(&self, namespace: &str, account: &str) {
        self.wake_where(|binding| {
            binding.namespace().as_deref() == Some(namespace)
                && binding.spec.service_accounts.iter().any(|bound| bound.name == account)
        });
    }

    /// Wakes those that want what this binding had.
    pub(super) fn wake_contenders(&self, binding: &Decoded<IamRoleBinding>) {
        let Some(binding) = binding.object() else { return };
        self.wake_where(|other| other.uid() != binding.uid() && competes_with(binding, other));
    }

    /// Wakes those that want what this binding had before its spec changed.
    pub(super) fn wake_contenders_of_earlier(&self, binding: &Decoded<IamRoleBinding>) {
        let Some(now) = binding.object() else { return };
        let earlier = self.bindings.get(&reference_to(now));
        if let Some(earlier) = earlier
            && earlier
                .object()
                .is_some_and(|earlier| earlier.generation() != now.generation())
        {
            self.wake_contenders(&earlier);
        }
    }

    pub(in crate::binding) fn wake_where(&self, validated: impl Fn(&IamRoleBinding) -> bool) {
        for binding in self.bindings.state() {
            if let Some(binding) = binding.object()
                && validated(binding)
            {
                // Nobody listens any more only when the controller has stopped.
                let _ = self.wake.unbounded_send(reference_to(binding));
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use futures::channel::mpsc::{UnboundedReceiver, unbounded};
    use kube::runtime::{reflector, watcher::Event};
    use serde_json::json;

    use super::*;

    pub(in crate::binding::watch) fn binding(
        name: &str,
        federation: &str,
        account: &str,
        generation: i64,
    ) -> Decoded<IamRoleBinding> {
        let binding = json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": name, "namespace": "ns", "uid": name, "generation": generation},
            "spec": {"serviceAccounts": [{"name": account}], "federationRef": {"name": federation}},
        });
        Decoded(Ok(serde_json::from_value(binding).unwrap()))
    }

    pub(in crate::binding::watch) fn trigger(
        bindings: &[Decoded<IamRoleBinding>],
    ) -> (Trigger, UnboundedReceiver<Reference>) {
        let (reader, mut writer) = reflector::store();
        for binding in bindings {
            writer.apply_watcher_event(&Event::Apply(binding.clone()));
        }
        let (wake, woken) = unbounded();
        (Trigger { bindings: reader, wake }, woken)
    }

    /// Names of the bindings woken, in order.
    pub(in crate::binding::watch) fn names(mut woken: UnboundedReceiver<Reference>) -> Vec<String> {
        let mut names: Vec<String> = std::iter::from_fn(|| woken.try_recv().ok())
            .map(|one| one.name)
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_federation_wakes_its_own_bindings_only() {
        let (trigger, woken) = trigger(&[
            binding("a", "x", "sa", 1),
            binding("b", "y", "sb", 1),
            binding("c", "x", "sc", 1),
        ]);
        trigger.wake_users("x");
        assert_eq!(names(woken), ["a", "c"]);
    }

    #[test]
    fn an_account_wakes_the_bindings_of_its_namespace_that_name_it() {
        let (trigger, woken) = trigger(&[binding("a", "x", "sa", 1), binding("b", "x", "sb", 1)]);
        trigger.wake_bound("elsewhere", "sa");
        trigger.wake_bound("ns", "sb");
        assert_eq!(names(woken), ["b"]);
    }

    #[test]
    fn a_binding_that_goes_or_lets_go_wakes_those_that_wait_for_what_it_had() {
        let all = [
            binding("old", "x", "sa", 1),
            binding("young", "x", "sa", 1),
            binding("other", "x", "sb", 1),
        ];
        let (trigger, woken) = trigger(&all);
        trigger.wake_contenders(&all[0]);
        assert_eq!(names(woken), ["young"]);

        let (trigger, woken) = self::trigger(&all);
        trigger.wake_contenders_of_earlier(&binding("old", "x", "sa", 1));
        trigger.wake_contenders_of_earlier(&binding("new", "x", "sa", 1));
        assert_eq!(names(woken), Vec::<String>::new(), "same spec, or never seen before");

        let (trigger, woken) = self::trigger(&all);
        trigger.wake_contenders_of_earlier(&binding("old", "x", "elsewhere", 2));
        assert_eq!(names(woken), ["young"]);
    }
}
