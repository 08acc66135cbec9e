//! Drift and tampering.

use irsa_core::naming::Tags;

use super::{fake_aws::World, *};

#[tokio::test]
async fn whatever_somebody_changes_is_put_back_and_named() {
    type Change = fn(&mut World);
    let changes: [(Change, &str, &str); 6] = [
        (
            |world| world.provider = None,
            "CreateOpenIDConnectProvider",
            "OIDC provider",
        ),
        (
            |world| world.provider.as_mut().unwrap().client_ids.extend(["x".to_owned()]),
            "RemoveClientID",
            "audience x",
        ),
        (
            |world| drop(world.provider.as_mut().unwrap().tags.remove("team")),
            "TagProvider",
            "tags team",
        ),
        (|world| world.policy = None, "PutBucketPolicy", "bucket policy"),
        (
            |world| drop(world.objects.remove(JWKS)),
            "PutObject openid/v1/jwks",
            "key set",
        ),
        (
            |world| world.objects.get_mut(DISCOVERY).unwrap().cache_control = None,
            "PutObject .well-known/openid-configuration",
            "discovery document",
        ),
    ];
    for (change, call, named) in changes {
        let (bench, mut federation) = Bench::ready().await;
        let bench = bench.restarted();
        bench.aws.world(change);
        bench.succeed(&mut federation).await;
        assert_eq!(bench.aws.take_writes(), [call]);
        let events = bench.cluster.take_events();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0].0, "DriftRepaired");
        assert!(events[0].1.contains(named), "{}", events[0].1);
        // An alert hangs on it.
        for _ in 0..2 {
            let metrics = bench.metrics();
            let repairs: Vec<&str> = metrics
                .lines()
                .filter(|line| line.starts_with("drift_repaired_total"))
                .collect();
            assert!(
                repairs.contains(&r#"drift_repaired_total{kind="federation"} 1"#),
                "{named}: {repairs:?}"
            );
            assert!(
                repairs.contains(&r#"drift_repaired_total{kind="binding"} 0"#),
                "{named}: {repairs:?}"
            );
            bench.succeed(&mut federation).await;
        }
    }
}

#[tokio::test]
async fn a_document_that_was_encrypted_with_a_kms_key_is_noticed_within_a_minute_and_written_again_once() {
    let (bench, mut federation) = Bench::ready().await;
    let encrypt = |world: &mut World| world.objects.get_mut(JWKS).unwrap().encryption = Some("aws:kms".to_owned());
    bench.aws.world(encrypt);
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_writes(), [format!("PutObject {JWKS}")]);
    let events = bench.cluster.take_events();
    assert_eq!(events[0].0, "DriftRepaired");
    for part in ["key set", "aws:kms", "STS"] {
        assert!(events[0].1.contains(part), "{}", events[0].1);
    }
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_writes(), [""; 0]);
}

#[tokio::test]
async fn forged_keys_are_replaced_within_a_minute_and_named() {
    let (bench, mut federation) = Bench::ready().await;
    let forged = json!({ "keys": [key("a"), key("evil")] });
    bench.aws.overwrite(JWKS, forged.to_string().as_bytes());
    bench.succeed(&mut federation).await;
    assert_eq!(bench.published_kids(), ["a"]);
    assert_eq!(bench.aws.take_writes(), [format!("PutObject {JWKS}")]);
    let events = bench.cluster.take_events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].0, "DocumentsTampered");
    assert!(
        events[0].1.contains("evil") && events[0].1.contains("key set"),
        "{}",
        events[0].1
    );
}

#[tokio::test]
async fn a_document_that_was_closed_to_the_public_is_noticed_within_a_minute() {
    let (bench, mut federation) = Bench::ready().await;
    bench.aws.world(|world| world.policy = None);
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_writes(), ["PutBucketPolicy"]);
}

#[tokio::test]
async fn a_difference_in_iam_right_after_our_own_write_is_taken_for_an_old_read() {
    let (bench, mut federation) = Bench::ready().await;
    bench
        .aws
        .world(|world| world.provider.as_mut().unwrap().tags = Tags::new());
    // Ownership is never taken for granted, only the repair waits.
    bench.aws.world(|world| {
        let tags = &mut world.provider.as_mut().unwrap().tags;
        tags.insert("irsa-anywhere.dev/cluster".to_owned(), "5b1c".to_owned());
        tags.insert("irsa-anywhere.dev/federation".to_owned(), "default".to_owned());
    });
    bench.aws.world(|world| world.policy = None);
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_writes(), ["PutBucketPolicy"]);
}

