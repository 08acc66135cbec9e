//! Plans for one thing at a time.

mod coexistence;
mod removal;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    issuer::IssuerUrl,
    naming::{FederationOwner, IgnoredTags, Tags, federation_tags},
    plan::Cause,
    vocabulary::{ConditionType, Reason, TAG_CLUSTER, TAG_UID},
};

pub(super) fn owner() -> FederationOwner {
    FederationOwner {
        cluster: "5b1c".to_owned(),
        federation: "default".to_owned(),
    }
}

pub(super) fn document(content: &str) -> DesiredDocument {
    DesiredDocument {
        bytes: content.into(),
        content_type: "application/json".to_owned(),
        cache_control: "max-age=300".to_owned(),
        metadata: owner().metadata(),
    }
}

pub(super) fn public_read() -> PublicReadStatement {
    let issuer = IssuerUrl::parse("https://b.s3.eu-central-1.amazonaws.com").unwrap();
    PublicReadStatement::new(&issuer, "b", "eu-central-1")
}

fn set(items: &[&str]) -> BTreeSet<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

pub(super) fn desired() -> DesiredFederation {
    DesiredFederation {
        owner: owner(),
        record: "record".to_owned(),
        documents: Some(DesiredDocuments {
            jwks: document("keys"),
            discovery: document("discovery"),
            public_read: Some(public_read()),
        }),
        provider: DesiredProvider {
            ignored_tags: IgnoredTags::default(),
            management: Management::Managed { adopt: false },
            arn: "arn:p".to_owned(),
            client_ids: set(&["sts.amazonaws.com"]),
            thumbprints: Vec::new(),
            tags: federation_tags(&owner(), "u-1", &Tags::from([("team".to_owned(), "p".to_owned())])).unwrap(),
        },
        handover: Handover::default(),
    }
}

fn stored(document: &DesiredDocument, etag: &str) -> ObservedDocument {
    let document = document.clone();
    ObservedDocument {
        bytes: document.bytes,
        etag: etag.to_owned(),
        content_type: Some(document.content_type),
        cache_control: Some(document.cache_control),
        content_encoding: None,
        encryption: Some("AES256".to_owned()),
        metadata: document.metadata,
    }
}

fn observed() -> ObservedFederation {
    let wanted = desired();
    let Ok(PolicyChange::Put(policy)) = public_read().put(None, false) else {
        panic!("no policy")
    };
    ObservedFederation {
        bucket: ObservedBucket::Theirs,
        record: Some(wanted.record.clone()),
        jwks: wanted
            .document(DocumentKind::Jwks)
            .map(|document| stored(document, "\"k\"")),
        discovery: wanted
            .document(DocumentKind::Discovery)
            .map(|document| stored(document, "\"d\"")),
        bucket_policy: Some(policy),
        provider: Some(ObservedProvider {
            client_ids: wanted.provider.client_ids,
            thumbprints: vec!["a".repeat(40)],
            tags: wanted.provider.tags,
        }),
        established: true,
    }
}

fn steps(desired: &DesiredFederation, observed: &ObservedFederation) -> Vec<FederationStep> {
    FederationPlan::apply(desired, observed, None).unwrap().steps
}

fn changed(change: impl FnOnce(&mut ObservedFederation)) -> ObservedFederation {
    let mut observed = observed();
    change(&mut observed);
    observed
}

#[test]
fn a_federation_that_is_as_it_must_be_needs_nothing() {
    assert_eq!(steps(&desired(), &observed()), []);
}

