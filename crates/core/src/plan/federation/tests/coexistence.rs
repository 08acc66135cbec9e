//! What others offer, keep or publish.

use super::*;
use crate::{
    documents,
    jwks::{self, KeySet, samples},
    plan::Step,
    vocabulary::{OBJECT_METADATA_ADOPT, TAG_ADOPT},
};

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
    let made: Vec<ConditionType> = plan.steps.iter().map(Step::aspect).collect();
    assert_eq!(made, [ConditionType::KeysObserved, ConditionType::ProviderRegistered]);
    let held = plan.without_registration().steps;
    assert_eq!(
        held,
        [FederationStep::SaveRecord {
            record: "record".to_owned()
        }]
    );
}

fn keys(keys: &[jwks::PublicKey]) -> Vec<u8> {
    documents::jwks(&KeySet::of(keys.iter().cloned()).unwrap())
}

/// What publishes these keys, and takes over what is offered.
fn adopting(published: &[jwks::PublicKey]) -> DesiredFederation {
    let mut wanted = desired();
    wanted.handover.adopt = true;
    wanted.documents.as_mut().unwrap().jwks.bytes = keys(published);
    wanted
}

/// A hand-made set-up with these keys, of which so much is offered.
fn by_hand(published: &[jwks::PublicKey], offered: &[DocumentKind]) -> ObservedFederation {
    changed(|observed| {
        observed.established = false;
        observed.bucket_policy = None;
        for (kind, document) in [
            (DocumentKind::Jwks, observed.jwks.as_mut().unwrap()),
            (DocumentKind::Discovery, observed.discovery.as_mut().unwrap()),
        ] {
            document.metadata = BTreeMap::new();
            if offered.contains(&kind) {
                document
                    .metadata
                    .insert(OBJECT_METADATA_ADOPT.to_owned(), owner().adoption());
            }
        }
        observed.jwks.as_mut().unwrap().bytes = keys(published);
    })
}

const BOTH: [DocumentKind; 2] = [DocumentKind::Jwks, DocumentKind::Discovery];

#[test]
fn documents_made_by_hand_are_refused_with_what_hands_them_over_and_how_their_keys_compare() {
    let (one, two) = (samples::numbered(1), samples::numbered(2));
    let wanted = adopting(&[one.clone(), two.clone()]);
    let message = |there: &[jwks::PublicKey]| {
        let refusal = FederationPlan::apply(&wanted, &by_hand(there, &[]), None).unwrap_err();
        assert_eq!(refusal.reason(), Reason::BucketShared);
        let message = refusal.to_string();
        let metadata = format!("{OBJECT_METADATA_ADOPT}={}", owner().adoption());
        assert!(
            message.contains(&metadata) && message.contains("spec.publish.s3.adopt"),
            "{message}"
        );
        message
    };
    assert!(message(&[one.clone(), two.clone()]).contains("exactly those"));
    assert!(message(std::slice::from_ref(&one)).contains("lacks keys"));
    let more = message(&[one.clone(), samples::numbered(3)]);
    assert!(more.contains("no API server here serves: key-3"), "{more}");
    let renamed = message(&[samples::numbered_as(1, "other"), two.clone()]);
    assert!(renamed.contains("other"), "{renamed}");
    let mut broken = by_hand(&[], &[]);
    broken.jwks.as_mut().unwrap().bytes = b"<html>".to_vec();
    let refusal = FederationPlan::apply(&wanted, &broken, None).unwrap_err().to_string();
    assert!(refusal.contains("no key set that can be read"), "{refusal}");
}

#[test]
fn documents_are_taken_only_where_all_are_offered_and_wanted() {
    let one = [samples::numbered(1)];
    let taken = |wanted: &DesiredFederation, offered: &[DocumentKind]| {
        FederationPlan::apply(wanted, &by_hand(&one, offered), None).is_ok()
    };
    assert!(taken(&adopting(&one), &BOTH));
    let mut unasked = adopting(&one);
    unasked.handover.adopt = false;
    assert!(!taken(&unasked, &BOTH));
    assert!(!taken(&adopting(&one), &[DocumentKind::Jwks]));
    assert!(!taken(&adopting(&one), &[DocumentKind::Discovery]));
    let mut to_another = by_hand(&one, &BOTH);
    let metadata = &mut to_another.jwks.as_mut().unwrap().metadata;
    metadata.insert(OBJECT_METADATA_ADOPT.to_owned(), format!("{}0", owner().adoption()));
    assert!(FederationPlan::apply(&adopting(&one), &to_another, None).is_err());
}

#[test]
fn no_key_gets_lost_by_a_hand_over() {
    let (one, old) = (samples::numbered(1), samples::numbered(2));
    let there = by_hand(&[one.clone(), old.clone()], &BOTH);
    let refusal = FederationPlan::apply(&adopting(std::slice::from_ref(&one)), &there, None).unwrap_err();
    let message = refusal.to_string();
    assert!(
        message.contains("key-2") && message.contains("spec.signingKeys.additional"),
        "{message}"
    );
    assert!(FederationPlan::apply(&adopting(&[one.clone(), old.clone()]), &there, None).is_ok());
    let mut dropped = adopting(std::slice::from_ref(&one));
    dropped.handover.revoked.insert(old.thumbprint().clone());
    assert!(
        FederationPlan::apply(&dropped, &there, None).is_ok(),
        "a person wants it to go"
    );
}

#[test]
fn what_is_taken_over_is_readable_first_then_replaced_and_ours_after_every_step() {
    let one = [samples::numbered(1)];
    let (wanted, mut world) = (adopting(&one), by_hand(&one, &BOTH));
    let steps = FederationPlan::apply(&wanted, &world, None).unwrap().steps;
    let aspects: Vec<ConditionType> = steps.iter().map(Step::aspect).collect();
    assert_eq!(
        aspects,
        [
            ConditionType::PubliclyReadable,
            ConditionType::Published,
            ConditionType::Published
        ]
    );
    for step in steps {
        assert!(!matches!(step, FederationStep::DeleteDocument { .. }));
        super::super::properties::run(step, &mut world);
        assert!(world.jwks.is_some() && world.discovery.is_some());
        assert!(FederationPlan::apply(&wanted, &world, None).is_ok());
    }
    assert_eq!(world.jwks.as_ref().unwrap().metadata, owner().metadata());
    let mut later = wanted;
    later.handover = Handover::default();
    assert_eq!(FederationPlan::apply(&later, &world, None).unwrap().steps, []);
}
