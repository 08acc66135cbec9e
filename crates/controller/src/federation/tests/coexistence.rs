//! What somebody else publishes, keeps or offers.

use irsa_aws::{AwsTags, OidcProvider};

use super::*;

const THEIR_KEYS: &str = "https://keys.example.com/jwks";

fn external() -> OidcFederation {
    federation_with(|federation| {
        federation["spec"]["publish"] = json!({"external": {}});
        federation["spec"]["aws"] = json!({"region": "eu-central-1"});
    })
}

fn publish_elsewhere(bench: &Bench, keys: &[Value]) {
    let discovery = json!({"issuer": ISSUER, "jwks_uri": THEIR_KEYS}).to_string();
    bench.aws.world(|world| {
        world.swapped.insert(DISCOVERY.to_owned(), discovery.into_bytes());
        let jwks = json!({ "keys": keys }).to_string();
        world.swapped.insert(THEIR_KEYS.to_owned(), jwks.into_bytes());
    });
}

fn provider(client_ids: &[&str], tags: AwsTags) -> OidcProvider {
    OidcProvider {
        url: ISSUER.trim_start_matches("https://").to_owned(),
        client_ids: client_ids.iter().map(|id| (*id).to_owned()).collect(),
        thumbprints: vec!["f".repeat(40)],
        tags,
    }
}

#[tokio::test]
async fn what_somebody_else_publishes_is_judged_and_the_issuer_registered_only_once_it_is_right() {
    let bench = Bench::new();
    let mut federation = external();
    bench
        .end(&mut federation, Reason::PublicAccessBlocked, "spec.publish.external")
        .await;
    publish_elsewhere(&bench, &[key("b")]);
    let ended = bench
        .end(&mut federation, Reason::DocumentsMismatch, "lacks keys")
        .await;
    assert!(
        ended.message.contains(THEIR_KEYS) && ended.message.contains("sign with: a"),
        "{}",
        ended.message
    );
    assert_eq!(condition(&federation, "Published"), ("False", "DocumentsMismatch"));
    assert_eq!(
        bench.aws.take_writes(),
        Vec::<String>::new(),
        "the provider would let the holder of b in"
    );
    assert_eq!(
        federation.status.as_ref().unwrap().keys.len(),
        1,
        "the keys are shown all the same"
    );
    assert_eq!(federation.status.as_ref().unwrap().provider_arn, None);

    publish_elsewhere(&bench, &[key("a"), key("b")]);
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_writes(), ["CreateOpenIDConnectProvider"]);
    let published = federation
        .conditions()
        .iter()
        .find(|one| one.type_ == "Published")
        .unwrap();
    assert!(
        published.message.contains("find out whose they are"),
        "{}",
        published.message
    );
    let status = federation.status.as_ref().unwrap();
    assert_eq!(
        (status.published.as_ref(), status.published_keys),
        (None, None),
        "we publish nothing"
    );

    bench.succeed(&mut federation).await;
    let calls = bench.aws.take_calls();
    assert_eq!(
        calls,
        [format!("Public {DISCOVERY}"), format!("Public {THEIR_KEYS}")],
        "within the interval"
    );

    bench.cluster.serve(vec![server(ISSUER, &[key("a"), key("c")])]);
    bench
        .end(&mut federation, Reason::DocumentsMismatch, "sign with: c")
        .await;
    assert_eq!(
        condition(&federation, "ProviderRegistered").0,
        "True",
        "what was good stays"
    );
    publish_elsewhere(&bench, &[key("a"), key("c")]);
    bench.succeed(&mut federation).await;

    bench.aws.take_calls();
    bench.cleanup(&federation).await.unwrap();
    assert_eq!(bench.aws.take_writes(), ["DeleteOpenIDConnectProvider"]);
}

#[tokio::test]
async fn that_somebody_else_publishes_under_a_key_of_kms_is_told_with_the_way_out() {
    let bench = Bench::new();
    bench.aws.overwrite(DISCOVERY, b"{}");
    bench.aws.world(|world| {
        world.policy = Some(DISCOVERY.to_owned());
        world.objects.get_mut(DISCOVERY).unwrap().encryption = Some("aws:kms".to_owned());
    });
    let mut federation = external();
    let ended = bench.end(&mut federation, Reason::PublicAccessBlocked, "AES256").await;
    assert!(
        ended.message.contains("KMS") && ended.message.contains("STS"),
        "{}",
        ended.message
    );
}

#[tokio::test]
async fn a_revoked_key_that_somebody_else_still_publishes_is_told() {
    let bench = Bench::new();
    publish_elsewhere(&bench, &[key("a"), key("b")]);
    bench.cluster.serve(vec![server(ISSUER, &[key("a"), key("b")])]);
    let mut federation = external();
    bench.succeed(&mut federation).await;
    let thumbprint = federation.status.as_ref().unwrap().keys[0].thumbprint.clone();
    edit(&mut federation, |spec| {
        spec["signingKeys"]["revoke"] = json!([{ "thumbprint": thumbprint }]);
    });
    bench
        .end(&mut federation, Reason::DocumentsMismatch, "still has keys")
        .await;
    publish_elsewhere(&bench, &[key("b")]);
    bench.succeed(&mut federation).await;
}

fn existing() -> OidcFederation {
    federation_with(|federation| federation["spec"]["provider"] = json!({"management": "Existing"}))
}

