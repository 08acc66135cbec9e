//! Many roles for the price of two listings, and what happens where not all may be listed.

use std::time::Duration;

use irsa_aws::Kind;
use tokio::time::sleep;

use super::*;
use crate::{binding::inventory::keep, watch::Trigger};

const LISTINGS: [&str; 2] = ["ListRoles", "GetAccountAuthorizationDetails"];
const DETAILS: &str = "GetAccountAuthorizationDetails";
/// Listings count only so long after our own writes.
const SETTLED: Duration = Duration::from_mins(3);

fn named(name: &str) -> IamRoleBinding {
    binding_with(|binding| {
        binding["metadata"]["name"] = name.into();
        binding["metadata"]["uid"] = name.into();
        binding["spec"]["serviceAccounts"] = json!([{"name": name}]);
    })
}

/// Three bindings that are ready, and a controller that has just started.
async fn three() -> (Bench, Vec<IamRoleBinding>) {
    let bench = Bench::new();
    let mut bindings = Vec::new();
    for name in ["a", "b", "c"] {
        bench.kubernetes.put_account(name);
        let mut binding = named(name);
        bench.succeed(&mut binding).await;
        bindings.push(binding);
    }
    let mut bench = bench.restarted();
    bench.bindings.apply_watcher_event(&Event::Init);
    for binding in &bindings {
        bench.bindings.apply_watcher_event(&Event::InitApply(decoded(binding)));
    }
    bench.bindings.apply_watcher_event(&Event::InitDone);
    bench.aws.take_calls();
    bench.kubernetes.take_writes();
    (bench, bindings)
}

async fn pass_over(bench: &Bench, bindings: &mut [IamRoleBinding]) -> Vec<String> {
    for binding in bindings {
        bench.succeed(binding).await;
    }
    bench.aws.take_calls()
}

fn findings(bench: &Bench) -> irsa_pipeline::federation::roles::Findings {
    bench.controller.inventories.findings(&federation()).unwrap()
}

#[tokio::test]
async fn all_unchanged_roles_cost_two_listings_after_a_restart_and_nothing_until_the_next() {
    let (bench, mut bindings) = three().await;
    assert_eq!(pass_over(&bench, &mut bindings).await, LISTINGS);
    assert!(pass_over(&bench, &mut bindings).await.is_empty());
    assert!(bench.kubernetes.take_writes().is_empty());
    assert_eq!((findings(&bench).ours, findings(&bench).orphans.len()), (3, 0));
}

#[tokio::test]
async fn a_new_binding_costs_one_read_and_three_writes() {
    let (bench, mut bindings) = three().await;
    pass_over(&bench, &mut bindings).await;
    bench.kubernetes.put_account("d");
    let calls = pass_over(&bench, &mut [named("d")]).await;
    assert_eq!(calls, ["GetRole", "CreateRole", "AttachRolePolicy", "PutRolePolicy"]);
}

#[tokio::test]
async fn who_asks_for_a_look_gets_one() {
    let (bench, mut bindings) = three().await;
    pass_over(&bench, &mut bindings).await;
    bench.aws.tamper("p-ns.a", |stored| stored.attached.clear());
    assert!(
        pass_over(&bench, &mut bindings[..1]).await.is_empty(),
        "the inventory is older"
    );
    bindings[0].metadata.annotations =
        Some([("irsa-anywhere.dev/reconcile-requested-at".to_owned(), "now".to_owned())].into());
    let calls = pass_over(&bench, &mut bindings[..1]).await;
    assert!(calls.contains(&"AttachRolePolicy".to_owned()), "{calls:?}");
}

#[tokio::test]
async fn a_look_that_failed_is_made_up_for_before_a_listing_counts_again() {
    let (bench, mut bindings) = three().await;
    pass_over(&bench, &mut bindings).await;
    bench.aws.tamper("p-ns.a", |stored| stored.attached.clear());
    bindings[0].metadata.annotations =
        Some([("irsa-anywhere.dev/reconcile-requested-at".to_owned(), "now".to_owned())].into());
    bench.aws.fail("GetRole", Kind::Throttled);
    bench.end(&mut bindings[0], Reason::Throttled, "").await;
    bindings[0].status.as_mut().unwrap().last_handled_reconcile_at = Some("now".to_owned());
    bench.aws.recover();
    let calls = pass_over(&bench, &mut bindings[..1]).await;
    assert!(calls.contains(&"AttachRolePolicy".to_owned()), "{calls:?}");
}

