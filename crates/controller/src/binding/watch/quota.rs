//! Who comes first where there is not room for all.

use irsa_api::IamRoleBinding;
use irsa_core::vocabulary::Reason;
use kube::ResourceExt;

use super::{
    super::conflicts::{claim, competes_with},
    Trigger,
};
use crate::{
    object::{Managed, reference_to},
    reconciler::Decoded,
};

impl Trigger {
    /// Wakes those that a new binding goes before: one made in the same second may come later and still be first in line.
    pub(super) fn wake_overtaken(&self, binding: &Decoded<IamRoleBinding>) {
        let Some(now) = binding
            .object()
            .filter(|now| self.bindings.get(&reference_to(*now)).is_none())
        else {
            return;
        };
        let first = claim(now);
        self.wake_where(|other| {
            claim(other) > first && (other.namespace() == now.namespace() || competes_with(now, other))
        });
    }

    /// Wakes the one that gets the place of a binding that goes, where its namespace has no more than it may have.
    pub(super) fn wake_first_in_line(&self, binding: &Decoded<IamRoleBinding>) {
        let Some(gone) = binding.object() else { return };
        let all = self.bindings.state();
        let waiting = all.iter().filter_map(|decoded| decoded.object()).filter(|other| {
            other.namespace() == gone.namespace()
                && other.spec.federation_ref == gone.spec.federation_ref
                && waits_for_place(other)
        });
        if let Some(first) = waiting.min_by_key(|other| claim(other)) {
            let _ = self.wake.unbounded_send(reference_to(first));
        }
    }
}

/// Whether a binding has been told that its namespace has as many roles as it may have.
fn waits_for_place(binding: &IamRoleBinding) -> bool {
    binding
        .conditions()
        .iter()
        .any(|condition| condition.reason == Reason::QuotaExceeded.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::trigger::tests::{binding, names, trigger};

    #[test]
    fn a_new_binding_that_goes_before_others_wakes_them_and_one_that_comes_last_wakes_nobody() {
        let all = [binding("m", "x", "sa", 1), binding("n", "x", "sb", 1)];
        let (trigger, woken) = trigger(&all);
        trigger.wake_overtaken(&binding("a", "x", "sc", 1));
        assert_eq!(names(woken), ["m", "n"], "made in the same second, and first by name");
        let (trigger, woken) = super::super::trigger::tests::trigger(&all);
        trigger.wake_overtaken(&binding("z", "x", "sc", 1));
        trigger.wake_overtaken(&all[0]);
        assert_eq!(names(woken), Vec::<String>::new(), "last, and known before");
    }

    #[test]
    fn a_place_that_becomes_free_goes_to_the_first_that_waits_for_one() {
        let waiting = |name: &str| {
            let mut waiting = binding(name, "x", name, 1);
            let status = json!({"conditions": [{"type": "Ready", "status": "False", "reason": "QuotaExceeded",
                "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]});
            waiting.object_mut().unwrap().status = Some(serde_json::from_value(status).unwrap());
            waiting
        };
        let all = [waiting("c"), waiting("b"), binding("a", "x", "a", 1)];
        let (trigger, woken) = trigger(&all);
        trigger.wake_first_in_line(&binding("gone", "x", "gone", 1));
        assert_eq!(names(woken), ["b"]);
        let (trigger, woken) = super::super::trigger::tests::trigger(&all);
        trigger.wake_first_in_line(&binding("gone", "y", "gone", 1));
        assert_eq!(names(woken), Vec::<String>::new(), "another federation's place");
    }
}
