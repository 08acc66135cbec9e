//! The anonymous reader: what it must not follow, believe, swallow or wait for.

use std::time::Duration;

use http::StatusCode;
use irsa_aws::{Document, PublicRead, PublicReadError, PublicReader, SdkConnect};
use irsa_testkit::aws::{
    Fault, FaultRule,
    s3::{Encryption, Object},
};
use irsa_tests::world::{ISSUER_BUCKET, REGION};
use jiff::Timestamp;
use serde_json::json;

use crate::bench::{Bench, jwks};

const HOST: &str = "issuer.acme.example";

async fn read(bench: &Bench, url: &str) -> Result<PublicRead, PublicReadError> {
    bench.sdk().public_reader().read(url, None).await
}

#[tokio::test]
async fn a_redirect_is_refused_wherever_it_leads() {
    let bench = Bench::start().await;
    let site = bench.double.site(HOST).await.unwrap();
    site.put("/there", "{}");
    let there = format!("https://{HOST}/there");
    assert!(matches!(read(&bench, &there).await, Ok(PublicRead::Document(_))));
    for status in [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::TEMPORARY_REDIRECT,
    ] {
        site.set("/here", status, &[("location", &there)], "");
        let refused = read(&bench, &format!("https://{HOST}/here")).await.unwrap_err();
        let wanted = PublicReadError::Redirected {
            status: status.as_u16(),
        };
        assert_eq!(refused, wanted);
    }
}

#[tokio::test]
async fn only_https_is_read_and_only_from_who_proves_the_name() {
    let bench = Bench::start().await;
    let plain = read(&bench, "http://issuer.acme.example/there").await;
    assert_eq!(plain, Err(PublicReadError::NotHttps));
    let _stranger = bench.double.untrusted_site(HOST).await.unwrap();
    let unproven = read(&bench, &format!("https://{HOST}/there")).await.unwrap_err();
    assert!(matches!(unproven, PublicReadError::Unreachable(_)), "{unproven}");
}

#[tokio::test]
async fn a_document_longer_than_any_set_of_keys_is_not_swallowed() {
    let bench = Bench::start().await;
    let site = bench.double.site(HOST).await.unwrap();
    let url = format!("https://{HOST}/long");
    site.put("/long", vec![b' '; Document::MAX_BYTES]);
    assert!(matches!(read(&bench, &url).await, Ok(PublicRead::Document(_))));
    site.put("/long", vec![b' '; Document::MAX_BYTES + 1]);
    assert_eq!(
        read(&bench, &url).await,
        Err(PublicReadError::TooLarge(Document::MAX_BYTES))
    );
}

fn open_bucket(bench: &Bench, object: Object) -> String {
    let open = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{ISSUER_BUCKET}/*")}]});
    bench.double.s3(|s3| {
        s3.put_object_directly(ISSUER_BUCKET, &jwks().key, object);
        s3.edit_bucket(ISSUER_BUCKET, |bucket| {
            bucket.policy = Some(irsa_testkit::aws::s3::BucketPolicy {
                text: open.to_string(),
                document: open,
            });
        })
    });
    format!("https://{ISSUER_BUCKET}.s3.{REGION}.amazonaws.com/{}", jwks().key)
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_waited_for_so_long_and_no_longer() {
    let bench = Bench::start().await;
    let url = open_bucket(&bench, Object::new("{}", Timestamp::now()));
    bench.double.add_fault(FaultRule::new("s3:GetObject", 1, Fault::Hang));
    let mut settings = bench.settings();
    settings.timeouts.public_read = Duration::from_secs(1);
    let public = SdkConnect::new(settings).unwrap().public_reader();
    let reading = tokio::time::timeout(Duration::from_secs(30), public.read(&url, None));
    assert_eq!(reading.await.expect("never ends"), Err(PublicReadError::TimedOut(1)));
    assert!(matches!(public.read(&url, None).await, Ok(PublicRead::Document(_))));
}

#[tokio::test]
async fn that_a_key_of_kms_keeps_the_public_out_is_told_from_other_refusals() {
    let bench = Bench::start().await;
    let mut object = Object::new("{}", Timestamp::now());
    object.encryption = Encryption::Kms(None);
    let url = open_bucket(&bench, object);
    assert_eq!(read(&bench, &url).await, Err(PublicReadError::KmsEncrypted));
    let site = bench.double.site(HOST).await.unwrap();
    site.set("/bad", StatusCode::BAD_REQUEST, &[], "AWS KMS managed keys");
    let other = read(&bench, &format!("https://{HOST}/bad")).await;
    assert_eq!(other, Err(PublicReadError::Status(400)));
}
