//! What travels with each call to S3: whose the bucket must be, over what may be written, and how it is kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use irsa_aws::{Connect, DocumentStore, Precondition, PublicAccessBlock, SdkAws};
use irsa_testkit::aws::{
    Entry, Service,
    s3::{BucketOptions, Encryption, PublicAccessBlock as Block},
};
use irsa_tests::world::{ACCOUNT, ISSUER_BUCKET, REGION, repository};
use serde_json::json;

use crate::bench::{Bench, bucket, document, here, jwks};

const STRANGER: &str = "210987654321";

/// There is no bucket yet whose owner could be expected, and S3 takes no such header.
const MAKES_THE_BUCKET: &str = "s3:CreateBucket";

/// A user who may do everything, so that nothing but the guard under test stands in the way.
async fn almighty() -> Bench {
    Bench::with_policy(
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#,
    )
    .await
}

fn to_s3(bench: &Bench) -> Vec<Entry> {
    let mut calls = bench.double.requests();
    calls.retain(|call| call.service == Service::S3);
    calls
}

/// Every method of the port, once.
async fn call_everything(bench: &Bench) {
    call_everything_with(&bench.connect().await).await;
}

async fn call_everything_with(aws: &SdkAws) {
    let open = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "IrsaAnywhereTest", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": format!("arn:aws:s3:::{ISSUER_BUCKET}/*")}]});
    let _ = aws.create_bucket(&bucket()).await;
    let _ = aws
        .put_public_access_block(&bucket(), PublicAccessBlock::POLICIES_ONLY)
        .await;
    let _ = aws.public_access_block(&bucket()).await;
    let _ = aws.document(&jwks()).await;
    let etag = aws
        .put_document(&jwks(), &document("one"), &Precondition::IfAbsent)
        .await;
    let etag = etag.unwrap_or_else(|_| "\"none\"".to_owned());
    let _ = aws
        .put_document(&jwks(), &document("two"), &Precondition::IfMatch(etag.clone()))
        .await;
    let _ = aws.bucket_policy(&bucket()).await;
    let _ = aws.put_bucket_policy(&bucket(), &open.to_string()).await;
    let _ = aws.delete_bucket_policy(&bucket()).await;
    let _ = aws.delete_document(&jwks(), &etag).await;
    let _ = aws.delete_bucket(&bucket()).await;
}

/// The methods of the port, as its source has them: a new one that is not called here is a failure.
fn methods_of_the_port() -> usize {
    let source = fs::read_to_string(repository().join("crates/aws/src/ports/documents.rs")).unwrap();
    let (_, port) = source.split_once("pub trait DocumentStore").unwrap();
    port.lines().filter(|line| line.starts_with("    fn ")).count()
}

#[tokio::test]
async fn every_call_to_s3_names_the_owner_that_the_bucket_must_have() {
    let bench = almighty().await;
    call_everything(&bench).await;
    let calls = to_s3(&bench);
    let operations: BTreeSet<&str> = calls.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(operations.len(), methods_of_the_port(), "one call each: {operations:?}");
    for call in calls.iter().filter(|call| call.operation != MAKES_THE_BUCKET) {
        assert_eq!(
            call.header("x-amz-expected-bucket-owner"),
            Some(ACCOUNT),
            "{}",
            call.operation
        );
    }
}

/// The figures and the log go by what travels, which names the operation of a form but not of S3.
#[tokio::test]
async fn every_call_to_s3_is_counted_under_the_name_that_it_has_at_aws() {
    let bench = almighty().await;
    let sdk = bench.sdk();
    call_everything_with(&sdk.connect(&here()).await.unwrap()).await;
    let mut seen = BTreeMap::<String, u64>::new();
    for call in to_s3(&bench) {
        // The double goes by what must be allowed, which has another name than the operation here alone.
        let operation = call.operation.replace("BucketPublicAccessBlock", "PublicAccessBlock");
        *seen.entry(operation).or_default() += 1;
    }
    let mut counted = BTreeMap::<String, u64>::new();
    for ((operation, _), count) in sdk.attempts().snapshot() {
        if operation.service() == "s3" {
            *counted.entry(format!("s3:{}", operation.name())).or_default() += count;
        }
    }
    assert_eq!(counted, seen);
    assert_eq!(seen.len(), methods_of_the_port());
}

/// A bucket in other hands that lets everybody do everything: whoever wants our documents would make one.
#[tokio::test]
async fn a_bucket_that_a_stranger_left_open_for_us_is_neither_read_nor_written() {
    let bench = almighty().await;
    bench.double.s3(|s3| s3.remove_bucket_directly(ISSUER_BUCKET));
    let inviting = BucketOptions::in_region(REGION)
        .with_public_access_block(None)
        .with_policy(json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "s3:*",
            "Resource": [format!("arn:aws:s3:::{ISSUER_BUCKET}"), format!("arn:aws:s3:::{ISSUER_BUCKET}/*")]}]}));
    bench.double.account(STRANGER).create_bucket(ISSUER_BUCKET, inviting);
    let before = bench.double.s3(|s3| s3.bucket(ISSUER_BUCKET).cloned());
    call_everything(&bench).await;
    for call in to_s3(&bench) {
        let wanted = if call.operation == MAKES_THE_BUCKET { 409 } else { 403 };
        assert_eq!(call.status, Some(wanted), "{}", call.operation);
    }
    assert_eq!(bench.double.s3(|s3| s3.bucket(ISSUER_BUCKET).cloned()), before);
}

#[tokio::test]
async fn a_document_travels_with_its_condition_a_checksum_and_an_encryption_that_anybody_can_read() {
    let bench = almighty().await;
    bench.double.s3(|s3| {
        s3.edit_bucket(ISSUER_BUCKET, |bucket| {
            bucket.encryption = Encryption::Kms(Some(format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/k-1")));
            bucket.public_access_block = Some(Block::ACLS_ONLY);
        })
    });
    call_everything(&bench).await;
    let calls = to_s3(&bench);
    let of = |operation: &str| -> Vec<&Entry> { calls.iter().filter(|call| call.operation == operation).collect() };
    let [new, changed] = of("s3:PutObject")[..] else {
        panic!("two writes")
    };
    assert_eq!(new.header("if-none-match"), Some("*"));
    assert_eq!(new.header("if-match"), None);
    assert!(changed.header("if-match").is_some_and(|etag| etag.starts_with('"')));
    for put in [new, changed] {
        assert_eq!(put.status, Some(200));
        assert_eq!(put.header("x-amz-server-side-encryption"), Some("AES256"));
        assert_eq!(put.header("content-type"), Some("application/json"));
        assert_eq!(put.header("cache-control"), Some("public, max-age=300"));
        assert!(
            put.headers.keys().any(|name| name.starts_with("x-amz-checksum-")),
            "{put:?}"
        );
        // ACLs are off in buckets as they are made today, tags are a right of their own.
        for absent in ["x-amz-acl", "x-amz-tagging"] {
            assert_eq!(put.header(absent), None, "{absent}");
        }
        assert!(
            !put.headers.keys().any(|name| name.starts_with("x-amz-grant-")),
            "{put:?}"
        );
    }
    let [deleted] = of("s3:DeleteObject")[..] else {
        panic!("one deletion")
    };
    assert!(deleted.header("if-match").is_some_and(|etag| etag.starts_with('"')));
}

#[tokio::test]
async fn an_object_under_a_key_of_kms_is_seen_as_such() {
    let bench = almighty().await;
    let aws = bench.connect().await;
    aws.put_document(&jwks(), &document("one"), &Precondition::IfAbsent)
        .await
        .unwrap();
    let encryption = async || match aws.document(&jwks()).await.unwrap() {
        irsa_aws::Lookup::Found(found) => found.encryption,
        other => panic!("{other:?}"),
    };
    assert_eq!(encryption().await.as_deref(), Some("AES256"));
    bench.double.s3(|s3| {
        s3.edit_bucket(ISSUER_BUCKET, |bucket| {
            bucket.objects.get_mut(&jwks().key).unwrap().encryption = Encryption::Kms(None);
        })
    });
    assert_eq!(encryption().await.as_deref(), Some("aws:kms"));
}
