//! What goes, and the bucket that comes and goes with it.

use super::*;

#[test]
fn removal_ends_trust_before_the_documents_go_and_the_statement_goes_last() {
    let ours = Removable {
        owner: owner(),
        provider: true,
        written: BTreeMap::new(),
        public_read: Some(public_read()),
    };
    let delete = |kind, etag: &str| FederationStep::DeleteDocument {
        kind,
        etag: etag.to_owned(),
        seen: true,
    };
    assert_eq!(
        FederationPlan::remove(&ours, &observed()).unwrap(),
        [
            FederationStep::DeleteProvider,
            delete(DocumentKind::Discovery, "\"d\""),
            delete(DocumentKind::Jwks, "\"k\""),
            FederationStep::DeleteBucketPolicy,
        ]
    );
    assert_eq!(
        FederationPlan::remove(&ours, &ObservedFederation::default()),
        Ok(vec![])
    );
    let foreign = Removable {
        owner: FederationOwner {
            cluster: "other".to_owned(),
            ..owner()
        },
        provider: true,
        written: BTreeMap::new(),
        public_read: None,
    };
    assert_eq!(FederationPlan::remove(&foreign, &observed()), Ok(vec![]));
}

#[test]
fn a_missing_bucket_is_created_and_opened_before_anything_is_put_in_it() {
    let kinds = |steps: &[FederationStep]| steps.iter().map(ToString::to_string).collect::<Vec<_>>();
    let missing = ObservedFederation {
        bucket: ObservedBucket::Missing,
        ..ObservedFederation::default()
    };
    let made = kinds(&steps(&desired(), &missing));
    assert_eq!(
        made[..4],
        [
            "record of keys",
            "bucket",
            "the bucket's Block Public Access",
            "key set"
        ],
        "the record first: it says that the bucket is ours"
    );
    let cut = changed(|observed| {
        observed.bucket = ObservedBucket::Ours {
            open_to_policies: false,
        }
    });
    assert_eq!(steps(&desired(), &cut), [FederationStep::OpenBucket]);
    let open = changed(|observed| observed.bucket = ObservedBucket::Ours { open_to_policies: true });
    assert_eq!(steps(&desired(), &open), []);
    let mut unmanaged = desired();
    unmanaged.documents.as_mut().unwrap().public_read = None;
    assert_eq!(
        steps(&unmanaged, &cut),
        [],
        "who makes it readable is somebody else's business"
    );

    let ours = Removable {
        owner: owner(),
        provider: true,
        written: BTreeMap::new(),
        public_read: Some(public_read()),
    };
    let removed = FederationPlan::remove(&ours, &open).unwrap();
    assert_eq!(removed.last(), Some(&FederationStep::DeleteBucket), "once it is empty");
    let theirs = FederationPlan::remove(&ours, &observed()).unwrap();
    assert!(!theirs.contains(&FederationStep::DeleteBucket));
}

#[test]
fn a_document_that_cannot_be_seen_is_deleted_if_it_is_still_the_one_that_we_wrote() {
    let ours = Removable {
        owner: owner(),
        provider: true,
        written: BTreeMap::from([(DocumentKind::Jwks, "\"w\"".to_owned())]),
        public_read: None,
    };
    let unseen = changed(|observed| observed.jwks = None);
    let jwks = |etag: &str, seen| FederationStep::DeleteDocument {
        kind: DocumentKind::Jwks,
        etag: etag.to_owned(),
        seen,
    };
    assert!(
        FederationPlan::remove(&ours, &unseen)
            .unwrap()
            .contains(&jwks("\"w\"", false))
    );
    assert!(
        FederationPlan::remove(&ours, &observed())
            .unwrap()
            .contains(&jwks("\"k\"", true)),
        "seen, and ours"
    );
    let foreign = changed(|observed| observed.jwks.as_mut().unwrap().metadata.clear());
    let steps = FederationPlan::remove(&ours, &foreign).unwrap();
    assert!(!steps.iter().any(|step| matches!(
        step,
        FederationStep::DeleteDocument {
            kind: DocumentKind::Jwks,
            ..
        }
    )));
    let nowhere = changed(|observed| {
        observed.jwks = None;
        observed.bucket = ObservedBucket::Missing;
    });
    assert_eq!(
        FederationPlan::remove(&ours, &nowhere).unwrap(),
        [FederationStep::DeleteProvider]
    );
}