#[tokio::test]
async fn a_provider_that_somebody_else_keeps_is_waited_for_and_never_written() {
    let bench = Bench::new();
    let mut federation = existing();
    bench
        .end(&mut federation, Reason::ProviderMismatch, "does not exist")
        .await;
    assert_eq!(
        condition(&federation, "ProviderRegistered"),
        ("False", "ProviderMismatch")
    );
    assert_eq!(federation.status.as_ref().unwrap().provider_arn, None);
    assert_eq!(bench.published_kids(), ["a"], "the documents are ready for it");

    bench
        .aws
        .world(|world| world.provider = Some(provider(&["other"], AwsTags::new())));
    bench
        .end(&mut federation, Reason::ProviderMismatch, "sts.amazonaws.com")
        .await;
    let theirs = provider(&["other", "sts.amazonaws.com"], AwsTags::new());
    bench.aws.world(|world| world.provider = Some(theirs.clone()));
    bench.aws.take_calls();
    bench.succeed(&mut federation).await;
    assert!(federation.status.as_ref().unwrap().provider_arn.is_some());
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());

    bench.cleanup(&federation).await.unwrap();
    assert_eq!(
        bench.aws.world(|world| world.provider.clone()),
        Some(theirs),
        "his to delete"
    );
    assert_eq!(bench.aws.object(JWKS), None, "ours are gone");
}

#[tokio::test]
async fn an_offered_provider_is_taken_over_and_one_that_was_ours_needs_no_offer() {
    let bench = Bench::new();
    let owner = irsa_core::naming::FederationOwner {
        cluster: "5b1c".to_owned(),
        federation: "default".to_owned(),
    };
    let mut tags = AwsTags::from([("irsa-anywhere.dev/cluster".to_owned(), "the old cluster".to_owned())]);
    bench
        .aws
        .world(|world| world.provider = Some(provider(&["old"], tags.clone())));
    let mut federation = federation_with(|federation| federation["spec"]["provider"] = json!({"adopt": "IfTagged"}));
    let offer = format!("irsa-anywhere.dev/adopt={}", owner.adoption());
    bench.end(&mut federation, Reason::ForeignProvider, &offer).await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());

    tags.insert("irsa-anywhere.dev/adopt".to_owned(), owner.adoption());
    bench.aws.world(|world| world.provider = Some(provider(&["old"], tags)));
    edit(&mut federation, |spec| spec["provider"] = json!({"adopt": "Never"}));
    bench.end(&mut federation, Reason::ForeignProvider, &offer).await;
    edit(&mut federation, |spec| spec["provider"] = json!({"adopt": "IfTagged"}));
    bench.succeed(&mut federation).await;
    let taken = bench.aws.world(|world| world.provider.clone()).unwrap();
    assert!(owner.owns_provider(&taken.tags) && !taken.tags.contains_key("irsa-anywhere.dev/adopt"));
    assert_eq!(taken.client_ids.into_iter().collect::<Vec<_>>(), ["sts.amazonaws.com"]);

    edit(&mut federation, |spec| spec["provider"] = json!({"adopt": "Never"}));
    bench.aws.take_calls();
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new(), "it is ours now");
}

fn creating() -> OidcFederation {
    federation_with(|federation| federation["spec"]["publish"]["s3"]["create"] = json!(true))
}

#[tokio::test]
async fn a_missing_bucket_is_made_only_where_that_is_asked_for_and_goes_when_it_is_empty() {
    let bench = Bench::new();
    bench.aws.world(|world| world.no_bucket = true);
    let mut federation = federation();
    bench
        .end(&mut federation, Reason::InvalidSpec, "spec.publish.s3.create")
        .await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());

    let mut federation = creating();
    bench.succeed(&mut federation).await;
    let writes = bench.aws.take_writes();
    assert_eq!(writes[..2], ["CreateBucket", "PutPublicAccessBlock"]);
    assert_eq!(bench.cluster.record().unwrap()["madeBucket"], json!("b"));
    let bench = bench.restarted();
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());

    bench.aws.overwrite("somebody-elses", b"x");
    bench.cleanup(&federation).await.unwrap();
    assert_eq!(bench.aws.take_writes().last().unwrap(), "DeleteBucket");
    assert!(!bench.aws.world(|world| world.no_bucket), "there is something in it");

    let mut again = creating();
    bench.succeed(&mut again).await;
    assert_eq!(bench.cluster.record().unwrap().get("madeBucket"), None, "it was there");
    bench.aws.world(|world| world.objects.remove("somebody-elses"));
    bench.cleanup(&again).await.unwrap();
    assert!(
        !bench.aws.world(|world| world.no_bucket),
        "not known to be ours, empty or not"
    );
}

#[tokio::test]
async fn a_bucket_that_was_made_and_not_opened_is_opened_by_the_next_pass() {
    let bench = Bench::new();
    bench.aws.world(|world| world.no_bucket = true);
    let mut federation = creating();
    for call in ["CreateBucket", "PutPublicAccessBlock", "PutObject", "PutBucketPolicy"] {
        bench.aws.fail(call, irsa_aws::Kind::Unavailable, "down");
        bench.end(&mut federation, Reason::AwsUnavailable, call).await;
    }
    let bench = bench.restarted();
    bench.aws.recover();
    bench.succeed(&mut federation).await;
    bench.aws.world(|world| world.no_bucket = true);
    bench.aws.world(|world| world.objects.clear());
    bench.aws.world(|world| world.policy = None);
    bench.succeed(&mut federation).await;
    assert!(
        bench.aws.take_writes().contains(&"CreateBucket".to_owned()),
        "somebody deleted it"
    );
    bench.aws.world(|world| world.no_bucket = true);
    bench.cleanup(&federation).await.unwrap();
    assert_eq!(
        bench.aws.world(|world| world.provider.clone()),
        None,
        "a bucket that is gone holds nothing up"
    );
}
