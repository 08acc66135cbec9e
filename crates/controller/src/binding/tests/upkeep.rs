//! Drift in AWS and in ServiceAccounts.

use irsa_core::{naming::Tags, plan::binding::ObservedAccount};

use super::{fake_aws::Stored, *};

/// A binding that is ready, and a controller that has just started: what differs now is drift.
async fn ready() -> (Bench, IamRoleBinding) {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    bench.aws.take_calls();
    bench.kubernetes.take_writes();
    bench.kubernetes.take_events();
    (bench.restarted(), binding)
}

#[tokio::test]
async fn whatever_somebody_changes_on_the_role_is_put_back_and_named() {
    type Change = fn(&mut Stored);
    let changes: [(Change, &str, &str); 8] = [
        (
            |stored| stored.role.trust_policy = "{}".to_owned(),
            "UpdateAssumeRolePolicy",
            "trust policy",
        ),
        (
            |stored| stored.role.permissions_boundary = None,
            "PutRolePermissionsBoundary",
            "permissions boundary",
        ),
        (
            |stored| stored.role.description.clear(),
            "UpdateRole",
            "description or session duration",
        ),
        (
            |stored| drop(stored.role.tags.insert("team".into(), "x".into())),
            "TagRole",
            "tags team",
        ),
        (
            |stored| drop(stored.role.tags.insert("x".into(), "y".into())),
            "UntagRole",
            "tags x",
        ),
        (
            |stored| stored.attached.clear(),
            "AttachRolePolicy",
            "AmazonS3ReadOnlyAccess",
        ),
        (
            |stored| stored.attached.extend(["arn:x".to_owned()]),
            "DetachRolePolicy",
            "managed policy arn:x",
        ),
        (
            |stored| drop(stored.inline.insert("bucket".into(), "{}".into())),
            "PutRolePolicy",
            "inline policy bucket",
        ),
    ];
    for (change, call, named) in changes {
        let (bench, mut binding) = ready().await;
        let before = bench.aws.get(ROLE).unwrap();
        bench.aws.tamper(ROLE, change);
        bench.succeed(&mut binding).await;
        let calls = bench.aws.take_calls();
        assert_eq!(calls.iter().filter(|made| *made == call).count(), 1, "{calls:?}");
        assert_eq!(calls.len(), 2 + 5, "the inventory, and one repair: {calls:?}");
        let after = bench.aws.get(ROLE).unwrap();
        assert_eq!(
            (after.role, after.attached, after.inline),
            (before.role, before.attached, before.inline)
        );
        let events = bench.kubernetes.take_events();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0].0, "DriftRepaired");
        assert!(events[0].2.contains(named), "{}", events[0].2);
        // An alert hangs on it.
        for _ in 0..2 {
            let metrics = bench.metrics();
            let repairs: Vec<&str> = metrics
                .lines()
                .filter(|line| line.starts_with("drift_repaired_total"))
                .collect();
            assert!(
                repairs.contains(&r#"drift_repaired_total{kind="binding"} 1"#),
                "{named}: {repairs:?}"
            );
            assert!(
                repairs.contains(&r#"drift_repaired_total{kind="federation"} 0"#),
                "{named}: {repairs:?}"
            );
            bench.succeed(&mut binding).await;
        }
    }
}

#[tokio::test]
async fn a_deleted_role_is_made_again_and_its_new_id_is_recorded() {
    let (bench, mut binding) = ready().await;
    let kept = bench.kubernetes.clone();
    let empty = Bench::over(FakeAws::default(), kept, OnlyReplica);
    binding.status.as_mut().unwrap().role_id = Some("AROAOLD".to_owned());
    empty.succeed(&mut binding).await;
    assert!(empty.aws.get(ROLE).is_some());
    assert_eq!(binding.status.unwrap().role_id.as_deref(), Some("AROA1"));
    drop(bench);
}

#[tokio::test]
async fn a_difference_right_after_our_own_write_is_taken_for_an_old_read() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    bench.aws.tamper(ROLE, |stored| stored.attached.clear());
    bench.aws.take_calls();
    let report = bench.controller.apply(&binding).await;
    assert_eq!(report.outcome.reason, Reason::Succeeded);
    assert!(report.look_again.is_some());
    assert!(!bench.aws.take_calls().contains(&"AttachRolePolicy".to_owned()));
}

#[tokio::test]
async fn a_changed_spec_is_applied_at_once_and_is_no_drift() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    bench.kubernetes.take_events();
    edit(&mut binding, |spec| {
        spec["policies"]["managed"] = json!(["ViewOnlyAccess"]);
    });
    bench.succeed(&mut binding).await;
    let attached = bench.aws.get(ROLE).unwrap().attached;
    assert_eq!(
        attached.into_iter().collect::<Vec<_>>(),
        ["arn:aws:iam::aws:policy/ViewOnlyAccess"]
    );
    assert_eq!(bench.kubernetes.take_events()[0].0, "Applied");
}

#[tokio::test]
async fn a_role_whose_tags_were_taken_away_is_foreign_from_then_on() {
    let (bench, mut binding) = ready().await;
    bench.aws.tamper(ROLE, |stored| stored.role.tags = Tags::new());
    bench.end(&mut binding, Reason::ForeignRole, ROLE).await;
    assert_eq!(bench.aws.take_calls_about_a_role(), ["GetRole"]);
}

