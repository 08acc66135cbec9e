//! From nothing to ready, and back to nothing.

use irsa_pipeline::object::ObjectKey;

use super::*;

#[tokio::test]
async fn a_new_federation_is_made_in_five_writes_in_the_safe_order() {
    let bench = Bench::new();
    let mut federation = federation();
    bench.succeed(&mut federation).await;
    assert_eq!(
        bench.aws.take_writes(),
        [
            format!("PutObject {JWKS}"),
            format!("PutObject {DISCOVERY}"),
            "PutBucketPolicy".to_owned(),
            "CreateOpenIDConnectProvider".to_owned(),
        ]
    );
    assert_eq!(bench.cluster.take_writes(), ["POST irsa-anywhere-keys-default"]);
    let status = federation.status.as_ref().unwrap();
    assert_eq!(
        status.provider_arn.as_deref(),
        Some("arn:aws:iam::123456789012:oidc-provider/b.s3.eu-central-1.amazonaws.com")
    );
    assert_eq!(status.account_id.as_deref(), Some("123456789012"));
    assert_eq!((status.published_keys, status.keys[0].kid.as_str()), (Some(1), "a"));
    let published = &status.published.as_ref().unwrap().jwks;
    assert_eq!(published.url, format!("{ISSUER}/{JWKS}"));
    assert_eq!(published.etag, bench.aws.object(JWKS).map(|document| document.etag));
    // The roles are the other controller's to list.
    let ours = |aspect: &ConditionType| *aspect != ConditionType::RolesInventoried;
    for aspect in ConditionType::FEDERATION_ASPECTS.into_iter().filter(ours) {
        assert_eq!(condition(&federation, aspect.as_str()).0, "True", "{aspect}");
    }
    assert_eq!(bench.told(), ["KeyPublished", "Applied"]);
    let provider = bench.aws.world(|world| world.provider.clone()).unwrap();
    assert_eq!(provider.tags["irsa-anywhere.dev/cluster"], "5b1c");
    assert_eq!(provider.tags["team"], "platform");
}

#[tokio::test]
async fn an_unchanged_world_costs_two_anonymous_requests_and_no_write() {
    let (bench, mut federation) = Bench::ready().await;
    let before = federation.status.clone();
    for _ in 0..3 {
        let report = bench.report(&mut federation).await;
        assert_eq!(report.outcome.reason, Reason::Succeeded);
        assert_eq!(report.look_again.map(|look| look.as_secs()), Some(60));
        assert_eq!(
            bench.aws.take_calls(),
            [format!("Public {DISCOVERY}"), format!("Public {JWKS}")]
        );
    }
    assert_eq!(federation.status, before);
    assert_eq!(bench.cluster.take_writes(), Vec::<String>::new());
    assert_eq!(bench.told(), Vec::<String>::new());
}

#[tokio::test]
async fn a_restart_reads_everything_once_and_writes_nothing() {
    let (bench, mut federation) = Bench::ready().await;
    let bench = bench.restarted();
    let before = federation.status.clone();
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_calls().len(), 6);
    assert_eq!(federation.status, before);
    assert_eq!(bench.cluster.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_request_and_a_changed_spec_look_at_everything_again() {
    let (bench, mut federation) = Bench::ready().await;
    federation
        .metadata
        .annotations
        .get_or_insert_default()
        .insert("irsa-anywhere.dev/reconcile-requested-at".to_owned(), "now".to_owned());
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_calls().len(), 6);
    edit(&mut federation, |spec| {
        spec["audiences"] = json!(["sts.amazonaws.com", "x"]);
    });
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_writes(), ["AddClientID"]);
    assert_eq!(bench.told(), ["Applied"]);
}

#[tokio::test]
async fn a_pass_that_was_cut_off_is_finished_by_the_next() {
    for call in ["PutObject", "PutBucketPolicy", "CreateOpenIDConnectProvider"] {
        let bench = Bench::new();
        let mut federation = federation();
        bench.aws.fail(call, irsa_aws::Kind::Unavailable, "");
        bench.end(&mut federation, Reason::AwsUnavailable, "").await;
        bench.aws.recover();
        let bench = bench.restarted();
        bench.succeed(&mut federation).await;
    }
}

