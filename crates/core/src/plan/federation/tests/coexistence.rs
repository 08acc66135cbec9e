//! What others offer, keep or publish.

use super::*;
use crate::vocabulary::TAG_ADOPT;

/// A provider of another cluster that an administrator offers to this federation.
fn offered() -> ObservedProvider {
    let mut tags = desired().provider.tags;
    tags.insert(TAG_CLUSTER.to_owned(), "gone".to_owned());
    tags.insert(TAG_ADOPT.to_owned(), owner().adoption());
    tags.insert("theirs".to_owned(), "x".to_owned());
    ObservedProvider {
        client_ids: set(&["old"]),
        thumbprints: Vec::new(),
        tags,
    }
}

#[test]
fn an_offered_provider_is_taken_only_where_that_is_asked_for_and_known_after_every_step() {
    let mut world = changed(|observed| observed.provider = Some(offered()));
    let refused = FederationPlan::apply(&desired(), &world, None).unwrap_err();
    assert_eq!(refused.reason(), Reason::ForeignProvider);
    assert!(refused.to_string().contains(&owner().adoption()), "{refused}");

    let mut adopting = desired();
    adopting.provider.management = Management::Managed { adopt: true };
    let steps = FederationPlan::apply(&adopting, &world, None).unwrap().steps;
    assert!(matches!(steps.first(), Some(FederationStep::AdoptProvider { tags }) if *tags == owner().tags()));
    for step in steps {
        super::super::properties::run(step, &mut world);
        assert!(
            FederationPlan::apply(&desired(), &world, None).is_ok(),
            "ours after any step"
        );
    }
    assert_eq!(world.provider.as_ref().unwrap().tags, desired().provider.tags);
    assert_eq!(FederationPlan::apply(&desired(), &world, None).unwrap().steps, []);

    for tag in [
        String::new(),
        "5b1c/".to_owned(),
        owner().adoption().to_uppercase(),
        "gone/0".to_owned(),
    ] {
        let mut foreign = offered();
        foreign.tags.insert(TAG_ADOPT.to_owned(), tag.clone());
        let world = changed(|observed| observed.provider = Some(foreign));
        assert!(FederationPlan::apply(&adopting, &world, None).is_err(), "{tag}");
    }
}

#[test]
fn a_provider_that_somebody_else_keeps_is_judged_and_never_written() {
    let mut existing = desired();
    existing.provider.management = Management::Existing;
    let judged = |provider: Option<ObservedProvider>| {
        let world = changed(|observed| observed.provider.clone_from(&provider));
        assert_eq!(steps(&existing, &world), []);
        existing.provider.check_existing(provider.as_ref())
    };
    assert_eq!(judged(None), Err(ProviderMismatch::Missing("arn:p".to_owned())));
    let lacking = judged(Some(offered())).unwrap_err();
    assert!(lacking.to_string().contains("sts.amazonaws.com"), "{lacking}");
    let mut good = offered();
    good.client_ids.insert("sts.amazonaws.com".to_owned());
    assert_eq!(
        judged(Some(good)),
        Ok(()),
        "also with more audiences, other tags and other thumbprints"
    );
    assert_eq!(desired().provider.check_existing(None), Ok(()), "ours is made");

    let keeps = Removable {
        owner: owner(),
        provider: false,
        written: BTreeMap::new(),
        public_read: None,
    };
    let left = FederationPlan::remove(&keeps, &observed()).unwrap();
    assert!(
        !left.contains(&FederationStep::DeleteProvider),
        "also with our tags on it"
    );
}

#[test]
fn where_somebody_else_publishes_nothing_is_published() {
    let mut external = desired();
    external.documents = None;
    let nothing = ObservedFederation::default();
    let plan = FederationPlan::apply(&external, &nothing, None).unwrap();
    let made: Vec<ConditionType> = plan.steps.iter().map(FederationStep::aspect).collect();
    assert_eq!(made, [ConditionType::KeysObserved, ConditionType::ProviderRegistered]);
    let held = plan.without_registration().steps;
    assert_eq!(
        held,
        [FederationStep::SaveRecord {
            record: "record".to_owned()
        }]
    );
}
