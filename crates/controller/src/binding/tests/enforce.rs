//! Roles that guard-rails no longer allow, and tenants who would keep them.

use std::time::Duration;

use irsa_core::{compare, trust};
use tokio::time::sleep;

use super::*;
use crate::{binding::inventory::keep, watch::Trigger};

/// An edit and the reason that it is refused for.
type Break = (fn(&mut Value), Reason);

/// A binding whose role is made, and the calls that made it forgotten.
async fn bound(change: impl FnOnce(&mut Value)) -> (Bench, IamRoleBinding) {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding_with(change);
    bench.succeed(&mut binding).await;
    bench.aws.take_calls();
    (bench, binding)
}

fn is_closed(bench: &Bench) -> bool {
    let role = bench.aws.get(ROLE).unwrap().role;
    compare::equivalent(&role.trust_policy, trust::closed().as_str())
}

fn forbid_policies(federation: &mut Value) {
    federation["spec"]["bindings"]["allowedManagedPolicies"] = json!([]);
}

fn leave_namespace(federation: &mut Value) {
    federation["spec"]["bindings"]["allowedNamespaces"]["selector"]["matchLabels"]["team"] = json!("b");
}

#[tokio::test]
async fn no_broken_spec_keeps_a_role_open_that_is_no_longer_allowed() {
    let breaks: [Break; 4] = [
        (|spec| spec["audiences"] = json!(["$x"]), Reason::InvalidSpec),
        (
            |spec| spec["policies"]["managed"] = json!(["arn:aws-cn:iam::aws:policy/X"]),
            Reason::InvalidSpec,
        ),
        (
            |spec| spec["policies"]["inline"][0]["document"] = json!({"Version": "x"}),
            Reason::MalformedPolicy,
        ),
        (
            |spec| {
                let names: Vec<_> = (0..16)
                    .map(|n| json!({"name": format!("{n}-{}", "a".repeat(190))}))
                    .collect();
                spec["serviceAccounts"] = json!(names);
            },
            Reason::TrustPolicyTooLarge,
        ),
    ];
    for (break_it, reason) in breaks {
        let (bench, mut binding) = bound(|_| ()).await;
        edit(&mut binding, break_it);
        bench.end(&mut binding, reason, "").await;
        assert!(!is_closed(&bench), "the role as it is may go on");
        bench.federate(leave_namespace);
        let outcome = bench.end(&mut binding, reason, "nobody can assume the role").await;
        assert!(
            outcome.message.contains("does not serve namespace ns"),
            "{}",
            outcome.message
        );
        assert!(is_closed(&bench));
        bench.aws.take_calls();
        bench.end(&mut binding, reason, "nobody can assume the role").await;
        assert_eq!(bench.aws.take_calls().len(), 3, "closed once");
    }
}

#[tokio::test(start_paused = true)]
async fn suspending_a_binding_does_not_keep_its_role_open() {
    let (bench, mut binding) = bound(|binding| binding["spec"]["suspend"] = json!(true)).await;
    tokio::time::advance(std::time::Duration::from_secs(75)).await;
    assert!(bench.controller.suspended(&binding).await.is_none());
    assert_eq!(
        bench.aws.take_calls(),
        ["GetRole", "ListAttachedRolePolicies", "ListRolePolicies"]
    );
    bench.federate(forbid_policies);
    let report = bench.controller.suspended(&binding).await.unwrap();
    assert_eq!(report.outcome.reason, Reason::PolicyNotAllowed);
    assert!(
        report.outcome.message.contains("suspended"),
        "{}",
        report.outcome.message
    );
    assert!(is_closed(&bench));
    bench.aws.take_calls();
    assert!(bench.controller.suspended(&binding).await.is_some());
    assert_eq!(bench.aws.take_calls().len(), 3, "closed once");

    bench.aws.fail("GetRole", irsa_aws::Kind::Unavailable);
    let report = bench.controller.suspended(&binding).await.unwrap();
    assert_eq!(
        (report.outcome.reason, report.look_again.is_some()),
        (Reason::Suspended, true)
    );
    binding.spec.federation_ref.name = "gone".to_owned();
    assert!(bench.controller.suspended(&binding).await.is_none());
}

