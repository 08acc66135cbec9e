//! From nothing to a bound ServiceAccount and back.

use irsa_core::vocabulary::FORCE_DELETE;

use super::*;

const CREATION: [&str; 4] = ["GetRole", "CreateRole", "AttachRolePolicy", "PutRolePolicy"];
const CHECK: [&str; 4] = [
    "GetRole",
    "ListAttachedRolePolicies",
    "ListRolePolicies",
    "GetRolePolicy",
];
const REMOVAL: [&str; 8] = [
    "GetRole",
    "ListAttachedRolePolicies",
    "ListRolePolicies",
    "GetRolePolicy",
    "UpdateAssumeRolePolicy",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "DeleteRole",
];

async fn bound() -> (Bench, IamRoleBinding) {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    bench.aws.take_calls();
    bench.kubernetes.take_writes();
    bench.kubernetes.take_events();
    (bench, binding)
}

/// Read, created, given its policies; closed, freed of its policies, deleted: whatever the number of policies.
#[tokio::test(start_paused = true)]
async fn policies_do_not_wait_for_each_other() {
    let latency = std::time::Duration::from_millis(20);
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    bench.aws.delay(latency);
    let mut binding = binding_with(|binding| {
        let inline = |name| json!({"name": name, "document": inline()});
        binding["spec"]["policies"] = json!({
            "managed": ["AmazonS3ReadOnlyAccess", "ViewOnlyAccess"], "inline": [inline("a"), inline("b"), inline("c")],
        });
    });
    let begun = tokio::time::Instant::now();
    bench.succeed(&mut binding).await;
    assert_eq!(begun.elapsed().as_millis(), 3 * latency.as_millis());
    assert_eq!(bench.aws.take_calls().len(), 7);
    bench.shown().await;
    let begun = tokio::time::Instant::now();
    bench.cleanup(&binding).await.unwrap();
    // The role, the lists of its policies, and their texts.
    let reads = 3;
    assert_eq!(begun.elapsed().as_millis(), (reads + 3) * latency.as_millis());
}

#[tokio::test]
async fn a_new_binding_costs_four_calls_and_one_apply() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    assert_eq!(bench.aws.take_calls(), CREATION);
    assert_eq!(bench.kubernetes.take_writes(), ["PATCH app"]);

    let stored = bench.aws.get(ROLE).unwrap();
    assert_eq!(stored.role.permissions_boundary.as_deref(), Some(BOUNDARY));
    assert_eq!(stored.role.tags["team"], "platform");
    assert_eq!(stored.role.tags["irsa-anywhere.dev/name"], "app");
    let status = binding.status.unwrap();
    assert_eq!(status.role_arn.as_deref(), Some(stored.role.arn.as_str()));
    assert_eq!(status.role_id.as_deref(), Some("AROA1"));
    assert_eq!(status.role_name.as_deref(), Some(ROLE));
    assert_eq!(status.subjects, ["system:serviceaccount:ns:app"]);
    assert_eq!(status.audiences, ["sts.amazonaws.com"]);
    let account = bench.kubernetes.account("app").unwrap();
    assert_eq!(
        account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"],
        stored.role.arn
    );
    assert_eq!(
        account["metadata"]["annotations"]["eks.amazonaws.com/audience"],
        "sts.amazonaws.com"
    );
    assert_eq!(account["metadata"]["labels"]["irsa-anywhere.dev/inject"], "true");
}

#[tokio::test]
async fn an_unchanged_world_is_only_read_and_its_status_stays() {
    let (bench, mut binding) = bound().await;
    let before = binding.status.clone();
    for _ in 0..3 {
        bench.succeed(&mut binding).await;
        assert_eq!(bench.aws.take_calls(), CHECK);
        assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
        assert_eq!(binding.status, before);
    }
    assert_eq!(bench.kubernetes.take_events(), []);
    let bench = bench.restarted();
    bench.succeed(&mut binding).await;
    let listings = ["ListRoles", "GetAccountAuthorizationDetails"];
    assert_eq!(
        bench.aws.take_calls(),
        listings,
        "one that was ready before is as it was left"
    );
    assert_eq!(binding.status, before);
}

