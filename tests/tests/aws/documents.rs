//! Objects: conditional, of the expected owner, and never overwritten unseen.

use irsa_aws::{
    Bucket, Connect, Document, DocumentStore, Kind, Lookup, NewDocument, ObjectRef, Precondition, PublicAccessBlock,
    PublicRead, PublicReadError, PublicReader, SdkConnect,
};
use irsa_testkit::aws::s3::{BucketOptions, Object};
use irsa_tests::world::{ISSUER_BUCKET, REGION};
use jiff::Timestamp;
use serde_json::json;

use crate::bench::{Bench, bucket, document, here, jwks};

#[tokio::test]
async fn an_object_is_written_over_nothing_unseen_and_reads_back_as_it_was_written() {
    let bench = Bench::start().await;
    let aws = bench.connect().await;
    let missing = aws.document(&jwks()).await.unwrap();
    assert!(
        matches!(missing, Lookup::MissingOrForbidden(_)),
        "without s3:ListBucket: {missing:?}"
    );

    let etag = aws
        .put_document(&jwks(), &document("one"), &Precondition::IfAbsent)
        .await
        .unwrap();
    let Lookup::Found(found) = aws.document(&jwks()).await.unwrap() else {
        panic!("not found")
    };
    let written = document("one");
    assert_eq!((found.bytes, found.etag), (written.bytes, etag.clone()));
    assert_eq!(found.metadata, written.metadata);
    assert_eq!(found.cache_control.as_deref(), Some("public, max-age=300"));

    let again = aws
        .put_document(&jwks(), &document("two"), &Precondition::IfAbsent)
        .await;
    assert_eq!(again.unwrap_err().kind(), Kind::PreconditionFailed);
    let newer = aws
        .put_document(&jwks(), &document("two"), &Precondition::IfMatch(etag.clone()))
        .await
        .unwrap();
    let stale = aws
        .put_document(&jwks(), &document("three"), &Precondition::IfMatch(etag.clone()))
        .await;
    assert_eq!(stale.unwrap_err().kind(), Kind::PreconditionFailed);
    let stale = aws.delete_document(&jwks(), &etag).await;
    assert_eq!(stale.unwrap_err().kind(), Kind::PreconditionFailed);
    aws.delete_document(&jwks(), &newer).await.unwrap();
    assert!(!matches!(aws.document(&jwks()).await.unwrap(), Lookup::Found(_)));
}

