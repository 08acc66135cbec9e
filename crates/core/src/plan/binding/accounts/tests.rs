mod removal;
mod template;

use std::collections::BTreeMap;

use super::*;
use crate::vocabulary::{INJECT_LABEL_MANUAL, POD_REGION, POD_STS_REGIONAL_ENDPOINTS};

const ARN: &str = "arn:aws:iam::123456789012:role/irsa/x/app";

fn desired(create: bool) -> DesiredAccount {
    let (binding, role_arn) = ("app".to_owned(), ARN.to_owned());
    DesiredAccount {
        binding,
        role_arn,
        audience: "sts.amazonaws.com".to_owned(),
        pods: PodSettings {
            region: Some("eu-central-1".to_owned()),
            ..PodSettings::default()
        },
        create,
        template: AccountTemplate::default(),
        federations: Arc::new(BTreeSet::from(["00000001".to_owned()])),
    }
}

/// The field of one of the keys that injection needs.
fn field(key: &str) -> AccountField {
    let key = key.to_owned();
    if [INJECT_LABEL, OWNER_LABEL].contains(&key.as_str()) {
        AccountField::Label(key)
    } else {
        AccountField::Annotation(key)
    }
}

/// A ServiceAccount after `fields` were applied by us.
fn after(fields: AccountFields) -> ObservedAccount {
    ObservedAccount {
        uid: "u".to_owned(),
        ours: fields.names(),
        annotations: fields.annotations,
        labels: fields.labels,
        automount: fields.automount,
        ..ObservedAccount::default()
    }
}

fn bare() -> ObservedAccount {
    ObservedAccount {
        uid: "u".to_owned(),
        ..ObservedAccount::default()
    }
}

fn applied() -> ObservedAccount {
    let AccountChange::Apply(keys) = desired(false).change(Some(&bare())) else {
        panic!("not applied")
    };
    after(keys)
}

fn created() -> ObservedAccount {
    let AccountChange::Create(keys) = desired(true).change(None) else {
        panic!("not created")
    };
    let created = after(keys);
    let AccountChange::Apply(keys) = desired(true).change(Some(&created)) else {
        panic!("not confirmed")
    };
    after(keys)
}

/// As a restore tool writes what was read elsewhere: all of it is its own.
fn restored(annotations: &[(&str, &str)]) -> ObservedAccount {
    let entry = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let mut account = ObservedAccount {
        annotations: annotations.iter().map(entry).collect(),
        labels: BTreeMap::from([(INJECT_LABEL.to_owned(), INJECT_LABEL_VALUE.to_owned())]),
        shared: true,
        ..bare()
    };
    let keys = account.annotations.keys().chain(account.labels.keys());
    account.theirs = keys.map(|key| (field(key), "velero-server".to_owned())).collect();
    account
}

fn clear() -> AccountStep {
    AccountStep::Clear {
        left: AccountFields::default(),
    }
}

const THEIRS: &str = "arn:aws:iam::123456789012:role/irsa/0a1b2c3d/irsa-0a1b2c3d-team.app";

fn taken(account: &ObservedAccount) -> (AccountFields, Option<String>) {
    match desired(false).change(Some(account)) {
        AccountChange::TakeOver { fields, replaces } => (fields, replaces),
        other => panic!("not taken over: {other:?}"),
    }
}

#[test]
fn what_was_restored_with_another_clusters_role_is_taken_over_and_confirmed_once() {
    let without_a_mark = restored(&[(EKS_ROLE_ARN, THEIRS), (EKS_AUDIENCE, "sts.amazonaws.com")]);
    let own_path = restored(&[
        (EKS_ROLE_ARN, "arn:aws:iam::1:role/own/path"),
        (CONFIRMED_FOR, "elsewhere"),
    ]);
    let mut unlabelled = own_path.clone();
    unlabelled.labels.clear();
    for account in [without_a_mark, own_path, unlabelled] {
        let before = account.annotations[EKS_ROLE_ARN].clone();
        let (keys, replaces) = taken(&account);
        assert_eq!(replaces, Some(before));
        assert_eq!(keys.annotations[EKS_ROLE_ARN], ARN);
        assert_eq!(keys.annotations[CONFIRMED_FOR], "u");
        let taken = after(keys);
        assert_eq!(desired(false).change(Some(&taken)), AccountChange::Nothing);
        let shared = ObservedAccount {
            theirs: BTreeMap::from([(field(EKS_AUDIENCE), "velero-server".to_owned())]),
            shared: true,
            ..taken
        };
        assert_eq!(shared.removal("app", ARN, false), Some(AccountStep::Strip));
    }
}