#[tokio::test]
async fn nothing_is_written_because_of_a_listing_alone() {
    let (bench, mut bindings) = three().await;
    bench.aws.tamper("p-ns.a", |stored| stored.attached.clear());
    let calls = pass_over(&bench, &mut bindings[..1]).await;
    let read_before = [
        "GetRole",
        "ListAttachedRolePolicies",
        "ListRolePolicies",
        "GetRolePolicy",
    ];
    assert_eq!(calls[..2], LISTINGS);
    assert_eq!(calls[2..6], read_before);
    assert_eq!(calls[6..], ["AttachRolePolicy"]);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_was_closed_and_opened_again_is_not_judged_by_an_older_inventory() {
    let (bench, mut bindings) = three().await;
    pass_over(&bench, &mut bindings).await;
    bench.federate(|federation| federation["spec"]["bindings"]["allowedManagedPolicies"] = json!([]));
    bench.end(&mut bindings[0], Reason::PolicyNotAllowed, "closed").await;
    bench.federate(|_| ());
    bench.succeed(&mut bindings[0]).await;
    let trust = bench.aws.get("p-ns.a").unwrap().role.trust_policy;
    assert!(trust.contains("system:serviceaccount:ns:a"), "{trust}");
}

#[tokio::test]
async fn a_refused_binding_costs_no_calls_while_its_role_may_go_on() {
    let (bench, mut bindings) = three().await;
    pass_over(&bench, &mut bindings).await;
    edit(&mut bindings[0], |spec| {
        spec["policies"]["managed"] = json!(["AdministratorAccess"]);
    });
    bench
        .end(&mut bindings[0], Reason::PolicyNotAllowed, "AdministratorAccess")
        .await;
    assert!(bench.aws.take_calls().is_empty());
}

#[tokio::test]
async fn without_permission_for_details_each_role_is_read_by_itself_now_and_then() {
    let (bench, mut bindings) = three().await;
    bench.aws.fail(DETAILS, Kind::AccessDenied);
    let calls = pass_over(&bench, &mut bindings).await;
    assert_eq!(calls.iter().filter(|call| *call == "GetRole").count(), 3, "{calls:?}");
    let said = findings(&bench)
        .method
        .shortcoming(3, Duration::from_mins(10))
        .unwrap()
        .to_string();
    assert!(said.contains(DETAILS), "{said}");
    assert!(pass_over(&bench, &mut bindings).await.is_empty(), "read a moment ago");
}

#[tokio::test]
async fn a_large_account_is_not_listed_whole() {
    let (bench, mut bindings) = three().await;
    bench.aws.crowd(10_000);
    let calls = pass_over(&bench, &mut bindings).await;
    assert_eq!(calls.iter().filter(|call| *call == "GetRole").count(), 3, "{calls:?}");
    let findings = findings(&bench);
    let lacks = findings.method.shortcoming(3, Duration::from_mins(10)).unwrap();
    assert_eq!(lacks.because.reason(), Reason::LargeAccount);
}

#[tokio::test]
async fn where_nothing_may_be_listed_each_role_is_read_each_time() {
    let (bench, mut bindings) = three().await;
    bench.aws.fail("ListRoles", Kind::AccessDenied);
    for _ in 0..2 {
        let calls = pass_over(&bench, &mut bindings).await;
        assert_eq!(calls.iter().filter(|call| *call == "GetRole").count(), 3, "{calls:?}");
        assert!(!calls.contains(&DETAILS.to_owned()), "{calls:?}");
    }
}

#[tokio::test]
async fn trouble_with_a_listing_is_no_trouble_of_the_bindings() {
    let (bench, mut bindings) = three().await;
    bench.aws.fail(DETAILS, Kind::Throttled);
    let calls = pass_over(&bench, &mut bindings).await;
    assert_eq!(calls.iter().filter(|call| *call == "GetRole").count(), 3);
    assert_eq!(
        calls.iter().filter(|call| *call == DETAILS).count(),
        1,
        "once in a while: {calls:?}"
    );
}

#[tokio::test]
async fn roles_that_were_left_behind_are_named_and_count_against_the_namespace() {
    let (mut bench, mut bindings) = three().await;
    bench
        .bindings
        .apply_watcher_event(&Event::Delete(decoded(&bindings[2])));
    pass_over(&bench, &mut bindings[..2]).await;
    let left: Vec<String> = findings(&bench).orphans.into_iter().map(|orphan| orphan.role).collect();
    assert_eq!(left, ["p-ns.c"]);

    bench.kubernetes.put_account("d");
    let limit = |max: u32| {
        bench.federate(move |federation| federation["spec"]["bindings"]["maxRolesPerNamespace"] = max.into());
    };
    let mut new = binding_with(|binding| {
        *binding = serde_json::to_value(named("d")).unwrap();
        binding["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z".into();
    });
    limit(3);
    bench.end(&mut new, Reason::QuotaExceeded, "maxRolesPerNamespace").await;
    bench.succeed(&mut bindings[1]).await;
    limit(4);
    bench.succeed(&mut new).await;
}

#[tokio::test]
async fn left_over_roles_are_found_also_where_no_listing_shows_their_tags() {
    let (mut bench, mut bindings) = three().await;
    bench.aws.fail(DETAILS, Kind::AccessDenied);
    bench
        .bindings
        .apply_watcher_event(&Event::Delete(decoded(&bindings[2])));
    pass_over(&bench, &mut bindings[..2]).await;
    assert_eq!(findings(&bench).orphans.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changes_wakes_its_binding_within_an_interval() {
    let (bench, mut bindings) = three().await;
    let (trigger, mut woken) = Trigger::over(bench.controller.store.clone());
    let watch = async {
        sleep(SETTLED).await;
        bench.aws.tamper("p-ns.b", |stored| stored.attached.clear());
        sleep(Duration::from_mins(10)).await;
        let names: Vec<String> = std::iter::from_fn(|| woken.try_recv().ok())
            .map(|one| one.name)
            .collect();
        assert_eq!(names, ["b"]);
        let calls = bench.aws.take_calls();
        assert_eq!(
            calls,
            [LISTINGS, LISTINGS].concat(),
            "two in thirteen minutes, and nothing else"
        );
        assert!(
            pass_over(&bench, &mut bindings[1..2])
                .await
                .contains(&"AttachRolePolicy".to_owned())
        );
    };
    tokio::select! {
        () = watch => {}
        () = keep(&bench.controller, &trigger) => {}
    }
}
