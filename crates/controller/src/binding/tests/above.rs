//! What somebody above us puts on a role, and what he refuses us.

use irsa_aws::Kind;
use irsa_core::outcome::Status;

use super::*;

const VIEW_ONLY: &str = "arn:aws:iam::aws:policy/ViewOnlyAccess";

async fn ready() -> (Bench, IamRoleBinding) {
    let bench = Bench::new();
    for account in ["app", "second"] {
        bench.kubernetes.put_account(account);
    }
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    let bench = bench.restarted();
    bench.succeed(&mut binding).await;
    bench.aws.take_calls();
    bench.kubernetes.take_writes();
    bench.kubernetes.take_events();
    (bench, binding)
}

/// The federation has no boundary, and so no inline policies.
fn unbounded(federation: &mut Value) {
    let rules = federation["spec"]["bindings"].as_object_mut().unwrap();
    rules.remove("permissionsBoundary");
    rules.remove("inlinePolicies");
}

fn aspect(binding: &IamRoleBinding, kind: ConditionType) -> (String, String, String) {
    let found = binding.conditions().iter().find(|one| one.type_ == kind.as_str());
    let found = found.unwrap();
    (found.status.clone(), found.reason.clone(), found.message.clone())
}

#[tokio::test]
async fn a_tag_that_must_stay_holds_up_neither_a_policy_nor_a_service_account() {
    let (bench, mut binding) = ready().await;
    bench.aws.tamper(ROLE, |stored| {
        stored.role.tags.insert("cost-centre".to_owned(), "42".to_owned());
    });
    bench.aws.fail("UntagRole", Kind::AccessDenied);
    edit(&mut binding, |spec| {
        spec["serviceAccounts"] = json!([{"name": "app"}, {"name": "second"}]);
        spec["policies"]["managed"] = json!(["AmazonS3ReadOnlyAccess", "ViewOnlyAccess"]);
    });
    let outcome = bench.end(&mut binding, Reason::AccessDenied, "UntagRole").await;
    assert!(
        outcome
            .message
            .contains("Unfinished: tags cost-centre (refused). Everything else is done."),
        "{}",
        outcome.message
    );
    let stored = bench.aws.get(ROLE).unwrap();
    assert!(stored.attached.contains(VIEW_ONLY), "{:?}", stored.attached);
    assert!(stored.role.trust_policy.contains("system:serviceaccount:ns:second"));
    assert_eq!(bench.kubernetes.take_writes().len(), 1, "the second is annotated");
    assert_eq!(aspect(&binding, ConditionType::PoliciesSynced).0, "True");
    assert_eq!(aspect(&binding, ConditionType::ServiceAccountsSynced).0, "True");
    let (status, reason, _) = aspect(&binding, ConditionType::RoleSynced);
    assert_eq!((status.as_str(), reason.as_str()), ("False", "AccessDenied"));
    assert_eq!(binding.status.as_ref().unwrap().subjects.len(), 2);

    let before = binding.status.clone();
    bench.kubernetes.take_events();
    bench.end(&mut binding, Reason::AccessDenied, "cost-centre").await;
    assert_eq!(binding.status, before, "said once, and no field moves");
    assert_eq!(bench.kubernetes.take_events(), []);

    bench.aws.recover();
    bench.succeed(&mut binding).await;
    assert!(!bench.aws.get(ROLE).unwrap().role.tags.contains_key("cost-centre"));
}

#[tokio::test]
async fn nothing_is_given_while_something_that_must_go_cannot_be_taken() {
    let (bench, mut binding) = ready().await;
    bench.aws.fail("DetachRolePolicy", Kind::AccessDenied);
    edit(&mut binding, |spec| {
        spec["serviceAccounts"] = json!([{"name": "app"}, {"name": "second"}]);
        spec["policies"]["managed"] = json!(["ViewOnlyAccess"]);
        spec["role"] = json!({"description": "other"});
    });
    let outcome = bench.end(&mut binding, Reason::AccessDenied, "DetachRolePolicy").await;
    for part in [
        "AmazonS3ReadOnlyAccess (refused)",
        "ViewOnlyAccess (waits for that)",
        "trust policy (waits",
    ] {
        assert!(outcome.message.contains(part), "{}", outcome.message);
    }
    let stored = bench.aws.get(ROLE).unwrap();
    assert!(!stored.attached.contains(VIEW_ONLY));
    assert!(!stored.role.trust_policy.contains("ns:second"));
    assert_eq!(stored.role.description, "other", "what gives nothing goes on");
    assert_eq!(
        bench.kubernetes.take_writes(),
        Vec::<String>::new(),
        "the first is as it was"
    );
    let (status, _, message) = aspect(&binding, ConditionType::ServiceAccountsSynced);
    assert_ne!(status, "True");
    assert!(message.contains("second") && !message.contains("app"), "{message}");
    assert_eq!(
        binding.status.as_ref().unwrap().subjects,
        ["system:serviceaccount:ns:app"]
    );
}