#[test]
fn what_pods_got_elsewhere_goes_with_the_role_that_they_had_there() {
    let account = restored(&[
        (EKS_ROLE_ARN, THEIRS),
        (POD_REGION, "us-east-1"),
        (POD_STS_REGIONAL_ENDPOINTS, "true"),
    ]);
    let (keys, _) = taken(&account);
    assert_eq!(keys.annotations[POD_REGION], "eu-central-1");
    assert_eq!(keys.annotations[POD_STS_REGIONAL_ENDPOINTS], "");
    let AccountChange::Apply(keys) = desired(false).change(Some(&after(keys))) else {
        panic!("left there")
    };
    assert!(!keys.annotations.contains_key(POD_STS_REGIONAL_ENDPOINTS));
    assert_eq!(desired(false).change(Some(&after(keys))), AccountChange::Nothing);
}

#[test]
fn a_restore_into_the_same_cluster_is_confirmed_anew_though_the_role_is_the_same() {
    let account = restored(&[
        (EKS_ROLE_ARN, ARN),
        (EKS_AUDIENCE, "sts.amazonaws.com"),
        (CONFIRMED_FOR, "before"),
    ]);
    let (keys, replaces) = taken(&account);
    assert_eq!((replaces, keys.annotations[CONFIRMED_FOR].as_str()), (None, "u"));
    assert_eq!(keys.annotations[RESTORED], RESTORED_VALUE);
}

#[test]
fn what_a_person_set_by_hand_is_never_taken_over() {
    let by_hand = "arn:aws:iam::123456789012:role/by-hand";
    let of_this_cluster = THEIRS.replace("0a1b2c3d", "00000001");
    let mut unlabelled = restored(&[(EKS_ROLE_ARN, THEIRS)]);
    unlabelled.labels.clear();
    let mut manual = restored(&[(EKS_ROLE_ARN, THEIRS)]);
    manual
        .labels
        .insert(INJECT_LABEL.to_owned(), INJECT_LABEL_MANUAL.to_owned());
    let confirmed = restored(&[(EKS_ROLE_ARN, THEIRS), (CONFIRMED_FOR, "u")]);
    let accounts = [
        restored(&[(EKS_ROLE_ARN, by_hand)]),
        restored(&[(EKS_ROLE_ARN, &of_this_cluster)]),
        unlabelled,
        manual,
        confirmed,
    ];
    for account in accounts {
        let plan = desired(false).change(Some(&account));
        assert!(matches!(plan, AccountChange::Conflict { .. }), "{plan:?}");
    }
}

#[test]
fn a_role_that_is_put_back_after_it_was_confirmed_is_a_conflict() {
    let (keys, _) = taken(&restored(&[(EKS_ROLE_ARN, THEIRS)]));
    let mut account = after(keys);
    account.annotations.insert(EKS_ROLE_ARN.to_owned(), THEIRS.to_owned());
    account.ours.remove(&field(EKS_ROLE_ARN));
    account.theirs = BTreeMap::from([(field(EKS_ROLE_ARN), "argocd-controller".to_owned())]);
    let plan = desired(false).change(Some(&account));
    assert!(matches!(plan, AccountChange::Conflict { .. }), "{plan:?}");
}

#[test]
fn an_empty_role_is_nobodys_opinion_and_another_audience_is_still_somebodys() {
    let mut account = restored(&[(EKS_ROLE_ARN, "")]);
    account.labels.clear();
    account.theirs.remove(&field(INJECT_LABEL));
    let (keys, replaces) = taken(&account);
    assert_eq!((keys.annotations.contains_key(RESTORED), replaces), (false, None));
    account.theirs.clear();
    assert!(
        matches!(desired(false).change(Some(&account)), AccountChange::TakeOver { .. }),
        "not tracked"
    );
    account.annotations.insert(EKS_AUDIENCE.to_owned(), "other".to_owned());
    account.theirs.insert(field(EKS_AUDIENCE), "helm".to_owned());
    let conflict = AccountChange::Conflict {
        field: field(EKS_AUDIENCE),
        manager: "helm".to_owned(),
    };
    assert_eq!(desired(false).change(Some(&account)), conflict);
}

#[test]
fn a_confirmation_that_somebody_changed_is_put_right() {
    let mut account = applied();
    account.annotations.insert(CONFIRMED_FOR.to_owned(), "x".to_owned());
    account.ours.remove(&field(CONFIRMED_FOR));
    account.theirs = BTreeMap::from([(field(CONFIRMED_FOR), "kubectl-edit".to_owned())]);
    let (keys, _) = taken(&account);
    assert_eq!(keys.annotations[CONFIRMED_FOR], "u");
    assert!(
        !keys.annotations.contains_key(RESTORED),
        "the rest of it is what we wrote here"
    );
}

#[test]
fn an_existing_account_gets_our_annotations_and_the_label_once() {
    let account = applied();
    assert_eq!(account.annotations[EKS_ROLE_ARN], ARN);
    assert_eq!(account.annotations[EKS_AUDIENCE], "sts.amazonaws.com");
    assert_eq!(account.annotations[POD_REGION], "eu-central-1");
    assert_eq!(
        account.labels,
        BTreeMap::from([(INJECT_LABEL.to_owned(), "true".to_owned())])
    );
    assert_eq!(desired(false).change(Some(&account)), AccountChange::Nothing);
    assert_eq!(desired(true).change(Some(&account)), AccountChange::Nothing);
}

