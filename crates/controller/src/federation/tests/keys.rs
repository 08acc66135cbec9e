//! Rotation, retention, and what must never be published.

use super::*;

/// A P-256 key, and the kid that Kubernetes gives it.
const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEVmVapB5BHvd8ZV2ssHrrWAKEle3m\n\
    W73PEI1eatwUiaKrQeEDNDGMdJH522ky5lNCumq5u0LsycGq+LMxQ+iNgA==\n\
    -----END PUBLIC KEY-----\n";
const PEM_KID: &str = "mSq7REaIQYioRJyaaDyMQUmmRbYi3Yqunk6XLoSiSUE";

#[tokio::test]
async fn keys_of_every_api_server_are_published_and_a_new_one_within_a_minute() {
    let (bench, mut federation) = Bench::ready().await;
    bench
        .cluster
        .serve(vec![server(ISSUER, &[key("a")]), server(ISSUER, &[key("b")])]);
    bench.succeed(&mut federation).await;
    assert_eq!(bench.published_kids(), ["a", "b"]);
    assert_eq!(
        bench.aws.take_writes(),
        [format!("PutObject {JWKS}")],
        "the discovery document stays as it is"
    );
    assert_eq!(bench.told(), ["KeyPublished", "Applied"]);
    assert_eq!(federation.status.unwrap().published_keys, Some(2));
}

#[tokio::test]
async fn a_key_that_is_no_longer_served_stays_until_its_time_is_up() {
    let (bench, mut federation) = Bench::ready().await;
    bench.cluster.serve(vec![server(ISSUER, &[key("b")])]);
    bench.succeed(&mut federation).await;
    assert_eq!(bench.published_kids(), ["b", "a"], "the one that signs comes first");
    assert_eq!(
        bench.told(),
        ["KeyPublished", "KeyRetained", "AllKeysReplaced", "Applied"]
    );
    let retained = &federation.status.as_ref().unwrap().keys[0];
    assert_eq!(
        (retained.kid.as_str(), retained.state),
        ("a", irsa_api::KeyState::Retained)
    );
    assert!(retained.expires.is_some());

    bench.cluster.change_record(|record| {
        record.as_mut().unwrap()["keys"][0]["retiredAt"] = json!("2026-01-01T00:00:00Z");
    });
    bench.succeed(&mut federation).await;
    assert_eq!(bench.published_kids(), ["b"]);
    assert_eq!(bench.told(), ["KeyRemoved", "Applied"]);
}

#[tokio::test]
async fn an_api_server_that_does_not_answer_retires_no_key_and_is_named() {
    let (bench, mut federation) = Bench::ready().await;
    bench
        .cluster
        .serve(vec![server(ISSUER, &[key("a")]), server(ISSUER, &[key("b")])]);
    bench.succeed(&mut federation).await;
    let silent =
        Err(irsa_pipeline::federation::observe::api_servers::ServerError::Unreachable("no connection".to_owned()));
    bench.cluster.serve(vec![server(ISSUER, &[key("a")]), silent]);
    bench
        .end(&mut federation, Reason::ApiServerUnavailable, "server-1")
        .await;
    assert_eq!(bench.published_kids(), ["a", "b"]);
    assert_eq!(
        condition(&federation, "Ready").0,
        "True",
        "Ready is about the world, not about us"
    );
}

#[tokio::test]
async fn keys_that_must_not_be_published_publish_nothing() {
    let mut private = key("p");
    private["d"] = json!("c2VjcmV0");
    let rows: [(Vec<Value>, &str); 3] = [
        (vec![key("a"), private], "secret"),
        (vec![], "no keys"),
        (
            vec![json!({"kty": "OKP", "crv": "Ed25519", "kid": "e", "x": "AAAA"})],
            "no API server serves a key",
        ),
    ];
    for (keys, fragment) in rows {
        let bench = Bench::new();
        bench.cluster.serve(vec![server(ISSUER, &keys)]);
        let mut federation = federation();
        let outcome = bench.end(&mut federation, Reason::KeysUnusable, fragment).await;
        assert!(!outcome.message.contains("c2VjcmV0"));
        assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
        assert_eq!(bench.cluster.take_writes(), Vec::<String>::new());
        assert_eq!(condition(&federation, "KeysObserved"), ("False", "KeysUnusable"));
    }
}

