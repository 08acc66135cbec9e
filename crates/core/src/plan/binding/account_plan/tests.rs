//! Against server-side apply as Kubernetes documents it, written down anew: each field with its value and its managers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proptest::{collection::btree_map, prelude::*, sample::select};

use super::*;
use crate::{
    plan::binding::{AccountFields, AccountTemplate, PodSettings},
    vocabulary::{
        EKS_AUDIENCE, EKS_ROLE_ARN, INJECT_LABEL, OWNER_LABEL, POD_REGION, POD_STS_REGIONAL_ENDPOINTS, RESTORED,
        RESTORED_VALUE,
    },
};

const ARN: &str = "arn:aws:iam::123456789012:role/irsa/00000001/irsa-00000001-team.app";
const OF_ANOTHER_CLUSTER: &str = "arn:aws:iam::123456789012:role/irsa/0a1b2c3d/irsa-0a1b2c3d-team.app";
const US: &str = "us";
/// Whose fields are those that nobody had set when the first apply came.
const BEFORE: &str = "before-first-apply";

/// An object as the API server keeps it.
#[derive(Debug, Clone, PartialEq)]
struct Stored {
    uid: String,
    fields: BTreeMap<AccountField, (String, BTreeSet<String>)>,
}

impl Stored {
    fn apply(&mut self, fields: &AccountFields, force: bool) -> Result<(), AccountField> {
        for (_, managers) in self.fields.values_mut().filter(|(_, managers)| managers.is_empty()) {
            managers.insert(BEFORE.to_owned());
        }
        let wanted = values(fields);
        for (field, value) in &wanted {
            let (present, managers) = self.fields.entry(field.clone()).or_default();
            if present != value && managers.iter().any(|manager| manager != US) {
                if !force {
                    return Err(field.clone());
                }
                managers.clear();
            }
            present.clone_from(value);
            managers.insert(US.to_owned());
        }
        for (field, (_, managers)) in &mut self.fields {
            if !wanted.contains_key(field) {
                managers.remove(US);
            }
        }
        self.fields.retain(|_, (_, managers)| !managers.is_empty());
        Ok(())
    }

    fn observed(&self) -> ObservedAccount {
        let mut account = ObservedAccount {
            uid: self.uid.clone(),
            ..ObservedAccount::default()
        };
        for (field, (value, managers)) in &self.fields {
            match field {
                AccountField::Annotation(key) => drop(account.annotations.insert(key.clone(), value.clone())),
                AccountField::Label(key) => drop(account.labels.insert(key.clone(), value.clone())),
                AccountField::Automount => account.automount = Some(value == "true"),
            }
            if managers.contains(US) {
                account.ours.insert(field.clone());
            }
            if let Some(other) = managers.iter().find(|manager| *manager != US) {
                account.theirs.insert(field.clone(), other.clone());
                account.shared = true;
            }
        }
        account
    }
}

fn values(fields: &AccountFields) -> BTreeMap<AccountField, String> {
    let annotations = fields.annotations.iter();
    let labels = fields.labels.iter();
    let automount = fields
        .automount
        .map(|value| (AccountField::Automount, value.to_string()));
    annotations
        .map(|(key, value)| (AccountField::Annotation(key.clone()), value.clone()))
        .chain(labels.map(|(key, value)| (AccountField::Label(key.clone()), value.clone())))
        .chain(automount)
        .collect()
}

fn annotation(key: &str) -> AccountField {
    AccountField::Annotation(key.to_owned())
}

fn label(key: &str) -> AccountField {
    AccountField::Label(key.to_owned())
}

fn desired(create: bool, region: bool, template: bool) -> DesiredAccount {
    let owner = BTreeMap::from([("example.com/owner".to_owned(), "team".to_owned())]);
    DesiredAccount {
        binding: "app".to_owned(),
        role_arn: ARN.to_owned(),
        audience: "sts.amazonaws.com".to_owned(),
        pods: PodSettings {
            region: region.then(|| "eu-central-1".to_owned()),
            ..PodSettings::default()
        },
        create,
        template: if template {
            AccountTemplate::new(&BTreeMap::new(), &owner, Some(false)).unwrap()
        } else {
            AccountTemplate::default()
        },
        federations: Arc::new(BTreeSet::from(["00000001".to_owned()])),
    }
}

fn stored() -> impl Strategy<Value = Stored> {
    let possible: Vec<(AccountField, &'static [&'static str])> = vec![
        (
            annotation(EKS_ROLE_ARN),
            &[ARN, OF_ANOTHER_CLUSTER, "arn:aws:iam::1:role/by-hand", ""],
        ),
        (annotation(EKS_AUDIENCE), &["sts.amazonaws.com", "other"]),
        (annotation(CONFIRMED_FOR), &["u", "elsewhere", ""]),
        (annotation(RESTORED), &[RESTORED_VALUE]),
        (annotation(POD_REGION), &["eu-central-1", "us-east-1", ""]),
        (annotation(POD_STS_REGIONAL_ENDPOINTS), &["true"]),
        (annotation("example.com/owner"), &["team", "somebody"]),
        (label(INJECT_LABEL), &["true", "manual"]),
        (label(OWNER_LABEL), &["app", "other"]),
        (AccountField::Automount, &["true", "false"]),
    ];
    let field = select(possible).prop_flat_map(|(field, values)| (Just(field), select(values)));
    let managers: Vec<&'static [&'static str]> = vec![&[], &[US], &["helm"], &[US, "helm"], &["velero"]];
    btree_map(
        field.prop_map(|(field, value)| (field, value.to_owned())),
        select(managers),
        0..8,
    )
    .prop_map(|fields| Stored {
        uid: "u".to_owned(),
        fields: fields
            .into_iter()
            .map(|((field, value), managers)| {
                (
                    field,
                    (value, managers.iter().map(|&manager| manager.to_owned()).collect()),
                )
            })
            .collect(),
    })
}