#[tokio::test]
async fn a_provider_whose_tags_were_taken_away_is_foreign_from_then_on() {
    let (bench, mut federation) = Bench::ready().await;
    let bench = bench.restarted();
    bench
        .aws
        .world(|world| world.provider.as_mut().unwrap().tags = Tags::new());
    bench
        .end(&mut federation, Reason::ForeignProvider, "oidc-provider/b.s3")
        .await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn both_kinds_of_pass_tell_when_the_documents_could_last_be_read() {
    let (bench, mut federation) = Bench::ready().await;
    let mut follow = bench.controller.driver.metrics.objects.follow::<OidcFederation>();
    let read = || bench.metrics().contains("\npublic_read_timestamp_seconds ");
    // Known to the watch, and never read by this process.
    let mut unread = federation.clone();
    unread.status = None;
    let appear = |follow: &mut dyn FnMut(&Event<Decoded<OidcFederation>>)| {
        follow(&Event::Delete(Decoded::of(unread.clone())));
        follow(&Event::Apply(Decoded::of(unread.clone())));
    };
    appear(&mut follow);
    assert!(!read());
    bench.succeed(&mut federation).await;
    let calls = bench.aws.take_calls();
    assert!(
        calls.iter().all(|call| call.starts_with("Public")),
        "a pass that only looks: {calls:?}"
    );
    assert!(read());

    appear(&mut follow);
    edit(&mut federation, |spec| spec["tags"] = json!({"team": "other"}));
    bench.succeed(&mut federation).await;
    assert!(!bench.aws.take_writes().is_empty(), "a full pass");
    assert!(read());

    appear(&mut follow);
    let closed = irsa_aws::PublicAccessBlock {
        restrict_public_buckets: true,
        ..irsa_aws::PublicAccessBlock::POLICIES_ONLY
    };
    bench.aws.world(|world| world.block = Some(closed));
    edit(&mut federation, |spec| spec["tags"] = json!({"team": "another"}));
    bench.end(&mut federation, Reason::PublicAccessBlocked, "403").await;
    assert!(!read(), "what could not be read was not");
}

#[tokio::test(start_paused = true)]
async fn what_exists_stays_as_it_is_while_the_federation_is_suspended_and_is_put_right_afterwards() {
    let (bench, federation) = Bench::ready().await;
    let change = |world: &mut World| world.provider.as_mut().unwrap().client_ids.insert("theirs".to_owned());
    bench.aws.world(change);
    bench.cluster.serve(vec![server(ISSUER, &[key("a"), key("b")])]);
    // Not what IAM may still show after our own write.
    tokio::time::advance(std::time::Duration::from_secs(11)).await;
    let controller = Arc::new(bench.controller);
    let cluster = bench.cluster;
    let mut watched = bench.federations;
    let mut pass = async |suspend: bool, requested_at: &str| {
        let mut federation = cluster.held();
        if federation.spec.suspend != suspend {
            edit(&mut federation, |spec| spec["suspend"] = json!(suspend));
        }
        let request = (
            "irsa-anywhere.dev/reconcile-requested-at".to_owned(),
            requested_at.to_owned(),
        );
        federation
            .metadata
            .annotations
            .get_or_insert_default()
            .extend([request]);
        cluster.hold(&federation);
        let object = Decoded::of(federation);
        watched.apply_watcher_event(&Event::Apply(object.clone()));
        reconcile(Arc::new(object), Arc::clone(&controller)).await.unwrap();
        cluster.held()
    };
    cluster.hold(&federation);
    for requested_at in ["one", "two"] {
        let suspended = pass(true, requested_at).await;
        assert_eq!(condition(&suspended, "Ready"), ("True", "Suspended"));
        assert_eq!(condition(&suspended, "Published"), ("Unknown", "Suspended"));
        assert_eq!(
            suspended.status.unwrap().last_handled_reconcile_at.as_deref(),
            Some(requested_at)
        );
        assert_eq!(bench.aws.take_calls(), Vec::<String>::new());
        assert_eq!(cluster.take_writes(), Vec::<String>::new());
    }
    let resumed = pass(false, "three").await;
    assert_eq!(condition(&resumed, "Ready"), ("True", "Succeeded"));
    assert_eq!(
        bench.aws.take_writes(),
        [format!("PutObject {JWKS}"), "RemoveClientID".to_owned()]
    );
    assert_eq!(resumed.status.unwrap().published_keys, Some(2));
}