#[tokio::test]
async fn a_replica_that_does_not_lead_writes_nothing() {
    let cluster = FakeCluster::default();
    cluster.serve(vec![server(ISSUER, &[key("a")])]);
    let bench = Bench::over(FakeAws::default(), cluster, Follower);
    bench
        .end(&mut federation(), Reason::WriteConflict, "not the leader")
        .await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
    assert_eq!(bench.cluster.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn deletion_removes_provider_documents_statement_and_record_in_this_order() {
    let (bench, federation) = Bench::ready().await;
    let foreign = r#"{"Sid":"Logs","Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:x"}"#;
    bench.aws.world(|world| {
        let policy = world.policy.take().unwrap();
        world.policy = Some(policy.replace("\"Statement\":[", &format!("\"Statement\":[{foreign},")));
    });
    bench.cleanup(&federation).await.unwrap();
    assert_eq!(
        bench.aws.take_writes(),
        [
            "DeleteOpenIDConnectProvider".to_owned(),
            format!("DeleteObject {DISCOVERY}"),
            format!("DeleteObject {JWKS}"),
            "PutBucketPolicy".to_owned(),
        ]
    );
    let left = bench.aws.world(|world| world.policy.clone()).unwrap();
    assert!(left.contains("Logs") && !left.contains("IrsaAnywhere"), "{left}");
    assert_eq!(bench.cluster.take_writes(), ["DELETE irsa-anywhere-keys-default"]);
    bench.cleanup(&federation).await.unwrap();
}

#[tokio::test]
async fn nothing_is_remembered_of_a_federation_that_is_gone() {
    let (bench, federation) = Bench::ready().await;
    let (memory, key) = (&bench.controller.memory, ObjectKey::of(&federation));
    memory.challenge_stands(&key, "its challenge");
    assert!(memory.applied(&key).is_some());
    bench.cleanup(&federation).await.unwrap();
    assert!(memory.is_released(&key));
    assert_eq!(memory.len(), 1, "that it was let go");
    memory.keep_only(&[key.clone()].into());
    assert_eq!(memory.len(), 1, "and it is still there");
    memory.forget(&key);
    assert_eq!(memory.len(), 0);
    memory.released(key);
    memory.keep_only(&std::collections::HashSet::new());
    assert_eq!(memory.len(), 0, "a new list lacks it");
}

#[tokio::test]
async fn deletion_waits_for_its_bindings_and_names_them() {
    let (mut bench, federation) = Bench::ready().await;
    let binding = |name: &str, federation: &str| -> IamRoleBinding {
        serde_json::from_value(json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": name, "namespace": "ns"},
            "spec": {"serviceAccounts": [{"name": "x"}], "federationRef": {"name": federation}},
        }))
        .unwrap()
    };
    let stored = |name: &str, federation: &str| Decoded::of(binding(name, federation));
    bench
        .bindings
        .apply_watcher_event(&Event::Apply(stored("app", "default")));
    bench
        .bindings
        .apply_watcher_event(&Event::Apply(stored("other", "elsewhere")));
    let waiting = bench.cleanup(&federation).await.unwrap_err();
    assert_eq!(waiting.reason, Reason::BindingsRemain);
    assert!(
        waiting.message.contains("ns/app") && !waiting.message.contains("other"),
        "{}",
        waiting.message
    );
    assert_eq!(bench.aws.take_calls(), Vec::<String>::new());
    bench
        .bindings
        .apply_watcher_event(&Event::Delete(stored("app", "default")));
    bench.cleanup(&federation).await.unwrap();
}

#[tokio::test]
async fn a_binding_that_the_watch_has_not_shown_or_cannot_read_is_waited_for_too() {
    let (bench, federation) = Bench::ready().await;
    let listed = |federation: &str, spec: Value| {
        let mut binding = json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": "young", "namespace": "ns"}, "spec": spec,
        });
        binding["spec"]["federationRef"] = json!({"name": federation});
        binding
    };
    for spec in [
        json!({"serviceAccounts": [{"name": "x"}]}),
        json!({"serviceAccounts": "unreadable"}),
    ] {
        bench
            .cluster
            .list_bindings(vec![listed("elsewhere", json!({})), listed("default", spec)]);
        let waiting = bench.cleanup(&federation).await.unwrap_err();
        assert_eq!(waiting.reason, Reason::BindingsRemain);
        assert!(waiting.message.contains("ns/young"), "{}", waiting.message);
        assert_eq!(bench.aws.take_calls(), Vec::<String>::new());
    }
    bench.cluster.list_bindings(vec![listed("elsewhere", json!({}))]);
    bench.cleanup(&federation).await.unwrap();
}