/// Does a step of a binding's plan; the UID of what it creates is `new`.
fn run(step: &AccountStep, state: Option<Stored>) -> Stored {
    let created = || Stored {
        uid: "new".to_owned(),
        fields: BTreeMap::new(),
    };
    let mut state = state.unwrap_or_else(created);
    let mut applied = match step {
        AccountStep::Create { fields } | AccountStep::Confirm { fields } | AccountStep::Apply { fields } => {
            (fields.clone(), false)
        }
        AccountStep::TakeOver { fields, .. } => (fields.clone(), true),
        other => panic!("{other:?}"),
    };
    if let AccountStep::Confirm { .. } = step {
        applied.0.annotate(CONFIRMED_FOR, &state.uid);
    }
    let (fields, force) = applied;
    assert_eq!(
        state.apply(&fields, force),
        Ok(()),
        "the API server would refuse {step:?}"
    );
    state
}

/// Whether a prediction is right, but for what only the API server knows: a UID, and whose fields are those that nobody had set.
fn is_like(predicted: &ObservedAccount, real: &ObservedAccount) -> bool {
    let known = |account: &ObservedAccount| {
        let mut account = account.clone();
        account.uid.clear();
        account.shared = false;
        account.annotations.remove(CONFIRMED_FOR);
        account.ours.remove(&annotation(CONFIRMED_FOR));
        account.theirs.retain(|_, manager| manager != BEFORE);
        account
    };
    known(predicted) == known(real)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn a_plan_is_what_is_done_and_then_nothing_is_left_to_do(
        before in prop::option::weighted(0.9, stored()), create: bool, region: bool, template: bool,
    ) {
        let desired = desired(create, region, template && create);
        let observed = before.as_ref().map(Stored::observed);
        let plan = AccountPlan::bind("sa", &desired, observed.as_ref());
        let mut now = before.clone();
        for (place, step) in plan.steps.iter().enumerate() {
            let predicted = now.as_ref().map(Stored::observed).unwrap_or_default().after(step);
            let after = run(step, now);
            prop_assert!(is_like(&predicted, &after.observed()), "{:?} and not {:?}", predicted, after.observed());
            // What the answer calls for is what was planned.
            match (desired.change(Some(&after.observed())), plan.steps.get(place + 1)) {
                (AccountChange::Apply(fields), Some(AccountStep::Apply { fields: planned })) => {
                    prop_assert_eq!(&fields, planned);
                }
                (AccountChange::Apply(mut fields), Some(AccountStep::Confirm { fields: planned })) => {
                    prop_assert_eq!(fields.annotations.remove(CONFIRMED_FOR), Some("new".to_owned()));
                    prop_assert_eq!(&fields, planned);
                }
                (AccountChange::Nothing, None) => prop_assert_eq!(&plan.refusal, &None),
                (AccountChange::Conflict { field, manager }, None) => {
                    prop_assert_eq!(plan.refusal.clone(), Some(AccountRefusal::Conflict { field, manager }));
                }
                (change, next) => prop_assert!(false, "{:?} is called for, {:?} was planned", change, next),
            }
            now = Some(after);
        }
        let observed = now.as_ref().map(Stored::observed);
        let again = AccountPlan::bind("sa", &desired, observed.as_ref());
        prop_assert_eq!(&again.steps, &[]);
        prop_assert_eq!(again.refusal, plan.refusal);
        if plan.steps.is_empty() {
            prop_assert_eq!(now, before);
        }
    }
}

#[test]
fn a_missing_one_is_created_and_confirmed() {
    let plan = AccountPlan::bind("sa", &desired(true, false, true), None);
    let [AccountStep::Create { fields }, AccountStep::Confirm { fields: again }] = &plan.steps[..] else {
        panic!("{plan:?}")
    };
    assert_eq!((fields, plan.refusal), (again, None));
    let missing = AccountPlan::bind("sa", &desired(false, false, false), None);
    assert_eq!(
        (missing.steps, missing.refusal),
        (vec![], Some(AccountRefusal::Missing))
    );
}

#[test]
fn what_was_restored_with_other_settings_takes_two_calls() {
    let fields = [
        (annotation(EKS_ROLE_ARN), OF_ANOTHER_CLUSTER),
        (annotation(POD_STS_REGIONAL_ENDPOINTS), "true"),
        (label(INJECT_LABEL), "true"),
    ];
    let velero = || BTreeSet::from(["velero".to_owned()]);
    let restored = Stored {
        uid: "u".to_owned(),
        fields: fields
            .map(|(field, value)| (field, (value.to_owned(), velero())))
            .into(),
    };
    let plan = AccountPlan::bind("sa", &desired(false, true, false), Some(&restored.observed()));
    assert!(
        matches!(
            &plan.steps[..],
            [
                AccountStep::TakeOver { replaces: Some(_), .. },
                AccountStep::Apply { .. }
            ]
        ),
        "{plan:?}"
    );
}

#[test]
fn nothing_is_done_to_one_that_was_never_bound() {
    let plan = AccountPlan::unbind("sa", None, "app", ARN, false);
    assert_eq!((plan.steps, plan.refusal), (vec![], None));
}