/// Nothing else would ever bring it back to a suspended binding that it judged a role as it was before.
#[tokio::test(start_paused = true)]
async fn a_suspended_role_that_was_changed_a_moment_ago_is_judged_again_once_iam_must_show_it() {
    let (bench, binding) = bound(|binding| binding["spec"]["suspend"] = json!(true)).await;
    bench.federate(forbid_policies);
    let shown_later = bench.aws.hide(ROLE);
    let report = bench.controller.suspended(&binding).await.unwrap();
    assert_eq!(report.outcome.reason, Reason::Suspended);
    tokio::time::advance(report.look_again.unwrap()).await;
    bench.aws.show(shown_later);
    let report = bench.controller.suspended(&binding).await.unwrap();
    assert_eq!(report.outcome.reason, Reason::PolicyNotAllowed);
    assert!(is_closed(&bench));
}

/// What docs/tenants.md says of a change in AWS: "of suspended bindings too".
#[tokio::test(start_paused = true)]
async fn what_somebody_attaches_to_a_suspended_role_wakes_its_binding_within_an_interval_and_closes_it() {
    let (mut bench, mut binding) = bound(|_| ()).await;
    edit(&mut binding, |spec| spec["suspend"] = json!(true));
    for event in [Event::Init, Event::InitApply(decoded(&binding)), Event::InitDone] {
        bench.bindings.apply_watcher_event(&event);
    }
    let (trigger, mut woken) = Trigger::over(bench.controller.store.clone());
    let watch = async {
        sleep(Duration::from_mins(3)).await;
        assert!(bench.controller.suspended(&binding).await.is_none());
        assert!(woken.try_recv().is_err(), "nothing has changed yet");
        bench.aws.tamper(ROLE, |stored| {
            stored
                .attached
                .insert("arn:aws:iam::aws:policy/AdministratorAccess".to_owned());
        });
        sleep(Duration::from_mins(10)).await;
        let names: Vec<String> = std::iter::from_fn(|| woken.try_recv().ok())
            .map(|one| one.name)
            .collect();
        assert_eq!(names, ["app"]);
        let report = bench.controller.suspended(&binding).await.unwrap();
        assert_eq!(report.outcome.reason, Reason::PolicyNotAllowed);
        assert!(is_closed(&bench));
    };
    tokio::select! {
        () = watch => {}
        () = keep(&bench.controller, &trigger) => {}
    }
}

#[tokio::test]
async fn a_stalled_federation_still_closes_what_it_does_not_allow() {
    let (bench, mut binding) = bound(|_| ()).await;
    let stalled = |federation: &mut Value| {
        federation["status"]["conditions"] = json!([condition("Stalled", "True")]);
    };
    bench.federate(stalled);
    bench
        .end(&mut binding, Reason::FederationNotReady, "must be corrected")
        .await;
    assert!(!is_closed(&bench));
    bench.federate(|federation| {
        stalled(federation);
        leave_namespace(federation);
    });
    bench
        .end(&mut binding, Reason::FederationNotReady, "nobody can assume the role")
        .await;
    assert!(is_closed(&bench));
}