#[tokio::test]
async fn a_missing_account_is_waited_for_with_the_role_made() {
    let bench = Bench::new();
    let mut binding = binding();
    bench
        .end(&mut binding, Reason::ServiceAccountNotFound, "app does not exist")
        .await;
    assert!(bench.aws.get(ROLE).is_some());
    assert!(
        bench
            .controller
            .memory
            .account_changed("ns", "app", Some(&ObservedAccount::default()))
    );
    bench.kubernetes.put_account("app");
    bench.succeed(&mut binding).await;
}

#[tokio::test]
async fn another_managers_annotation_is_named_once_and_not_fought_over() {
    let (bench, mut binding) = ready().await;
    bench
        .kubernetes
        .annotate("app", "helm", "eks.amazonaws.com/role-arn", "arn:aws:iam::1:role/x");
    for _ in 0..2 {
        let outcome = bench.end(&mut binding, Reason::AnnotationConflict, "helm").await;
        assert!(
            outcome.message.contains("eks.amazonaws.com/role-arn"),
            "{}",
            outcome.message
        );
    }
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
    let events = bench.kubernetes.take_events();
    assert_eq!(
        events.iter().map(|event| event.0.as_str()).collect::<Vec<_>>(),
        ["AnnotationConflict"]
    );
}

#[tokio::test]
async fn a_conflict_behind_another_accounts_trouble_is_not_told_by_every_pass() {
    let (bench, mut binding) = ready().await;
    bench
        .kubernetes
        .annotate("app", "helm", "eks.amazonaws.com/role-arn", "arn:aws:iam::1:role/x");
    edit(&mut binding, |spec| {
        spec["serviceAccounts"] = json!([{"name": "aaa"}, {"name": "app"}]);
    });
    for _ in 0..3 {
        bench.end(&mut binding, Reason::ServiceAccountNotFound, "aaa").await;
    }
    let told = |bench: &Bench| {
        let events = bench.kubernetes.take_events();
        events.iter().filter(|event| event.0 == "AnnotationConflict").count()
    };
    assert_eq!(told(&bench), 0);
    bench.kubernetes.put_account("aaa");
    for _ in 0..3 {
        bench.end(&mut binding, Reason::AnnotationConflict, "helm").await;
    }
    assert_eq!(told(&bench), 1, "once it is what is in the way");
}

#[tokio::test]
async fn an_account_that_is_no_longer_bound_is_cleared() {
    let (bench, mut binding) = ready().await;
    bench.kubernetes.put_account("other");
    edit(&mut binding, |spec| {
        spec["serviceAccounts"] = json!([{"name": "other"}]);
    });
    bench.succeed(&mut binding).await;
    assert_eq!(
        bench.kubernetes.account("app").unwrap()["metadata"]["annotations"],
        json!({})
    );
    assert_eq!(
        binding.status.as_ref().unwrap().subjects,
        ["system:serviceaccount:ns:other"]
    );
    edit(&mut binding, |spec| spec["serviceAccountMode"] = json!("None"));
    bench.succeed(&mut binding).await;
    // Still trusted, and the pods configure themselves: the annotation goes all the same.
    assert_eq!(
        bench.kubernetes.account("other").unwrap()["metadata"]["annotations"],
        json!({})
    );
}

#[tokio::test]
async fn an_account_as_we_left_it_wakes_nobody_and_a_changed_one_does() {
    let (bench, mut binding) = ready().await;
    bench.succeed(&mut binding).await;
    let seen = |bench: &Bench| {
        let account: k8s_openapi::api::core::v1::ServiceAccount =
            serde_json::from_value(bench.kubernetes.account("app").unwrap()).unwrap();
        irsa_pipeline::binding::observe::service_accounts::account_of(&account)
    };
    let memory = &bench.controller.memory;
    assert!(!memory.account_changed("ns", "app", Some(&seen(&bench))));
    assert!(memory.account_changed("ns", "app", None), "deleted");
    bench
        .kubernetes
        .annotate("app", "kubectl", "eks.amazonaws.com/audience", "x");
    assert!(memory.account_changed("ns", "app", Some(&seen(&bench))));
    assert!(!memory.account_changed("ns", "stranger", None));
}

#[tokio::test]
async fn what_pods_get_is_on_the_account_follows_the_spec_and_is_written_once() {
    let (bench, mut binding) = ready().await;
    let annotations = |bench: &Bench| bench.kubernetes.account("app").unwrap()["metadata"]["annotations"].clone();
    assert_eq!(annotations(&bench)["irsa-anywhere.dev/region"], "eu-central-1");
    assert_eq!(annotations(&bench)["irsa-anywhere.dev/session-name"], "PodName");
    bench.succeed(&mut binding).await;
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());

    edit(&mut binding, |spec| {
        spec["pods"] = json!({"region": "None", "sessionName": "None", "stsRegionalEndpoints": true, "instanceMetadata": "Disabled"});
    });
    bench.succeed(&mut binding).await;
    let ours: Vec<String> = annotations(&bench)
        .as_object()
        .unwrap()
        .keys()
        .filter(|key| key.starts_with("irsa-anywhere.dev/"))
        .cloned()
        .collect();
    assert_eq!(
        ours,
        [
            "irsa-anywhere.dev/confirmed-for",
            "irsa-anywhere.dev/instance-metadata",
            "irsa-anywhere.dev/sts-regional-endpoints"
        ]
    );
    assert_eq!(bench.kubernetes.take_writes().len(), 1);
    bench.succeed(&mut binding).await;
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());

    bench
        .kubernetes
        .annotate("app", "kubectl", "irsa-anywhere.dev/instance-metadata", "Keep");
    bench.end(&mut binding, Reason::AnnotationConflict, "kubectl").await;
}