#[tokio::test]
async fn a_spec_that_has_become_invalid_is_removed_like_any_other() {
    let (bench, mut federation) = Bench::ready().await;
    edit(&mut federation, |spec| {
        spec["signingKeys"] = json!({"additional": [{"name": "next", "publicKeyPem": "nonsense"}]});
    });
    bench.end(&mut federation, Reason::InvalidSpec, "[next]").await;
    assert_eq!(bench.cleanup(&federation).await, Ok(()));
    bench.aws.world(|world| {
        assert_eq!(world.provider, None);
        assert!(world.objects.is_empty(), "{:?}", world.objects.keys());
    });
    assert_eq!(bench.cluster.record(), None);
}

#[tokio::test]
async fn retain_retains_everything() {
    let (bench, mut federation) = Bench::ready().await;
    edit(&mut federation, |spec| spec["deletionPolicy"] = json!("Retain"));
    bench.cleanup(&federation).await.unwrap();
    assert_eq!(bench.aws.take_calls(), Vec::<String>::new());
    assert!(bench.cluster.record().is_some());
    let mut again = super::federation();
    again.metadata.uid = Some("f2".to_owned());
    bench.succeed(&mut again).await;
    assert_eq!(bench.aws.take_writes(), ["TagProvider"], "only the uid is new");
}

#[tokio::test]
async fn force_counts_only_once_cleanup_has_failed_and_says_what_was_left() {
    let (bench, mut federation) = Bench::ready().await;
    bench
        .aws
        .fail("DeleteOpenIDConnectProvider", irsa_aws::Kind::AccessDenied, "no");
    let failed = bench.cleanup(&federation).await.unwrap_err();
    assert_eq!(failed.reason, Reason::AccessDenied);
    federation
        .metadata
        .annotations
        .get_or_insert_default()
        .insert("irsa-anywhere.dev/force-delete".to_owned(), "yes".to_owned());
    bench.cleanup(&federation).await.unwrap();
    let events = bench.cluster.take_events();
    assert_eq!(events[0].0, "Abandoned");
    assert!(events[0].1.contains("oidc-provider/b.s3"), "{}", events[0].1);
    bench.aws.recover();
    bench.cleanup(&federation).await.unwrap();
    assert!(bench.aws.world(|world| world.provider.is_none()));
    assert_eq!(bench.told(), Vec::<String>::new());
}

#[tokio::test]
async fn deletion_with_another_accounts_credentials_removes_nothing_and_says_so() {
    let (bench, mut federation) = Bench::ready().await;
    federation.status.as_mut().unwrap().account_id = Some("999999999999".to_owned());
    let outcome = bench.cleanup(&federation).await.unwrap_err();
    assert_eq!(outcome.reason, Reason::WrongAccount);
    assert_eq!(bench.aws.take_calls(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_iam_does_not_show_is_gone_only_once_it_would_be_seen() {
    let (bench, federation) = Bench::ready().await;
    let hidden = bench.aws.world(|world| world.provider.take());
    let waiting = bench.cleanup(&federation).await.unwrap_err();
    assert_eq!(waiting.reason, Reason::Propagating, "{}", waiting.message);
    assert_eq!(
        bench.aws.take_writes(),
        Vec::<String>::new(),
        "the documents go after the provider"
    );
    bench.aws.world(|world| world.provider = hidden);
    bench.cleanup(&federation).await.unwrap();
    assert!(bench.aws.world(|world| world.provider.is_none()));

    let (bench, federation) = Bench::ready().await;
    bench.aws.world(|world| world.provider = None);
    let Cleanup::Unfinished(report) = clean_up(&bench.controller, &federation).await else {
        panic!("nothing proves that it is gone")
    };
    let look_again = report.look_again.unwrap();
    assert_eq!(
        look_again,
        std::time::Duration::from_secs(75),
        "not a moment later than needed"
    );
    tokio::time::advance(look_again).await;
    bench.cleanup(&federation).await.unwrap();

    let (bench, federation) = Bench::ready().await;
    bench.aws.world(|world| {
        world.provider = None;
        world.objects.remove(DISCOVERY);
    });
    bench.cleanup(&federation).await.unwrap();
    assert!(bench.aws.object(JWKS).is_none(), "an earlier pass has come that far");
}

#[tokio::test]
async fn a_federation_that_made_nothing_goes_without_asking_aws() {
    let bench = Bench::new();
    bench.cleanup(&federation()).await.unwrap();
    assert_eq!(bench.aws.take_calls(), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_pass_without_a_status_made_is_removed_all_the_same() {
    let (bench, mut federation) = Bench::ready().await;
    federation.status = None;
    bench.cleanup(&federation).await.unwrap();
    assert!(
        bench
            .aws
            .world(|world| world.provider.is_none() && world.objects.is_empty())
    );
}