#[tokio::test]
async fn policies_that_stay_by_exclusive_false_must_be_allowed_like_all_others() {
    let (bench, mut binding) = bound(|_| ()).await;
    edit(&mut binding, |spec| spec["policies"] = json!({"exclusive": false}));
    bench.succeed(&mut binding).await;
    assert_eq!(bench.aws.get(ROLE).unwrap().attached.len(), 1, "what is attached stays");

    bench.federate(forbid_policies);
    let outcome = bench
        .end(&mut binding, Reason::PolicyNotAllowed, "exclusive: false")
        .await;
    assert!(
        outcome.message.contains("nobody can assume the role"),
        "{}",
        outcome.message
    );
    assert!(is_closed(&bench));
    let admitted = |binding: &IamRoleBinding| {
        let all: Vec<_> = binding
            .conditions()
            .iter()
            .filter(|one| one.type_ == "Admitted")
            .cloned()
            .collect();
        all.iter().map(|one| one.status.clone()).collect::<Vec<_>>()
    };
    assert_eq!(admitted(&binding), ["False"]);
    bench
        .end(&mut binding, Reason::PolicyNotAllowed, "exclusive: false")
        .await;
    assert!(is_closed(&bench), "a closed role is not opened again");

    bench.federate(|federation| {
        federation["spec"]["bindings"]["inlinePolicies"] = json!("Deny");
        federation["spec"]["bindings"]
            .as_object_mut()
            .unwrap()
            .remove("permissionsBoundary");
    });
    bench
        .end(&mut binding, Reason::InlineNotAllowed, "exclusive: false")
        .await;
    let role = bench.aws.get(ROLE).unwrap();
    assert_eq!(
        role.role.permissions_boundary.as_deref(),
        Some(BOUNDARY),
        "never unbound with what it has"
    );

    edit(&mut binding, |spec| spec["policies"] = json!({"exclusive": true}));
    bench.succeed(&mut binding).await;
    let role = bench.aws.get(ROLE).unwrap();
    assert!(role.attached.is_empty() && role.inline.is_empty());
}

#[tokio::test]
async fn a_tag_that_the_spec_dropped_goes_also_while_the_spec_is_refused() {
    let tagging = |federation: &mut Value| federation["spec"]["bindings"]["allowedTagKeys"] = json!(["finance"]);
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    bench.federate(tagging);
    let mut binding = binding_with(|binding| binding["spec"]["role"] = json!({"tags": {"finance": "yes"}}));
    bench.succeed(&mut binding).await;
    edit(&mut binding, |spec| {
        spec["role"] = json!({});
        spec["policies"]["managed"] = json!(["AdministratorAccess"]);
    });
    bench.end(&mut binding, Reason::PolicyNotAllowed, "").await;
    let has_tag = || bench.aws.get(ROLE).unwrap().role.tags.contains_key("finance");
    assert!(has_tag(), "still allowed");
    bench.federate(|_| ());
    bench.end(&mut binding, Reason::PolicyNotAllowed, "").await;
    assert!(!has_tag());
    assert!(!is_closed(&bench));
}

#[tokio::test]
async fn a_trust_that_somebody_widened_is_closed_where_it_cannot_be_repaired() {
    let (bench, mut binding) = bound(|_| ()).await;
    bench.aws.tamper(ROLE, |role| {
        role.role.trust_policy = role.role.trust_policy.replace(":ns:app", ":kube-system:default");
    });
    edit(&mut binding, |spec| {
        spec["policies"]["managed"] = json!(["AdministratorAccess"]);
    });
    bench
        .end(&mut binding, Reason::PolicyNotAllowed, "lets in others")
        .await;
    assert!(is_closed(&bench));
}

#[tokio::test]
async fn a_role_in_another_account_is_neither_made_anew_nor_taken_for_gone() {
    let (bench, mut binding) = bound(|_| ()).await;
    bench.aws.tamper(ROLE, |role| role.role.tags.clear());
    let elsewhere = format!("arn:aws:iam::999999999999:role/{ROLE}");
    binding.status.as_mut().unwrap().role_arn = Some(elsewhere.clone());
    bench.end(&mut binding, Reason::WrongAccount, &elsewhere).await;
    assert_eq!(bench.cleanup(&binding).await.unwrap_err().reason, Reason::WrongAccount);
    assert_eq!(
        bench.aws.take_calls(),
        ["GetRole", "GetRole"],
        "looked for, and nothing written"
    );
}

#[tokio::test]
async fn nobody_keeps_a_role_by_standing_in_the_way_of_its_annotation() {
    let (bench, binding) = bound(|_| ()).await;
    bench.kubernetes.set_down(true);
    assert!(bench.cleanup(&binding).await.is_err());
    assert!(bench.aws.get(ROLE).is_none());
    bench.kubernetes.set_down(false);
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
}
