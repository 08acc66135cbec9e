//! What the ServiceAccounts carry that a binding made.

use super::*;

#[test]
fn what_a_binding_creates_carries_its_template_and_what_was_there_does_not() {
    let desired = templated(&[("team", "payments")], Some(false));
    let account = made(&desired);
    assert_eq!(account.labels["team"], "payments");
    assert_eq!(account.annotations["example.com/owner"], "team");
    assert_eq!(account.automount, Some(false));
    assert_eq!(desired.change(Some(&account)), AccountChange::Nothing);
    assert_eq!(
        desired.change(Some(&applied())),
        AccountChange::Nothing,
        "of somebody else's making"
    );
    let of_another_binding = DesiredAccount {
        binding: "other".to_owned(),
        ..desired
    };
    let AccountChange::Apply(fields) = of_another_binding.change(Some(&account)) else {
        panic!("the other one made it")
    };
    assert!(!fields.labels.contains_key(OWNER_LABEL));
    assert_eq!(
        (fields.labels["team"].as_str(), fields.automount),
        ("payments", Some(false))
    );
    let taken = after(fields);
    assert_eq!(of_another_binding.change(Some(&taken)), AccountChange::Nothing);
    let disowned = ObservedAccount {
        labels: taken.labels.clone(),
        ours: taken.ours.clone(),
        ..account
    };
    let plan = templated(&[("team", "billing")], None).change(Some(&disowned));
    assert_eq!(
        plan,
        AccountChange::Nothing,
        "without our label it is nobody's to change"
    );
}

#[test]
fn a_field_of_the_template_that_is_gone_is_put_back_and_one_that_is_asked_for_no_more_is_given_up() {
    let desired = templated(&[("team", "payments")], Some(false));
    let whole = made(&desired);
    for field in [
        AccountField::Label("team".to_owned()),
        AccountField::Annotation("example.com/owner".to_owned()),
        AccountField::Automount,
    ] {
        let mut account = whole.clone();
        account.ours.remove(&field);
        match &field {
            AccountField::Annotation(key) => drop(account.annotations.remove(key)),
            AccountField::Label(key) => drop(account.labels.remove(key)),
            AccountField::Automount => account.automount = None,
        }
        let AccountChange::Apply(fields) = desired.change(Some(&account)) else {
            panic!("{field} not put back")
        };
        assert_eq!(after(fields), whole);
    }
    let less = templated(&[], None);
    let AccountChange::Apply(fields) = less.change(Some(&whole)) else {
        panic!("kept")
    };
    assert!(!fields.labels.contains_key("team"));
    assert_eq!(fields.automount, None);
    assert_eq!(less.change(Some(&after(fields))), AccountChange::Nothing);
    let more = templated(&[("team", "payments")], Some(true));
    let AccountChange::Apply(fields) = more.change(Some(&whole)) else {
        panic!("still false")
    };
    assert_eq!(fields.automount, Some(true));
}

#[test]
fn a_field_is_told_by_what_it_is() {
    let told = |field: AccountField| field.to_string();
    assert_eq!(told(AccountField::Label("team".to_owned())), "the label team");
    assert_eq!(told(field(EKS_AUDIENCE)), "the annotation eks.amazonaws.com/audience");
    assert_eq!(told(AccountField::Automount), "automountServiceAccountToken");
}

#[test]
fn where_only_the_metadata_are_known_owning_the_field_is_enough() {
    let desired = templated(&[], Some(false));
    let mut seen = made(&desired);
    seen.automount = None;
    assert_eq!(desired.change(Some(&seen)), AccountChange::Nothing);
    seen.ours.remove(&AccountField::Automount);
    assert!(matches!(desired.change(Some(&seen)), AccountChange::Apply(_)));
    // Nor does one that another binding made wake this one with everything that happens to it.
    let of_another_binding = DesiredAccount {
        binding: "other".to_owned(),
        template: AccountTemplate::default(),
        ..desired.clone()
    };
    let AccountChange::Apply(fields) = of_another_binding.change(Some(&made(&desired))) else {
        panic!("the other one made it")
    };
    let seen = ObservedAccount {
        automount: None,
        ..after(fields)
    };
    assert_eq!(of_another_binding.change(Some(&seen)), AccountChange::Nothing);
}

#[test]
fn who_keeps_another_value_of_the_template_keeps_it_and_nothing_else_waits_for_him() {
    let desired = templated(&[("team", "payments")], Some(false));
    let mut account = made(&desired);
    let team = AccountField::Label("team".to_owned());
    account.labels.insert("team".to_owned(), "billing".to_owned());
    account.ours.remove(&team);
    account.theirs.insert(team.clone(), "kubectl-label".to_owned());
    account.annotations.remove(EKS_AUDIENCE);
    account.ours.remove(&field(EKS_AUDIENCE));
    let AccountChange::Apply(fields) = desired.change(Some(&account)) else {
        panic!("waits")
    };
    assert!(fields.annotations.contains_key(EKS_AUDIENCE));
    assert!(!fields.labels.contains_key("team"));
    assert_eq!(fields.automount, Some(false));
    account
        .annotations
        .insert(EKS_AUDIENCE.to_owned(), "sts.amazonaws.com".to_owned());
    account.ours.insert(field(EKS_AUDIENCE));
    let conflict = AccountChange::Conflict {
        field: team,
        manager: "kubectl-label".to_owned(),
    };
    assert_eq!(desired.change(Some(&account)), conflict);
    account.automount = Some(true);
    account.ours.remove(&AccountField::Automount);
    account.labels.insert("team".to_owned(), "payments".to_owned());
    let AccountChange::Conflict { field, manager } = desired.change(Some(&account)) else {
        panic!("overwritten")
    };
    assert_eq!(
        (field, manager.as_str()),
        (AccountField::Automount, "before-first-apply")
    );
}