#[tokio::test]
async fn a_failure_half_way_is_recorded_and_resumed() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    bench.aws.fail("AttachRolePolicy", irsa_aws::Kind::AccessDenied);
    let mut binding = binding();
    let outcome = bench.end(&mut binding, Reason::AccessDenied, "AttachRolePolicy").await;
    let role = outcome
        .aspects
        .iter()
        .find(|aspect| aspect.kind == ConditionType::RoleSynced)
        .unwrap();
    assert_eq!(role.status, outcome::Status::True);
    assert!(binding.status.as_ref().unwrap().role_arn.is_some());
    bench.aws.recover();
    bench.aws.take_calls();
    bench.succeed(&mut binding).await;
    let writes: Vec<String> = bench
        .aws
        .take_calls()
        .into_iter()
        .filter(|call| !CHECK.contains(&call.as_str()))
        .collect();
    assert_eq!(writes, ["AttachRolePolicy"], "the inline policy did not wait for it");
}

#[tokio::test]
async fn a_role_that_iam_does_not_show_yet_is_waited_for() {
    let bench = Bench::new();
    bench.aws.fail("CreateRole", irsa_aws::Kind::AlreadyExists);
    bench.end(&mut binding(), Reason::Propagating, ROLE).await;
}

#[tokio::test]
async fn deletion_undoes_everything_in_order() {
    let (bench, binding) = bound().await;
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert_eq!(bench.aws.take_calls(), REMOVAL);
    assert!(bench.aws.get(ROLE).is_none());
    let account = bench.kubernetes.account("app").unwrap();
    assert_eq!(account["metadata"]["annotations"], json!({}));
    assert_eq!(account["metadata"]["labels"], json!({}));
}

#[tokio::test(start_paused = true)]
async fn a_role_that_iam_does_not_show_is_gone_only_once_it_would_be_seen() {
    let (bench, binding) = bound().await;
    let stored = bench.aws.hide(ROLE);
    let waiting = bench.cleanup(&binding).await.unwrap_err();
    assert_eq!(waiting.reason, Reason::Propagating, "{}", waiting.message);
    bench.aws.show(stored);
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert!(bench.aws.get(ROLE).is_none());

    let (bench, binding) = bound().await;
    bench.aws.hide(ROLE);
    let Cleanup::Unfinished(report) = clean_up(&bench.controller, &binding).await else {
        panic!("nothing proves that it is gone")
    };
    let look_again = report.look_again.unwrap();
    assert_eq!(
        look_again,
        std::time::Duration::from_secs(75),
        "not a moment later than needed"
    );
    tokio::time::advance(look_again).await;
    assert_eq!(bench.cleanup(&binding).await, Ok(()), "somebody has deleted it");
}

