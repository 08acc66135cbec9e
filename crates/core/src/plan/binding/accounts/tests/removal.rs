//! How what was done to a ServiceAccount is undone.

use super::*;

#[test]
fn only_what_this_binding_did_is_undone() {
    assert_eq!(applied().removal("app", ARN, false), Some(clear()));
    assert_eq!(applied().removal("app", "another role", false), None);
    let mut taken_over = applied();
    taken_over.ours.clear();
    assert_eq!(taken_over.removal("app", ARN, false), None);
    let mut bare = applied();
    bare.annotations.clear();
    assert_eq!(bare.removal("app", ARN, false), None);
}

#[test]
fn an_account_is_deleted_only_when_we_made_it_and_nobody_else_uses_it() {
    assert_eq!(created().removal("app", ARN, false), Some(AccountStep::Delete));
    assert_eq!(
        ObservedAccount {
            shared: true,
            ..created()
        }
        .removal("app", ARN, false),
        Some(clear())
    );
    assert_eq!(created().removal("other", ARN, false), Some(clear()));
    let mut labelled_by_hand = applied();
    labelled_by_hand.labels.insert(OWNER_LABEL.to_owned(), "app".to_owned());
    assert_eq!(labelled_by_hand.removal("app", ARN, false), Some(clear()));
}

#[test]
fn what_others_use_too_keeps_its_template_when_the_binding_goes() {
    let account = made(&templated(&[("team", "payments")], Some(false)));
    assert_eq!(account.removal("app", ARN, false), Some(AccountStep::Delete));
    let shared = ObservedAccount {
        shared: true,
        ..account
    };
    let Some(AccountStep::Clear { left }) = shared.removal("app", ARN, false) else {
        panic!("not cleared")
    };
    let expected = AccountFields {
        annotations: BTreeMap::from([("example.com/owner".to_owned(), "team".to_owned())]),
        labels: BTreeMap::from([("team".to_owned(), "payments".to_owned())]),
        automount: Some(false),
    };
    assert_eq!(left, expected);
}

#[test]
fn one_that_is_still_named_is_never_deleted_and_goes_with_the_binding_later() {
    let account = made(&templated(&[("team", "payments")], Some(false)));
    let Some(AccountStep::Clear { left }) = account.removal("app", ARN, true) else {
        panic!("its pods cannot be started any more")
    };
    let labels = [("team", "payments"), (OWNER_LABEL, "app")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let expected = AccountFields {
        annotations: BTreeMap::from([("example.com/owner".to_owned(), "team".to_owned())]),
        labels: BTreeMap::from(labels),
        automount: Some(false),
    };
    assert_eq!(left, expected);
    let left = after(left);
    assert_eq!(left.removal("app", ARN, true), None, "once");
    assert_eq!(left.removal("app", ARN, false), Some(AccountStep::Delete));
    assert_eq!(left.removal("other", ARN, false), None);

    let shared = ObservedAccount {
        shared: true,
        ..left.clone()
    };
    assert!(
        matches!(shared.removal("app", ARN, false), Some(AccountStep::Clear { left }) if !left.labels.contains_key(OWNER_LABEL))
    );
    // Another binding that has it now has given up the label by its first apply; until then its role tells.
    let mut anothers = left;
    anothers
        .annotations
        .insert(EKS_ROLE_ARN.to_owned(), "another role".to_owned());
    anothers.ours.insert(field(EKS_ROLE_ARN));
    assert_eq!(anothers.removal("app", ARN, false), None);
}