#[tokio::test]
async fn who_is_annotated_and_shut_out_by_somebody_is_told_and_not_forgotten() {
    let (bench, mut binding) = ready().await;
    bench.kubernetes.put_account("second");
    edit(&mut binding, |spec| {
        spec["serviceAccounts"] = json!([{"name": "app"}, {"name": "second"}]);
    });
    bench.succeed(&mut binding).await;
    let bench = bench.restarted();
    bench.aws.tamper(ROLE, |stored| {
        stored.role.trust_policy = stored
            .role
            .trust_policy
            .replace("system:serviceaccount:ns:second", "system:serviceaccount:ns:nobody");
    });
    bench.aws.fail("UpdateAssumeRolePolicy", Kind::AccessDenied);
    bench
        .end(&mut binding, Reason::AccessDenied, "UpdateAssumeRolePolicy")
        .await;
    let (_, _, message) = aspect(&binding, ConditionType::ServiceAccountsSynced);
    assert_eq!(
        message,
        "Annotated, but the role's trust policy does not let them in now: second."
    );
    assert_eq!(binding.status.as_ref().unwrap().subjects.len(), 2);
    // It is bound no more while that is so: what was put on it still goes.
    bench.aws.recover();
    edit(&mut binding, |spec| spec["serviceAccounts"] = json!([{"name": "app"}]));
    bench.succeed(&mut binding).await;
    assert_eq!(
        bench.kubernetes.account("second").unwrap()["metadata"]["annotations"],
        json!({})
    );
}

#[tokio::test]
async fn who_is_shut_out_and_not_there_is_not_said_to_be_annotated() {
    let (bench, mut binding) = ready().await;
    edit(&mut binding, |spec| {
        spec["serviceAccounts"] = json!([{"name": "app"}, {"name": "gone"}]);
    });
    bench.end(&mut binding, Reason::ServiceAccountNotFound, "gone").await;
    let bench = bench.restarted();
    bench.aws.tamper(ROLE, |stored| {
        stored.role.trust_policy = stored.role.trust_policy.replace("ns:gone", "ns:nobody");
    });
    bench.aws.fail("UpdateAssumeRolePolicy", Kind::AccessDenied);
    bench
        .end(&mut binding, Reason::AccessDenied, "UpdateAssumeRolePolicy")
        .await;
    let (_, _, message) = aspect(&binding, ConditionType::ServiceAccountsSynced);
    assert!(
        message.starts_with("Not annotated yet") && message.contains("gone"),
        "{message}"
    );
}

#[tokio::test]
async fn a_service_account_that_is_let_in_is_annotated_whatever_else_is_refused() {
    let (bench, mut binding) = ready().await;
    bench.kubernetes.put_account("app");
    bench.aws.tamper(ROLE, |stored| stored.attached.clear());
    bench.aws.fail("AttachRolePolicy", Kind::LimitExceeded);
    let bench = bench.restarted();
    bench.end(&mut binding, Reason::QuotaExceeded, "AttachRolePolicy").await;
    assert_eq!(bench.kubernetes.take_writes().len(), 1);
    assert_eq!(aspect(&binding, ConditionType::RoleSynced).0, "True");
    assert_eq!(aspect(&binding, ConditionType::PoliciesSynced).0, "False");
}

#[tokio::test]
async fn a_boundary_that_the_organisation_set_stays_and_is_told() {
    let (bench, mut binding) = ready().await;
    bench.federate(unbounded);
    edit(&mut binding, |spec| spec["policies"]["inline"] = json!([]));
    bench.succeed(&mut binding).await;
    let stored = bench.aws.get(ROLE).unwrap();
    assert_eq!(
        stored.role.permissions_boundary, None,
        "ours went with the federation's"
    );
    assert!(!stored.role.tags.contains_key("irsa-anywhere.dev/boundary"));

    bench.aws.tamper(ROLE, |stored| {
        stored.role.permissions_boundary = Some(BOUNDARY.to_owned());
    });
    let bench = bench.restarted();
    bench.federate(unbounded);
    bench.aws.take_calls();
    bench.kubernetes.take_events();
    bench.succeed(&mut binding).await;
    let calls = bench.aws.take_calls();
    assert!(
        calls
            .iter()
            .all(|call| call.starts_with("Get") || call.starts_with("List")),
        "{calls:?}"
    );
    let (status, _, message) = aspect(&binding, ConditionType::RoleSynced);
    assert_eq!(status, "True");
    assert!(message.contains(BOUNDARY) && message.contains("stays"), "{message}");
    assert_eq!(bench.kubernetes.take_events(), []);
    let before = binding.status.clone();
    bench.succeed(&mut binding).await;
    assert_eq!(binding.status, before);
}