#[tokio::test]
async fn a_role_that_was_removed_and_is_shown_for_a_while_yet_is_not_removed_again() {
    let (bench, binding) = bound().await;
    let shown = bench.aws.get(ROLE).unwrap();
    bench.kubernetes.set_down(true);
    bench.cleanup(&binding).await.unwrap_err();
    assert!(bench.aws.get(ROLE).is_none());
    bench.kubernetes.set_down(false);
    bench.aws.show(shown);
    bench.aws.take_calls();
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert_eq!(bench.aws.take_calls(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_new_process_waits_for_what_the_one_before_may_have_made() {
    let (mut bench, mut binding) = bound().await;
    bench.controller.memory = BindingMemory::default();
    bench.controller.propagation = Propagation::from_now_on(bench.controller.memory.records());
    binding.status = None;
    let stored = bench.aws.hide(ROLE);
    bench.cleanup(&binding).await.unwrap_err();
    bench.aws.show(stored);
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert!(bench.aws.get(ROLE).is_none());
}

#[tokio::test(start_paused = true)]
async fn deletion_needs_no_valid_spec_and_no_healthy_federation() {
    let (bench, mut binding) = bound().await;
    binding.spec.policies.inline[0].document.clear();
    binding.spec.service_accounts.clear();
    bench.federate(|federation| {
        federation["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
        federation["spec"]["bindings"] = json!({"roleNamePrefix": "other-"});
    });
    bench.shown().await;
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert!(bench.aws.get(ROLE).is_none());
    assert_eq!(
        bench.kubernetes.account("app").unwrap()["metadata"]["annotations"],
        json!({})
    );
}

#[tokio::test]
async fn deletion_before_the_first_status_finds_the_role_by_its_name() {
    let (bench, mut binding) = bound().await;
    binding.status = None;
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert!(bench.aws.get(ROLE).is_none());
}

#[tokio::test(start_paused = true)]
async fn deletion_touches_no_role_that_is_not_ours() {
    let (bench, binding) = bound().await;
    bench.aws.tamper(ROLE, |stored| {
        drop(stored.role.tags.insert("irsa-anywhere.dev/cluster".into(), "x".into()));
    });
    bench.shown().await;
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert_eq!(bench.aws.take_calls(), ["GetRole"]);
    assert!(bench.aws.get(ROLE).is_some());
}

/// What docs/runbooks/wait.md tells people whose federation was deleted by mistake.
#[tokio::test(start_paused = true)]
async fn retain_counts_also_while_the_federation_is_being_deleted_if_it_allows_it() {
    for allowed in [true, false] {
        let (bench, mut binding) = bound().await;
        binding.spec.deletion_policy = irsa_api::DeletionPolicy::Retain;
        bench.federate(|federation| {
            federation["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
            federation["spec"]["bindings"]["allowRetain"] = json!(allowed);
        });
        bench.shown().await;
        assert_eq!(bench.cleanup(&binding).await, Ok(()));
        let trust = bench.aws.get(ROLE).map(|stored| stored.role.trust_policy);
        let lets_in = trust.is_some_and(|trust| trust.contains("system:serviceaccount:ns:app"));
        assert_eq!(lets_in, allowed);
    }
}

#[tokio::test(start_paused = true)]
async fn retain_leaves_role_and_annotations_where_the_federation_allows_it() {
    let (bench, mut binding) = bound().await;
    binding.spec.deletion_policy = irsa_api::DeletionPolicy::Retain;
    bench.federate(|federation| federation["spec"]["bindings"]["allowRetain"] = json!(true));
    bench.shown().await;
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    let judged = ["GetRole", "ListAttachedRolePolicies", "ListRolePolicies"];
    assert_eq!(bench.aws.take_calls(), judged);
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
    bench.federate(|_| ());
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert!(
        bench.aws.get(ROLE).is_none(),
        "a federation that does not allow it is obeyed"
    );
}

#[tokio::test]
async fn a_created_account_goes_with_its_binding_unless_others_use_it() {
    for shared in [false, true] {
        let bench = Bench::new();
        let mut binding = binding_with(|binding| binding["spec"]["serviceAccountMode"] = json!("Create"));
        bench.succeed(&mut binding).await;
        assert_eq!(
            bench.kubernetes.account("app").unwrap()["metadata"]["labels"]["irsa-anywhere.dev/binding"],
            "app"
        );
        if shared {
            bench.kubernetes.annotate("app", "kubectl", "example.com/x", "y");
        }
        assert_eq!(bench.cleanup(&binding).await, Ok(()));
        assert_eq!(bench.kubernetes.account("app").is_some(), shared);
    }
}

/// Pods of a ServiceAccount that is gone cannot be started.
#[tokio::test]
async fn a_created_account_stays_while_it_is_named_whatever_the_mode_and_goes_with_its_binding() {
    for unnamed in [false, true] {
        let bench = Bench::new();
        let mut binding = binding_with(|binding| {
            binding["spec"]["serviceAccountMode"] = json!("Create");
            binding["spec"]["serviceAccountTemplate"] = json!({"labels": {"team": "payments"}});
        });
        bench.succeed(&mut binding).await;
        bench.kubernetes.take_writes();
        edit(&mut binding, |spec| {
            spec["serviceAccountMode"] = json!("None");
            drop(spec.as_object_mut().unwrap().remove("serviceAccountTemplate"));
        });
        bench.succeed(&mut binding).await;
        let account = bench.kubernetes.account("app").expect("it was deleted");
        assert_eq!(account["metadata"]["annotations"], json!({}));
        let left = json!({"team": "payments", "irsa-anywhere.dev/binding": "app"});
        assert_eq!(account["metadata"]["labels"], left);
        assert_eq!(bench.kubernetes.take_writes(), ["PATCH app"]);
        bench.succeed(&mut binding).await;
        assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new(), "once");

        for mode in ["Create", "Annotate", "None"] {
            edit(&mut binding, |spec| spec["serviceAccountMode"] = json!(mode));
            bench.succeed(&mut binding).await;
            let writes = bench.kubernetes.take_writes();
            assert!(writes.iter().all(|write| write == "PATCH app"), "{mode}: {writes:?}");
        }
        if unnamed {
            edit(&mut binding, |spec| {
                spec["serviceAccounts"] = json!([{"name": "another"}]);
            });
            bench.succeed(&mut binding).await;
        } else {
            assert_eq!(bench.cleanup(&binding).await, Ok(()));
        }
        assert_eq!(bench.kubernetes.account("app"), None);
    }
}

#[tokio::test]
async fn a_cleanup_that_aws_refuses_waits_until_it_is_forced_and_says_what_was_left() {
    let (bench, mut binding) = bound().await;
    bench.aws.fail("DetachRolePolicy", irsa_aws::Kind::AccessDenied);
    assert_eq!(bench.cleanup(&binding).await.unwrap_err().reason, Reason::AccessDenied);
    assert!(bench.aws.get(ROLE).is_some());
    assert_eq!(bench.kubernetes.take_events(), []);
    binding.metadata.annotations = Some([(FORCE_DELETE.to_owned(), String::new())].into());
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    let events = bench.kubernetes.take_events();
    assert_eq!(
        (events[0].0.as_str(), events[0].1.as_str()),
        ("Abandoned", "OidcFederation")
    );
    assert!(
        events[0].2.contains("ns/app") && events[0].2.contains(ROLE),
        "{}",
        events[0].2
    );
}

#[tokio::test]
async fn a_forced_deletion_still_cleans_up_when_it_can() {
    let (bench, mut binding) = bound().await;
    binding.metadata.annotations = Some([(FORCE_DELETE.to_owned(), String::new())].into());
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert!(bench.aws.get(ROLE).is_none());
    assert_eq!(bench.kubernetes.take_events(), []);
}

#[tokio::test]
async fn a_role_that_something_else_uses_is_named() {
    let (bench, binding) = bound().await;
    bench.aws.fail("DeleteRole", irsa_aws::Kind::DeleteConflict);
    let outcome = bench.cleanup(&binding).await.unwrap_err();
    assert_eq!(outcome.reason, Reason::RoleInUse);
    assert!(outcome.message.contains(ROLE), "{}", outcome.message);
}

#[tokio::test]
async fn without_its_federation_only_a_binding_that_has_a_role_waits() {
    let (bench, binding) = bound().await;
    bench.controller.federations.forget("default");
    let outcome = bench.cleanup(&binding).await.unwrap_err();
    assert_eq!(outcome.reason, Reason::FederationNotFound);
    assert!(outcome.message.contains("force-delete"), "{}", outcome.message);
    assert_eq!(bench.cleanup(&super::binding()).await, Ok(()));
}

#[tokio::test]
async fn a_replica_that_does_not_lead_writes_nothing() {
    let (bench, mut binding) = bound().await;
    let follower = Bench::over(bench.aws.clone(), bench.kubernetes.clone(), Follower);
    bench.aws.tamper(ROLE, |stored| stored.attached.clear());
    assert_eq!(follower.pass(&mut binding).await.reason, Reason::WriteConflict);
    assert_eq!(
        follower.cleanup(&binding).await.unwrap_err().reason,
        Reason::WriteConflict
    );
    let mut fresh = binding_with(|binding| binding["metadata"]["name"] = json!("other"));
    assert_eq!(follower.pass(&mut fresh).await.reason, Reason::WriteConflict);
    assert!(
        bench
            .aws
            .take_calls_about_a_role()
            .iter()
            .all(|call| CHECK.contains(&call.as_str()))
    );
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
}
