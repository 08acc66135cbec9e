use futures::channel::mpsc::UnboundedReceiver;
use kube::runtime::{
    reflector::{self, ObjectRef},
    watcher::Event,
};
use serde_json::json;

use super::*;

type Reference = ObjectRef<Decoded<IamRoleBinding>>;

pub(in crate::binding) fn binding(
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
    Decoded::of(serde_json::from_value(binding).unwrap())
}

pub(in crate::binding) fn trigger(
    bindings: &[Decoded<IamRoleBinding>],
) -> (Trigger<IamRoleBinding>, UnboundedReceiver<Reference>) {
    let (reader, mut writer) = reflector::store();
    for binding in bindings {
        writer.apply_watcher_event(&Event::Apply(binding.clone()));
    }
    Trigger::over(reader)
}

/// Names of the bindings woken, in order.
fn names(mut woken: UnboundedReceiver<Reference>) -> Vec<String> {
    let mut names: Vec<String> = std::iter::from_fn(|| woken.try_recv().ok())
        .map(|one| one.name)
        .collect();
    names.sort();
    names
}

#[test]
fn a_federation_wakes_its_own_bindings_only() {
    let (trigger, woken) = self::trigger(&[
        binding("a", "x", "sa", 1),
        binding("b", "y", "sb", 1),
        binding("c", "x", "sc", 1),
    ]);
    wake_users(&trigger, "x");
    assert_eq!(names(woken), ["a", "c"]);
}

#[test]
fn an_account_wakes_the_bindings_of_its_namespace_that_name_it() {
    let (trigger, woken) = self::trigger(&[binding("a", "x", "sa", 1), binding("b", "x", "sb", 1)]);
    wake_bound(&trigger, "elsewhere", "sa");
    wake_bound(&trigger, "ns", "sb");
    assert_eq!(names(woken), ["b"]);
}

#[test]
fn a_binding_that_goes_or_lets_go_wakes_those_that_wait_for_what_it_had() {
    let all = [
        binding("old", "x", "sa", 1),
        binding("young", "x", "sa", 1),
        binding("other", "x", "sb", 1),
    ];
    let (trigger, woken) = self::trigger(&all);
    wake_contenders(&trigger, &all[0]);
    assert_eq!(names(woken), ["young"]);

    let (trigger, woken) = self::trigger(&all);
    wake_contenders_of_earlier(&trigger, &binding("old", "x", "sa", 1));
    wake_contenders_of_earlier(&trigger, &binding("new", "x", "sa", 1));
    assert_eq!(names(woken), Vec::<String>::new(), "same spec, or never seen before");

    let (trigger, woken) = self::trigger(&all);
    wake_contenders_of_earlier(&trigger, &binding("old", "x", "elsewhere", 2));
    assert_eq!(names(woken), ["young"]);
}

#[test]
fn a_new_binding_that_goes_before_others_wakes_them_and_one_that_comes_last_wakes_nobody() {
    let all = [binding("m", "x", "sa", 1), binding("n", "x", "sb", 1)];
    for most_roles in [None, Some(0), Some(2)] {
        let (trigger, woken) = self::trigger(&all);
        wake_overtaken(&trigger, &binding("a", "x", "sc", 1), |_| most_roles);
        assert_eq!(names(woken), ["m", "n"], "made in the same second, and first by name");
        let (trigger, woken) = self::trigger(&all);
        wake_overtaken(&trigger, &binding("z", "x", "sc", 1), |_| most_roles);
        wake_overtaken(&trigger, &all[0], |_| most_roles);
        assert_eq!(names(woken), Vec::<String>::new(), "last, and known before");
    }
}

#[test]
fn where_all_have_a_place_a_new_binding_wakes_only_those_that_want_the_same() {
    let all = [binding("m", "x", "sa", 1), binding("n", "x", "sb", 1)];
    for (account, overtaken) in [("sc", vec![]), ("sb", vec!["n"])] {
        let (trigger, woken) = self::trigger(&all);
        wake_overtaken(&trigger, &binding("a", "x", account, 1), |_| Some(3));
        assert_eq!(names(woken), overtaken);
    }
}

#[test]
fn a_place_that_becomes_free_goes_to_the_first_that_waits_for_one() {
    let refused = |name: &str, aspect: &str| {
        let mut waiting = binding(name, "x", name, 1).whole().unwrap();
        let status = json!({"conditions": [{"type": aspect, "status": "False", "reason": "QuotaExceeded",
            "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]});
        waiting.status = Some(serde_json::from_value(status).unwrap());
        Decoded::of(waiting)
    };
    let waiting = |name: &str| refused(name, "Admitted");
    let by_aws = refused("aa", "PoliciesSynced");
    let all = [waiting("c"), by_aws, waiting("b"), binding("a", "x", "a", 1)];
    let (trigger, woken) = self::trigger(&all);
    wake_first_in_line(&trigger, &binding("gone", "x", "gone", 1));
    assert_eq!(names(woken), ["b"]);
    let (trigger, woken) = self::trigger(&all);
    wake_first_in_line(&trigger, &binding("gone", "y", "gone", 1));
    assert_eq!(names(woken), Vec::<String>::new(), "another federation's place");
}