#[test]
fn a_new_federation_is_recorded_published_opened_and_registered_in_this_order() {
    let plan = FederationPlan::apply(&desired(), &ObservedFederation::default(), None).unwrap();
    let aspects: Vec<ConditionType> = plan.steps.iter().map(crate::plan::Step::aspect).collect();
    assert_eq!(
        aspects,
        [
            ConditionType::KeysObserved,
            ConditionType::Published,
            ConditionType::Published,
            ConditionType::PubliclyReadable,
            ConditionType::ProviderRegistered,
        ]
    );
    let put = |kind, content| FederationStep::PutDocument {
        kind,
        document: document(content),
        replaces: None,
    };
    assert_eq!(
        plan.steps[1..3],
        [
            put(DocumentKind::Jwks, "keys"),
            put(DocumentKind::Discovery, "discovery")
        ]
    );
    assert_eq!(plan.cause, Cause::Spec);
}

#[test]
fn a_document_is_written_again_when_anything_about_it_differs_and_only_over_what_was_seen() {
    type Change = fn(&mut ObservedDocument);
    let changes: [Change; 6] = [
        |document| document.bytes.push(b' '),
        |document| document.content_type = None,
        |document| document.content_encoding = Some("gzip".to_owned()),
        |document| document.encryption = Some("aws:kms".to_owned()),
        |document| document.cache_control = Some("no-store".to_owned()),
        |document| document.metadata.clear(),
    ];
    for change in changes {
        let before = changed(|observed| change(observed.jwks.as_mut().unwrap()));
        let put = FederationStep::PutDocument {
            kind: DocumentKind::Jwks,
            document: document("keys"),
            replaces: Some("\"k\"".to_owned()),
        };
        assert_eq!(steps(&desired(), &before), [put]);
    }
}

#[test]
fn an_unmanaged_policy_is_neither_needed_nor_touched() {
    let mut unmanaged = desired();
    unmanaged.documents.as_mut().unwrap().public_read = None;
    assert_eq!(
        steps(&unmanaged, &changed(|observed| observed.bucket_policy = None)),
        []
    );
}

#[test]
fn a_provider_is_changed_one_thing_at_a_time() {
    let wanted = DesiredFederation {
        provider: DesiredProvider {
            client_ids: set(&["a", "b"]),
            thumbprints: vec!["b".repeat(40)],
            ..desired().provider
        },
        ..desired()
    };
    let before = changed(|observed| {
        let provider = observed.provider.as_mut().unwrap();
        provider.client_ids = set(&["b", "c"]);
        provider.tags.remove("team");
        provider.tags.insert("Team".to_owned(), "p".to_owned());
        provider.tags.insert("aws:x".to_owned(), "y".to_owned());
    });
    assert_eq!(
        steps(&wanted, &before),
        [
            FederationStep::UntagProvider {
                keys: vec!["Team".to_owned()]
            },
            FederationStep::TagProvider {
                tags: Tags::from([("team".to_owned(), "p".to_owned())])
            },
            FederationStep::AddClientId {
                client_id: "a".to_owned()
            },
            FederationStep::RemoveClientId {
                client_id: "c".to_owned()
            },
            FederationStep::SetThumbprints {
                thumbprints: vec!["b".repeat(40)]
            },
        ]
    );
}

#[test]
fn a_full_provider_makes_room_for_an_audience_first() {
    let mut wanted = desired();
    wanted.provider.client_ids = (1..101).map(|number| number.to_string()).collect();
    let before = changed(|observed| {
        observed.provider.as_mut().unwrap().client_ids = (0..100).map(|number| number.to_string()).collect();
    });
    let client_id = |id: &str| id.to_owned();
    assert_eq!(
        steps(&wanted, &before),
        [
            FederationStep::RemoveClientId {
                client_id: client_id("0")
            },
            FederationStep::AddClientId {
                client_id: client_id("100")
            },
        ]
    );
}

#[test]
fn a_provider_with_room_for_one_more_gets_the_new_audience_before_the_old_one_goes() {
    let mut wanted = desired();
    wanted.provider.client_ids = (1..100).map(|number| number.to_string()).collect();
    let before = changed(|observed| {
        observed.provider.as_mut().unwrap().client_ids = (0..99).map(|number| number.to_string()).collect();
    });
    let first = steps(&wanted, &before).remove(0);
    assert!(matches!(first, FederationStep::AddClientId { .. }), "{first}");
}