#[test]
fn a_missing_account_is_created_only_when_asked() {
    assert_eq!(desired(false).change(None), AccountChange::Missing);
    let account = created();
    assert_eq!(account.labels[OWNER_LABEL], "app");
    assert_eq!(account.annotations[CONFIRMED_FOR], "u");
    assert_eq!(desired(true).change(Some(&account)), AccountChange::Nothing);
}

#[test]
fn a_removed_key_is_put_back_and_the_owner_label_is_not_dropped() {
    for key in [EKS_ROLE_ARN, EKS_AUDIENCE, POD_REGION, INJECT_LABEL, CONFIRMED_FOR] {
        let mut account = created();
        account.annotations.remove(key);
        account.labels.remove(key);
        account.ours.remove(&field(key));
        let AccountChange::Apply(keys) = desired(true).change(Some(&account)) else {
            panic!("{key} not put back")
        };
        assert_eq!(keys.labels[OWNER_LABEL], "app");
        assert_eq!(keys.annotations.len() + keys.labels.len(), 6);
    }
}

#[test]
fn another_value_that_nobody_is_on_record_for_is_a_conflict_too() {
    let mut account = applied();
    account.ours.clear();
    assert_eq!(desired(false).change(Some(&account)), AccountChange::Nothing);
    account.annotations.insert(EKS_ROLE_ARN.to_owned(), "other".to_owned());
    let conflict = AccountChange::Conflict {
        field: field(EKS_ROLE_ARN),
        manager: "before-first-apply".to_owned(),
    };
    assert_eq!(desired(false).change(Some(&account)), conflict);
}

#[test]
fn another_managers_other_value_is_a_conflict_and_its_equal_value_is_fine() {
    let mut account = applied();
    account.ours.clear();
    account.theirs = BTreeMap::from([(field(EKS_ROLE_ARN), "helm".to_owned())]);
    assert_eq!(desired(false).change(Some(&account)), AccountChange::Nothing);
    account
        .annotations
        .insert(EKS_ROLE_ARN.to_owned(), "arn:aws:iam::1:role/other".to_owned());
    let conflict = AccountChange::Conflict {
        field: field(EKS_ROLE_ARN),
        manager: "helm".to_owned(),
    };
    assert_eq!(desired(false).change(Some(&account)), conflict);
    account.annotations.remove(EKS_AUDIENCE);
    assert_eq!(desired(false).change(Some(&account)), conflict);
}

#[test]
fn our_own_old_value_is_replaced() {
    let moved = DesiredAccount {
        role_arn: format!("{ARN}2"),
        ..desired(false)
    };
    let AccountChange::Apply(keys) = moved.change(Some(&applied())) else {
        panic!("not applied")
    };
    assert_eq!(keys.annotations[EKS_ROLE_ARN], format!("{ARN}2"));
}

#[test]
fn a_setting_that_is_wanted_no_more_is_taken_off_once_and_somebody_elses_is_left() {
    let without = DesiredAccount {
        pods: PodSettings::default(),
        ..desired(false)
    };
    let AccountChange::Apply(keys) = without.change(Some(&applied())) else {
        panic!("it stays")
    };
    assert!(!keys.annotations.contains_key(POD_REGION));
    assert_eq!(without.change(Some(&after(keys))), AccountChange::Nothing);
    let mut by_hand = applied();
    by_hand.ours.remove(&field(POD_REGION));
    by_hand.theirs = BTreeMap::from([(field(POD_REGION), "kubectl".to_owned())]);
    assert_eq!(without.change(Some(&by_hand)), AccountChange::Nothing);
    let other_region = "us-east-1".to_owned();
    by_hand.annotations.insert(POD_REGION.to_owned(), other_region);
    let conflict = AccountChange::Conflict {
        field: field(POD_REGION),
        manager: "kubectl".to_owned(),
    };
    assert_eq!(desired(false).change(Some(&by_hand)), conflict);
}

fn templated(labels: &[(&str, &str)], automount: Option<bool>) -> DesiredAccount {
    let entry = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let labels = labels.iter().map(entry).collect();
    let annotations = BTreeMap::from([("example.com/owner".to_owned(), "team".to_owned())]);
    DesiredAccount {
        template: AccountTemplate::new(&labels, &annotations, automount).unwrap(),
        ..desired(true)
    }
}

/// What `desired` makes, and confirms.
fn made(desired: &DesiredAccount) -> ObservedAccount {
    let AccountChange::Create(fields) = desired.change(None) else {
        panic!("not created")
    };
    let AccountChange::Apply(fields) = desired.change(Some(&after(fields))) else {
        panic!("not confirmed")
    };
    after(fields)
}