#[tokio::test]
async fn an_emptied_set_takes_nothing_away() {
    let (bench, mut federation) = Bench::ready().await;
    bench.cluster.serve(vec![server(ISSUER, &[])]);
    bench.end(&mut federation, Reason::KeysUnusable, "no keys").await;
    assert_eq!(bench.published_kids(), ["a"]);
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_lost_record_is_made_anew_from_what_status_and_bucket_agree_on() {
    let (bench, mut federation) = Bench::ready().await;
    bench.cluster.serve(vec![server(ISSUER, &[key("b")])]);
    bench.succeed(&mut federation).await;
    bench.cluster.take_events();
    bench.cluster.change_record(|record| *record = None);
    bench.succeed(&mut federation).await;
    assert_eq!(bench.published_kids(), ["b", "a"]);
    assert!(bench.told().contains(&"KeyHistoryLost".to_owned()));
}

#[tokio::test]
async fn the_record_of_another_cluster_stops_everything() {
    let (bench, mut federation) = Bench::ready().await;
    bench.cluster.change_record(|record| {
        record.as_mut().unwrap()["cluster"] = json!("another");
    });
    bench
        .end(&mut federation, Reason::ClusterChanged, "irsa-anywhere-keys-default")
        .await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
    assert_eq!(bench.cluster.take_writes(), Vec::<String>::new());
    assert_eq!(condition(&federation, "Stalled").0, "True");
}

/// The spec revokes the key of this `kid`, as somebody would who reads the status.
fn revoke(federation: &mut OidcFederation, kid: &str) {
    let keys = &federation.status.as_ref().unwrap().keys;
    let thumbprint = keys.iter().find(|key| key.kid == kid).unwrap().thumbprint.clone();
    federation
        .spec
        .signing_keys
        .revoke
        .push(irsa_api::RevokedKey { thumbprint });
    federation.metadata.generation = federation.metadata.generation.map(|generation| generation + 1);
}

#[tokio::test]
async fn a_revoked_key_is_taken_out_at_once_and_told_once() {
    let (bench, mut federation) = Bench::ready().await;
    bench.cluster.serve(vec![server(ISSUER, &[key("a"), key("b")])]);
    bench.succeed(&mut federation).await;
    bench.told();
    revoke(&mut federation, "a");
    bench.succeed(&mut federation).await;
    assert_eq!(bench.published_kids(), ["b"]);
    assert_eq!(bench.told(), ["KeyRevoked", "Applied"]);
    let status = federation.status.as_ref().unwrap();
    assert_eq!(status.keys[0].state, irsa_api::KeyState::Revoked);
    assert_eq!(status.published_keys, Some(1));
    bench.aws.take_writes();
    bench.succeed(&mut federation).await;
    assert_eq!((bench.aws.take_writes(), bench.told()), (Vec::new(), Vec::new()));

    bench
        .aws
        .overwrite(JWKS, json!({"keys": [key("a")]}).to_string().as_bytes());
    bench.succeed(&mut federation).await;
    assert_eq!(bench.published_kids(), ["b"], "whoever puts it back");
    assert!(bench.told().contains(&"DocumentsTampered".to_owned()));
}

#[tokio::test]
async fn a_cache_that_still_serves_a_revoked_key_is_told_with_the_key_by_whichever_pass_sees_it() {
    let (bench, mut federation) = Bench::ready().await;
    bench.cluster.serve(vec![server(ISSUER, &[key("a"), key("b")])]);
    bench.succeed(&mut federation).await;
    let cached = bench.aws.object(JWKS).unwrap().bytes;
    revoke(&mut federation, "a");
    bench.succeed(&mut federation).await;
    bench.aws.world(|world| world.swapped.insert(JWKS.to_owned(), cached));
    let told = bench
        .end(&mut federation, Reason::PublicAccessBlocked, "purge the cache")
        .await;
    assert!(told.message.contains("revoke lists: a,"), "{}", told.message);
    // What ends the pass early leaves the look from outside, which knows no more than the last digests.
    bench.aws.fail("GetObject", irsa_aws::Kind::Unavailable, "down");
    let told = bench
        .end(&mut federation, Reason::PublicAccessBlocked, "purge the cache")
        .await;
    assert!(told.message.contains("revoke lists: a,"), "{}", told.message);
    bench.aws.recover();
    bench.aws.world(|world| world.swapped.clear());
    bench.succeed(&mut federation).await;
}

#[tokio::test]
async fn the_only_key_is_taken_out_like_any_other_and_the_federation_says_that_nobody_gets_in() {
    let (bench, mut federation) = Bench::ready().await;
    revoke(&mut federation, "a");
    bench
        .end(&mut federation, Reason::KeysUnusable, "Every signing key")
        .await;
    assert_eq!(bench.published_kids(), Vec::<String>::new());
    assert_eq!(condition(&federation, "KeysObserved"), ("False", "KeysUnusable"));
    assert_eq!(condition(&federation, "PubliclyReadable").0, "True");
    bench.aws.take_calls();
    bench
        .end(&mut federation, Reason::KeysUnusable, "Every signing key")
        .await;
    assert_eq!(bench.aws.take_calls().len(), 2, "waiting costs two anonymous requests");
    bench.cluster.serve(vec![server(ISSUER, &[key("b")])]);
    bench.succeed(&mut federation).await;
    assert_eq!(bench.published_kids(), ["b"]);
}

#[tokio::test]
async fn a_revocation_that_stopped_between_record_and_document_is_finished_by_the_next_process() {
    let (bench, mut federation) = Bench::ready().await;
    bench.cluster.serve(vec![server(ISSUER, &[key("a"), key("b")])]);
    bench.succeed(&mut federation).await;
    revoke(&mut federation, "a");
    bench.aws.fail("PutObject", irsa_aws::Kind::Unavailable, "down");
    bench.end(&mut federation, Reason::AwsUnavailable, "PutObject").await;
    assert_eq!(bench.published_kids(), ["a", "b"], "still the old document");
    assert_eq!(bench.cluster.record().unwrap()["keys"][0]["revoked"], json!(true));
    let bench = bench.restarted();
    bench.aws.recover();
    bench.succeed(&mut federation).await;
    assert_eq!(bench.published_kids(), ["b"]);
}

#[tokio::test]
async fn an_announced_key_is_published_counted_and_shown_until_its_time_is_up_after_it_was_withdrawn() {
    let (bench, mut federation) = Bench::ready().await;
    bench.told();
    let announce = |federation: &mut OidcFederation, pem: &str| {
        edit(federation, |spec| {
            spec["signingKeys"]["additional"] = match pem {
                "" => json!([]),
                pem => json!([{"name": "next", "publicKeyPem": pem}]),
            };
        });
    };
    announce(&mut federation, PEM);
    bench.succeed(&mut federation).await;
    assert_eq!(bench.published_kids(), ["a", PEM_KID]);
    assert_eq!(bench.told(), ["KeyPublished", "Applied"]);
    let state = |federation: &OidcFederation| federation.status.as_ref().unwrap().keys[1].state;
    assert_eq!(state(&federation), irsa_api::KeyState::Additional);
    bench.aws.take_writes();
    bench.succeed(&mut federation).await;
    assert_eq!((bench.aws.take_writes(), bench.told()), (Vec::new(), Vec::new()));

    announce(
        &mut federation,
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    );
    let field = "spec.signingKeys.additional[next].publicKeyPem is broken";
    bench.end(&mut federation, Reason::InvalidSpec, field).await;
    assert_eq!(
        bench.published_kids(),
        ["a", PEM_KID],
        "nothing is lost by a typing error"
    );

    announce(&mut federation, "");
    bench.succeed(&mut federation).await;
    assert_eq!(bench.published_kids(), ["a", PEM_KID]);
    assert_eq!(state(&federation), irsa_api::KeyState::Retained);
    assert_eq!(bench.told(), ["KeyRetained"]);
    let metrics = bench.metrics();
    for event in ["KeyPublished", "KeyRetained"] {
        let line = format!("key_transitions_total{{event=\"{event}\"}}");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
}

#[tokio::test]
async fn documents_in_the_order_of_an_earlier_release_are_rewritten_once_and_nobody_is_accused() {
    let (bench, mut federation) = Bench::ready().await;
    bench.cluster.serve(vec![server(ISSUER, &[key("b")])]);
    bench.succeed(&mut federation).await;
    assert_eq!(bench.published_kids(), ["b", "a"]);
    let by_kid = format!("{}\n", json!({"keys": [key("a"), key("b")]}));
    bench.aws.overwrite(JWKS, by_kid.as_bytes());
    let published = federation.status.as_mut().unwrap().published.as_mut().unwrap();
    published.jwks.sha256 = irsa_core::digest::sha256_hex(by_kid.as_bytes());
    let bench = bench.restarted();
    bench.forget_traces();
    bench.succeed(&mut federation).await;
    assert_eq!(bench.published_kids(), ["b", "a"]);
    assert_eq!(bench.aws.take_writes(), [format!("PutObject {JWKS}")]);
    assert_eq!(bench.told(), ["Applied"]);
    let bench = bench.restarted();
    bench.succeed(&mut federation).await;
    assert_eq!((bench.aws.take_writes(), bench.told()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_p521_key_is_named_by_an_event_and_for_as_long_as_it_is_published_in_the_condition() {
    let (bench, mut federation) = Bench::ready().await;
    let says = |federation: &OidcFederation| {
        let conditions = federation.conditions();
        conditions
            .iter()
            .find(|condition| condition.type_ == "KeysObserved")
            .unwrap()
            .message
            .clone()
    };
    assert_eq!(
        says(&federation),
        "The API servers' keys are known: 1 key, 1 published."
    );
    let odd = json!({
        "use": "sig", "kty": "EC", "crv": "P-521", "alg": "ES512", "kid": "wide",
        "x": "AATmpDxiWU1bK1axSKBHeCgJAraAPf1QoQ-RNBCwPje0CGm4XJr031IMNvrFAeevcUNJfrxGKgJo649SLF4h3AsX",
        "y": "AOHWmoz7_xs-WYNVaHAOueEVzKUAeWtJYGcsuxO5137gSoZLcdqa889Va5CmwJgZlwr3XLrJJX7oW9BE0kzwRsAh",
    });
    bench.cluster.serve(vec![server(ISSUER, &[key("a"), odd])]);
    bench.succeed(&mut federation).await;
    assert_eq!(bench.told(), ["KeyPublished", "KeyHardlySupported", "Applied"]);
    assert!(
        says(&federation).contains("P-521") && says(&federation).contains(": wide."),
        "{}",
        says(&federation)
    );
}