#[tokio::test]
async fn an_object_too_long_to_be_ours_is_seen_without_its_content_and_can_be_written_over() {
    let bench = Bench::start().await;
    let mut settings = bench.settings();
    // A megabyte takes its time on a busy machine.
    settings.timeouts = irsa_aws::Timeouts::default();
    let aws = SdkConnect::new(settings).unwrap().connect(&here()).await.unwrap();
    let long = NewDocument {
        bytes: vec![b' '; Document::MAX_BYTES + 1],
        ..document("one")
    };
    let etag = aws.put_document(&jwks(), &long, &Precondition::IfAbsent).await.unwrap();
    let Lookup::Found(found) = aws.document(&jwks()).await.unwrap() else {
        panic!("not found")
    };
    assert_eq!((found.bytes, &found.etag), (Vec::new(), &etag));
    aws.put_document(&jwks(), &document("two"), &Precondition::IfMatch(etag))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_content_encoding_is_seen_in_the_bucket_and_refused_in_public() {
    let bench = Bench::start().await;
    let aws = bench.connect().await;
    let put = |encoding: Option<&str>| {
        let object = Object::new("{}", Timestamp::now());
        let object = match encoding {
            Some(encoding) => object.with_header("content-encoding", encoding),
            None => object,
        };
        let key = jwks().key;
        bench
            .double
            .s3(|s3| s3.put_object_directly(ISSUER_BUCKET, &key, object));
    };
    let open = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "IrsaAnywhereTest", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": format!("arn:aws:s3:::{ISSUER_BUCKET}/*")}]});
    aws.put_bucket_policy(&bucket(), &open.to_string()).await.unwrap();
    let url = format!("https://{ISSUER_BUCKET}.s3.{REGION}.amazonaws.com/{}", jwks().key);
    let public = bench.sdk().public_reader();

    put(Some("gzip"));
    let Lookup::Found(found) = aws.document(&jwks()).await.unwrap() else {
        panic!("not found")
    };
    assert_eq!(found.content_encoding.as_deref(), Some("gzip"));
    let refused = public.read(&url, None).await.unwrap_err();
    assert!(matches!(refused, PublicReadError::Encoded(_)), "{refused}");

    put(None);
    let Lookup::Found(found) = aws.document(&jwks()).await.unwrap() else {
        panic!("not found")
    };
    assert_eq!(found.content_encoding, None);
    let read = public.read(&url, None).await.unwrap();
    assert!(matches!(read, PublicRead::Document(document) if document.bytes == b"{}"));
}

#[tokio::test]
async fn a_bucket_that_somebody_else_made_under_our_name_gets_nothing() {
    let bench = Bench::start().await;
    bench.double.s3(|s3| s3.remove_bucket_directly(ISSUER_BUCKET));
    let theirs = BucketOptions::in_region(REGION);
    bench
        .double
        .account("210987654321")
        .create_bucket(ISSUER_BUCKET, theirs);
    let aws = bench.connect().await;
    let put = aws
        .put_document(&jwks(), &document("one"), &Precondition::IfAbsent)
        .await
        .unwrap_err();
    let policy = aws.put_bucket_policy(&bucket(), "{}").await.unwrap_err();
    for error in [put, policy] {
        assert_eq!(error.kind(), Kind::AccessDenied, "{error}");
        bench.tells_no_secret(&error);
    }
    assert!(bench.double.s3(|s3| s3.object(ISSUER_BUCKET, &jwks().key).is_none()));
}

#[tokio::test]
async fn a_bucket_is_made_in_its_region_opened_to_policies_and_deleted_once_it_is_empty() {
    let more = r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}"#;
    let bench = Bench::with_policy(&format!(r#"{{"Version": "2012-10-17", "Statement": [{more}]}}"#)).await;
    let aws = bench.connect().await;
    for region in [REGION, "us-east-1"] {
        let new = Bucket {
            name: format!("acme-new-{region}"),
            region: region.to_owned(),
            ..bucket()
        };
        let key = ObjectRef {
            bucket: new.clone(),
            key: "a".to_owned(),
        };
        let missing = aws.document(&key).await.unwrap_err();
        assert_eq!(missing.code, "NoSuchBucket");
        aws.create_bucket(&new).await.unwrap();
        aws.create_bucket(&new).await.unwrap();
        let block = aws.public_access_block(&new).await.unwrap().unwrap();
        assert!(block.block_public_policy, "closed, as every new bucket");
        aws.put_public_access_block(&new, PublicAccessBlock::POLICIES_ONLY)
            .await
            .unwrap();
        let block = aws.public_access_block(&new).await.unwrap();
        // Spelled out: what is asked for may be wrong itself.
        let policies_only = PublicAccessBlock {
            block_public_acls: true,
            ignore_public_acls: true,
            block_public_policy: false,
            restrict_public_buckets: false,
        };
        assert_eq!(block, Some(policies_only));

        let etag = aws
            .put_document(&key, &document("one"), &Precondition::IfAbsent)
            .await
            .unwrap();
        let full = aws.delete_bucket(&new).await.unwrap_err();
        assert_eq!(full.kind(), Kind::DeleteConflict);
        aws.delete_document(&key, &etag).await.unwrap();
        aws.delete_bucket(&new).await.unwrap();
        aws.delete_bucket(&new).await.unwrap();
    }
    bench
        .double
        .account("210987654321")
        .create_bucket("acme-taken", BucketOptions::in_region(REGION));
    let taken = Bucket {
        name: "acme-taken".to_owned(),
        ..bucket()
    };
    let refused = aws.create_bucket(&taken).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::AlreadyExists);
}