#[test]
fn thumbprints_that_aws_filled_in_are_no_drift_and_their_case_and_order_mean_nothing() {
    let mut wanted = desired();
    wanted.provider.thumbprints = vec!["a".repeat(40), "b".repeat(40)];
    let before = changed(|observed| {
        observed.provider.as_mut().unwrap().thumbprints = vec!["B".repeat(40), "A".repeat(40)];
    });
    assert_eq!(steps(&wanted, &before), []);
    assert_eq!(steps(&desired(), &before), []);
}

#[test]
fn what_is_somebody_elses_stops_the_whole_plan() {
    let refuse = |observed: &ObservedFederation| FederationPlan::apply(&desired(), observed, None).unwrap_err();
    let stranger = changed(|observed| {
        observed.established = false;
        observed.discovery.as_mut().unwrap().metadata = BTreeMap::new();
    });
    let refusal = refuse(&stranger);
    assert_eq!(
        (refusal.reason(), refusal.aspect()),
        (Reason::BucketShared, ConditionType::Published)
    );
    assert!(refusal.to_string().contains("discovery document"), "{refusal}");
    let provider = changed(|observed| {
        let tags = &mut observed.provider.as_mut().unwrap().tags;
        tags.insert(TAG_CLUSTER.to_owned(), "other".to_owned());
    });
    let refusal = refuse(&provider);
    assert_eq!(
        (refusal.reason(), refusal.aspect()),
        (Reason::ForeignProvider, ConditionType::ProviderRegistered)
    );
    assert!(refusal.to_string().contains("arn:p"), "{refusal}");
    let sid = public_read().sid().to_owned();
    let statement = changed(|observed| {
        observed.established = false;
        observed.bucket_policy = Some(format!(r#"{{"Statement":[{{"Sid":"{sid}","Effect":"Deny"}}]}}"#));
    });
    let refusal = refuse(&statement);
    assert_eq!(
        (refusal.reason(), refusal.aspect()),
        (Reason::BucketShared, ConditionType::PubliclyReadable)
    );
    assert!(refusal.to_string().contains(&sid), "{refusal}");
}

#[test]
fn what_was_put_over_our_documents_is_put_right_whatever_it_claims_to_be() {
    let before = changed(|observed| {
        let forged = observed.jwks.as_mut().unwrap();
        forged.bytes = b"forged".to_vec();
        forged.metadata.clear();
    });
    assert_eq!(steps(&desired(), &before).len(), 1);
}

#[test]
fn repair_is_told_from_a_changed_spec_and_from_new_keys() {
    let drifted = changed(|observed| observed.provider = None);
    let cause = |applied| FederationPlan::apply(&desired(), &drifted, applied).unwrap().cause;
    assert_eq!(cause(Some(desired().fingerprint())), Cause::Drift);
    assert_eq!(cause(None), Cause::Spec);
    let mut older = desired();
    older.documents.as_mut().unwrap().jwks = document("older");
    assert_eq!(cause(Some(older.fingerprint())), Cause::Spec);
    let mut restored = desired();
    restored.provider.tags.insert(TAG_UID.to_owned(), "u-2".to_owned());
    restored.record = "another".to_owned();
    assert_eq!(restored.fingerprint(), desired().fingerprint());
}

#[test]
fn tags_of_somebody_above_us_stay_on_the_provider() {
    let mut wanted = desired();
    wanted.provider.ignored_tags = IgnoredTags::new(&["cost-*".to_owned()]);
    let tagged = changed(|observed| {
        let provider = observed.provider.as_mut().unwrap();
        provider.tags.insert("Cost-Centre".to_owned(), "42".to_owned());
    });
    assert_eq!(steps(&wanted, &tagged), []);
    assert_eq!(steps(&desired(), &tagged).len(), 1);
}