#[tokio::test]
async fn a_boundary_of_ours_that_must_stay_keeps_its_mark_until_it_may_go() {
    let (bench, mut binding) = ready().await;
    bench.federate(unbounded);
    edit(&mut binding, |spec| spec["policies"]["inline"] = json!([]));
    bench.aws.fail("DeleteRolePermissionsBoundary", Kind::AccessDenied);
    bench
        .end(&mut binding, Reason::AccessDenied, "permissions boundary (refused)")
        .await;
    let stored = bench.aws.get(ROLE).unwrap();
    assert_eq!(stored.role.permissions_boundary.as_deref(), Some(BOUNDARY));
    assert!(stored.role.tags.contains_key("irsa-anywhere.dev/boundary"));
    assert!(stored.inline.is_empty(), "what must go goes");
    bench.aws.recover();
    let bench = bench.restarted();
    bench.federate(unbounded);
    bench.succeed(&mut binding).await;
    let stored = bench.aws.get(ROLE).unwrap();
    assert_eq!(stored.role.permissions_boundary, None);
    assert!(!stored.role.tags.contains_key("irsa-anywhere.dev/boundary"));
}

#[tokio::test]
async fn a_role_from_before_the_mark_is_marked_without_a_word_of_drift() {
    let (bench, mut binding) = ready().await;
    bench.aws.tamper(ROLE, |stored| {
        stored.role.tags.remove("irsa-anywhere.dev/boundary");
    });
    let bench = bench.restarted();
    bench.succeed(&mut binding).await;
    let stored = bench.aws.get(ROLE).unwrap();
    assert!(stored.role.tags.contains_key("irsa-anywhere.dev/boundary"));
    assert_eq!(bench.kubernetes.take_events()[0].0, "Applied");
}

#[tokio::test]
async fn sessions_that_were_revoked_stay_revoked() {
    let (bench, mut binding) = ready().await;
    let revoke = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": ["*"], "Resource": ["*"],
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2026-01-01T00:00:00Z"}}}]});
    bench.aws.tamper(ROLE, |stored| {
        stored
            .inline
            .insert("AWSRevokeOlderSessions".to_owned(), revoke.to_string());
    });
    let bench = bench.restarted();
    bench.succeed(&mut binding).await;
    assert!(
        bench
            .aws
            .get(ROLE)
            .unwrap()
            .inline
            .contains_key("AWSRevokeOlderSessions")
    );
    let (_, _, message) = aspect(&binding, ConditionType::RoleSynced);
    assert!(message.contains("AWSRevokeOlderSessions"), "{message}");
    assert_eq!(bench.kubernetes.take_events(), []);

    // Also where the federation allows no inline policies, and the binding is refused for another reason.
    bench.federate(|federation| federation["spec"]["bindings"]["inlinePolicies"] = json!("Deny"));
    edit(&mut binding, |spec| {
        spec["policies"] = json!({"managed": ["AdministratorAccess"]});
    });
    bench.aws.tamper(ROLE, |stored| drop(stored.inline.remove("bucket")));
    let outcome = bench
        .end(&mut binding, Reason::PolicyNotAllowed, "AdministratorAccess")
        .await;
    assert!(!outcome.message.contains("closed"), "{}", outcome.message);
    assert_eq!(
        outcome.aspects.iter().filter(|one| one.status == Status::False).count(),
        1
    );
}

