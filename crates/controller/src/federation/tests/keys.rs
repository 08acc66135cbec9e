//! Rotation, retention, and what must never be published.

use super::*;

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
    assert_eq!(bench.published_kids(), ["a", "b"]);
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
    let silent = Err(super::super::ServerError::Unreachable("no connection".to_owned()));
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
    assert_eq!(bench.published_kids(), ["a", "b"]);
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
