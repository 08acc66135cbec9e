//! Plans run on a model of the record, the bucket and IAM, from any state to any other.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection, option, prelude::*};

use super::{tests::*, *};
use crate::naming::{Tags, federation_tags};

/// Does one step as Kubernetes, S3 and IAM would, and panics where they would refuse.
pub(super) fn run(step: FederationStep, world: &mut ObservedFederation) {
    match step {
        FederationStep::SaveRecord { record } => world.record = Some(record),
        FederationStep::PutDocument {
            kind,
            document,
            replaces,
        } => {
            let slot = slot(world, kind);
            assert_eq!(slot.as_ref().map(|present| present.etag.clone()), replaces, "412");
            *slot = Some(ObservedDocument {
                etag: format!("\"{}\"", String::from_utf8_lossy(&document.bytes)),
                bytes: document.bytes,
                content_type: Some(document.content_type),
                cache_control: Some(document.cache_control),
                content_encoding: None,
                encryption: Some("AES256".to_owned()),
                metadata: document.metadata,
            });
        }
        FederationStep::DeleteDocument { kind, etag, .. } => {
            let deleted = slot(world, kind).take();
            assert_eq!(deleted.map(|present| present.etag), Some(etag), "412");
        }
        FederationStep::PutBucketPolicy { policy } => world.bucket_policy = Some(policy),
        FederationStep::DeleteBucketPolicy => world.bucket_policy = None,
        FederationStep::CreateProvider {
            client_ids,
            thumbprints,
            tags,
        } => {
            assert!(world.provider.is_none(), "EntityAlreadyExists");
            let own = vec!["f".repeat(40)];
            world.provider = Some(ObservedProvider {
                client_ids,
                thumbprints: if thumbprints.is_empty() { own } else { thumbprints },
                tags,
            });
        }
        FederationStep::DeleteProvider => world.provider = None,
        other => change(other, world.provider.as_mut().expect("a provider to change")),
    }
}

fn change(step: FederationStep, provider: &mut ObservedProvider) {
    match step {
        FederationStep::UntagProvider { keys } => provider.tags.retain(|key, _| !keys.contains(key)),
        FederationStep::AdoptProvider { tags } | FederationStep::TagProvider { tags } => provider.tags.extend(tags),
        FederationStep::AddClientId { client_id } => drop(provider.client_ids.insert(client_id)),
        FederationStep::RemoveClientId { client_id } => assert!(provider.client_ids.remove(&client_id)),
        FederationStep::SetThumbprints { thumbprints } => provider.thumbprints = thumbprints,
        other => panic!("{other:?} is not about the provider"),
    }
}

fn slot(world: &mut ObservedFederation, kind: DocumentKind) -> &mut Option<ObservedDocument> {
    match kind {
        DocumentKind::Jwks => &mut world.jwks,
        DocumentKind::Discovery => &mut world.discovery,
    }
}

fn tags() -> impl Strategy<Value = Tags> {
    collection::btree_map("[a-c]", "[a-b]", 0..3)
}

fn names() -> impl Strategy<Value = BTreeSet<String>> {
    collection::btree_set("[a-d]", 1..4)
}

fn any_desired() -> impl Strategy<Value = DesiredFederation> {
    (
        "[a-b]",
        "[a-b]",
        any::<bool>(),
        names(),
        collection::vec("[a-b]{40}", 0..3),
        tags(),
    )
        .prop_map(
            |(jwks, discovery, managed, client_ids, thumbprints, own)| DesiredFederation {
                documents: Some(DesiredDocuments {
                    jwks: document(&jwks),
                    discovery: document(&discovery),
                    public_read: managed.then(public_read),
                }),
                provider: DesiredProvider {
                    client_ids,
                    thumbprints,
                    tags: federation_tags(&owner(), "u", &own).unwrap(),
                    ignored_tags: crate::naming::IgnoredTags::default(),
                    ..desired().provider
                },
                ..desired()
            },
        )
}

fn any_document() -> impl Strategy<Value = Option<ObservedDocument>> {
    let ours = prop_oneof![Just(owner().metadata()), Just(BTreeMap::new())];
    let encryption = option::of("AES256|aws:kms");
    option::of(("[a-c]", option::of("[x-y]"), ours, encryption).prop_map(
        |(content, content_type, metadata, encryption)| ObservedDocument {
            etag: format!("\"{content}\""),
            bytes: content.into_bytes(),
            content_type,
            cache_control: Some("max-age=300".to_owned()),
            content_encoding: None,
            encryption,
            metadata,
        },
    ))
}

fn any_observed() -> impl Strategy<Value = ObservedFederation> {
    let policy = option::of(prop_oneof![
        Just(r#"{"Statement":[{"Sid":"Foreign","Effect":"Allow"}]}"#.to_owned()),
        Just(format!(
            r#"{{"Statement":{{"Sid":"{}","Effect":"Deny"}}}}"#,
            public_read().sid()
        )),
    ]);
    let provider = option::of((names(), tags()).prop_map(|(client_ids, own)| ObservedProvider {
        client_ids,
        thumbprints: vec!["f".repeat(40)],
        tags: federation_tags(&owner(), "u", &own).unwrap(),
    }));
    (option::of("[r-s]"), any_document(), any_document(), policy, provider).prop_map(
        |(record, jwks, discovery, bucket_policy, provider)| ObservedFederation {
            record,
            jwks,
            discovery,
            bucket_policy,
            bucket: ObservedBucket::Theirs,
            provider,
            established: true,
        },
    )
}

/// Statements that are not ours.
fn foreign(policy: Option<&str>) -> usize {
    policy.map_or(0, |policy| policy.matches("Foreign").count())
}

proptest! {
    #[test]
    fn a_plan_that_was_executed_leaves_nothing_to_do(desired in any_desired(), mut world in any_observed()) {
        let before = foreign(world.bucket_policy.as_deref());
        for step in FederationPlan::apply(&desired, &world, None).unwrap().steps {
            run(step, &mut world);
        }
        prop_assert_eq!(FederationPlan::apply(&desired, &world, None).unwrap().steps, vec![]);
        prop_assert_eq!(foreign(world.bucket_policy.as_deref()), before);
    }

    #[test]
    fn a_plan_cut_off_anywhere_is_finished_by_the_next(
        desired in any_desired(), mut world in any_observed(), cut in 0_usize..6,
    ) {
        for step in FederationPlan::apply(&desired, &world, None).unwrap().steps.into_iter().take(cut) {
            run(step, &mut world);
        }
        for step in FederationPlan::apply(&desired, &world, None).unwrap().steps {
            run(step, &mut world);
        }
        prop_assert_eq!(FederationPlan::apply(&desired, &world, None).unwrap().steps, vec![]);
    }

    #[test]
    fn what_was_made_is_removed_and_nothing_else(desired in any_desired(), mut world in any_observed()) {
        let before = foreign(world.bucket_policy.as_deref());
        for step in FederationPlan::apply(&desired, &world, None).unwrap().steps {
            run(step, &mut world);
        }
        let ours = Removable {
            owner: owner(),
            provider: true,
            written: BTreeMap::new(),
            public_read: desired.documents.and_then(|documents| documents.public_read),
        };
        for step in FederationPlan::remove(&ours, &world).unwrap() {
            run(step, &mut world);
        }
        prop_assert_eq!(&world.provider, &None);
        prop_assert!(world.jwks.is_none() && world.discovery.is_none());
        prop_assert_eq!(FederationPlan::remove(&ours, &world).unwrap(), vec![]);
        prop_assert_eq!(foreign(world.bucket_policy.as_deref()), before);
    }
}