#[tokio::test]
async fn tags_of_somebody_above_us_are_left_alone_and_no_binding_may_set_them() {
    let (bench, mut binding) = ready().await;
    bench.federate(|federation| federation["spec"]["bindings"]["ignoredTagKeys"] = json!(["cost-*"]));
    bench.aws.tamper(ROLE, |stored| {
        stored.role.tags.insert("Cost-Centre".to_owned(), "42".to_owned());
    });
    bench.aws.take_calls();
    bench.succeed(&mut binding).await;
    let calls = bench.aws.take_calls();
    assert!(!calls.contains(&"UntagRole".to_owned()), "{calls:?}");
    assert_eq!(bench.kubernetes.take_events(), []);
    edit(&mut binding, |spec| {
        spec["role"] = json!({"tags": {"cost-centre": "7"}});
    });
    bench.end(&mut binding, Reason::InvalidSpec, "ignoredTagKeys").await;
    assert_eq!(bench.aws.get(ROLE).unwrap().role.tags["Cost-Centre"], "42");
}

fn denial() -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": ["*"], "Resource": ["*"]}]}).to_string()
}

#[tokio::test]
async fn a_denial_stays_on_a_role_that_is_removed_until_all_that_gives_is_gone() {
    let (bench, binding) = ready().await;
    bench.aws.tamper(ROLE, |stored| {
        stored.inline.insert("AWSRevokeOlderSessions".to_owned(), denial());
    });
    let open = bench.aws.get(ROLE).unwrap();
    for call in ["DetachRolePolicy", "UpdateAssumeRolePolicy"] {
        bench.aws.tamper(ROLE, |stored| stored.clone_from(&open));
        bench.aws.fail(call, Kind::AccessDenied);
        let refused = bench.cleanup(&binding).await.unwrap_err();
        assert_eq!(refused.reason, Reason::AccessDenied, "{}", refused.message);
        let stored = bench.aws.get(ROLE).unwrap();
        assert_eq!(
            stored.inline.keys().collect::<Vec<_>>(),
            ["AWSRevokeOlderSessions"],
            "{call}"
        );
    }
    bench.aws.recover();
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert_eq!(bench.aws.get(ROLE), None);
}

#[tokio::test]
async fn no_binding_overwrites_a_denial_by_its_name_and_everything_else_goes_on() {
    let (bench, mut binding) = ready().await;
    bench.aws.tamper(ROLE, |stored| {
        stored.inline.insert("AWSRevokeOlderSessions".to_owned(), denial());
    });
    edit(&mut binding, |spec| {
        spec["serviceAccounts"] = json!([{"name": "app"}, {"name": "second"}]);
        spec["policies"] = json!({"managed": ["ViewOnlyAccess"], "inline": [
            {"name": "bucket", "document": inline()},
            {"name": "awsrevokeoldersessions", "document": inline()},
        ]});
    });
    let outcome = bench
        .end(&mut binding, Reason::InlineNotAllowed, "awsrevokeoldersessions")
        .await;
    for part in ["spec.policies.inline", "other names"] {
        assert!(outcome.message.contains(part), "{}", outcome.message);
    }
    let stored = bench.aws.get(ROLE).unwrap();
    assert_eq!(stored.inline["AWSRevokeOlderSessions"], denial());
    assert_eq!(stored.inline.len(), 2);
    assert!(stored.attached.contains(VIEW_ONLY) && stored.role.trust_policy.contains("ns:second"));
    assert_eq!(bench.kubernetes.take_writes().len(), 1, "the second is annotated");
    assert_eq!(aspect(&binding, ConditionType::PoliciesSynced).0, "False");
    assert_eq!(aspect(&binding, ConditionType::RoleSynced).0, "True");

    bench.aws.take_calls();
    let before = binding.status.clone();
    bench
        .end(&mut binding, Reason::InlineNotAllowed, "not overwritten")
        .await;
    assert_eq!(binding.status, before);
    let calls = bench.aws.take_calls();
    let only_reads = calls
        .iter()
        .all(|call| call.starts_with("Get") || call.starts_with("List"));
    assert!(only_reads, "{calls:?}");

    bench
        .aws
        .tamper(ROLE, |stored| drop(stored.inline.remove("AWSRevokeOlderSessions")));
    bench.succeed(&mut binding).await;
}

#[tokio::test]
async fn who_must_go_goes_whatever_else_is_refused() {
    let (bench, mut binding) = ready().await;
    bench.aws.fail("DetachRolePolicy", Kind::AccessDenied);
    edit(&mut binding, |spec| {
        spec["serviceAccounts"] = json!([{"name": "second"}]);
        spec["policies"]["managed"] = json!(["ViewOnlyAccess"]);
    });
    bench.end(&mut binding, Reason::AccessDenied, "DetachRolePolicy").await;
    let trust = bench.aws.get(ROLE).unwrap().role.trust_policy;
    assert!(!trust.contains("ns:app") && !trust.contains("ns:second"), "{trust}");
}
