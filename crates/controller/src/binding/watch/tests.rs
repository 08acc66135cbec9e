use futures::poll;
use irsa_core::plan::binding::AccountFields;
use serde_json::json;

use super::*;
use crate::watch::shared;

fn account(name: &str, uid: &str) -> PartialObjectMeta<ServiceAccount> {
    let account = json!({"metadata": {"name": name, "namespace": "ns", "uid": uid}});
    serde_json::from_value(account).unwrap()
}

#[test]
fn a_service_account_that_is_gone_is_forgotten_also_when_only_a_new_list_lacks_it() {
    let memory = BindingMemory::default();
    let mut listed = HashSet::new();
    for uid in ["a", "b", "c"] {
        memory.count_takeover(uid);
        memory.note_undone(&account_of(&account(uid, uid)), AccountFields::default());
    }
    let mut tells = |event| {
        let told = account_in(event, &memory, &mut listed);
        told.map(|(account, exists)| (account.name_any(), exists))
    };
    assert_eq!(tells(Event::Apply(account("a", "a"))), Some(("a".to_owned(), true)));
    assert_eq!(memory.len(), 3);
    assert_eq!(tells(Event::Delete(account("a", "a"))), Some(("a".to_owned(), false)));
    assert_eq!(memory.len(), 2);
    // "c" is another one by now, and "d" is one of whom nothing is remembered.
    assert_eq!(tells(Event::Init), None);
    for (name, uid) in [("b", "b"), ("c", "c2"), ("d", "d")] {
        let listed = Event::InitApply(account(name, uid));
        assert_eq!(tells(listed), Some((name.to_owned(), true)));
    }
    assert_eq!(tells(Event::InitDone), None);
    assert!(memory.knows_account("b"));
    assert_eq!(memory.len(), 1);
    for event in [Event::Init, Event::InitDone] {
        tells(event);
    }
    assert_eq!(memory.len(), 0);
}

fn binding(name: &str) -> Decoded<IamRoleBinding> {
    let binding = json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": name, "namespace": "ns", "uid": name, "generation": 1},
        "spec": {"serviceAccounts": [{"name": name}]},
    });
    Decoded::of(serde_json::from_value(binding).unwrap())
}

#[tokio::test]
async fn a_binding_that_a_list_shows_is_asked_for_when_the_store_has_the_list() {
    let (told, events) = unbounded();
    let (_federations, bindings) = shared();
    let (trigger, mut asked) = Trigger::over(bindings.store.clone());
    let shown = binding_stream(
        events,
        trigger.clone(),
        |_| {},
        |_| Some(9),
        |_| {},
        bindings.writer,
        bindings.lost,
    );
    let mut waking = pin!(wake_shown(shown, &trigger));
    let mut after = async |event| {
        told.unbounded_send(Ok(event)).unwrap();
        assert!(poll!(waking.as_mut()).is_pending());
        let asked = std::iter::from_fn(|| asked.try_recv().ok());
        asked.map(|reference| reference.name).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    for name in ["old", "new"] {
        assert_eq!(after(Event::Init).await, none);
        assert_eq!(after(Event::InitApply(binding(name))).await, none);
        assert_eq!(after(Event::InitDone).await, [name]);
    }
    assert_eq!(after(Event::Apply(binding("newer"))).await, ["newer"]);
}
