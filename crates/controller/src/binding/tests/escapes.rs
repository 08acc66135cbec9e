//! Tenants who would keep, or get at, what is not theirs: forged status, a finalizer taken off, an unreadable object.

use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::channel::mpsc::unbounded;
use irsa_core::{compare, naming::Tags, trust};
use tokio::sync::Semaphore;

use super::*;
use crate::{
    binding::watch::{can_begin_again, clean_up_after},
    watch::Trigger,
};

async fn bound(change: impl FnOnce(&mut Value)) -> (Bench, IamRoleBinding) {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding_with(change);
    bench.succeed(&mut binding).await;
    bench.aws.take_calls();
    bench.kubernetes.take_events();
    (bench, binding)
}

fn is_closed(bench: &Bench) -> bool {
    let role = bench.aws.get(ROLE).unwrap().role;
    compare::equivalent(&role.trust_policy, trust::closed().as_str())
}

fn leave_namespace(federation: &mut Value) {
    federation["spec"]["bindings"]["allowedNamespaces"]["selector"]["matchLabels"]["team"] = json!("b");
}

fn forge(binding: &mut IamRoleBinding, role: Option<&str>, arn: Option<&str>) {
    let status = binding.status.as_mut().unwrap();
    status.role_name = role.map(str::to_owned);
    status.role_arn = arn.map(str::to_owned);
}

fn force(binding: &mut IamRoleBinding) {
    binding.metadata.annotations = Some([("irsa-anywhere.dev/force-delete".to_owned(), String::new())].into());
}

/// What somebody who may write the status could put there to keep the role.
const FORGERIES: [(Option<&str>, Option<&str>); 5] = [
    (Some("p-ns.gone"), Some("arn:aws:iam::123456789012:role/p-ns.gone")),
    (Some("foreign"), Some("arn:aws:iam::123456789012:role/foreign")),
    (Some(ROLE), Some("arn:aws:iam::999999999999:role/p-ns.app")),
    (Some("not a name"), None),
    (None, None),
];

#[tokio::test(start_paused = true)]
async fn a_forged_status_neither_keeps_the_role_nor_gets_at_another() {
    for (role, arn) in FORGERIES {
        let (bench, mut binding) = bound(|_| ()).await;
        bench.aws.put_foreign("foreign", Tags::new());
        let foreign = bench.aws.get("foreign");
        forge(&mut binding, role, arn);
        force(&mut binding);
        bench.shown().await;
        assert_eq!(bench.cleanup(&binding).await, Ok(()), "{role:?} {arn:?}");
        assert!(bench.aws.get(ROLE).is_none(), "{role:?} {arn:?}");
        assert_eq!(bench.aws.get("foreign"), foreign);
    }
}

#[tokio::test]
async fn a_forged_status_does_not_keep_a_role_open_that_is_no_longer_allowed() {
    for (role, arn) in FORGERIES {
        let (bench, mut binding) = bound(|_| ()).await;
        bench.aws.put_foreign("foreign", Tags::new());
        forge(&mut binding, role, arn);
        bench.federate(leave_namespace);
        bench.pass(&mut binding).await;
        assert!(is_closed(&bench), "{role:?} {arn:?}");
        binding.spec.suspend = true;
        bench.controller.suspended(&binding).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_left_behind_is_left_closed_where_the_guard_rails_do_not_allow_it() {
    let retain = |federation: &mut Value| federation["spec"]["bindings"]["allowRetain"] = json!(true);
    let (bench, mut binding) = bound(|_| ()).await;
    binding.spec.deletion_policy = irsa_api::DeletionPolicy::Retain;
    bench.federate(|federation| {
        retain(federation);
        leave_namespace(federation);
    });
    bench.aws.fail("GetRole", irsa_aws::Kind::Unavailable);
    let waits = bench.cleanup(&binding).await.unwrap_err();
    assert_eq!(waits.reason, Reason::AwsUnavailable, "not judged, not let go");
    bench.aws.recover();
    // It is closed, and let go once that must be shown.
    assert_eq!(bench.cleanup(&binding).await.unwrap_err().reason, Reason::Propagating);
    bench.shown().await;
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert!(is_closed(&bench));
}

#[tokio::test]
async fn without_its_federation_nothing_allows_a_role_to_be_left_behind() {
    let (bench, mut binding) = bound(|_| ()).await;
    binding.spec.deletion_policy = irsa_api::DeletionPolicy::Retain;
    bench.controller.federations.forget("default");
    let waits = bench.cleanup(&binding).await.unwrap_err();
    assert_eq!(waits.reason, Reason::FederationNotFound);
    force(&mut binding);
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    let events = bench.kubernetes.take_events();
    assert_eq!(
        (events[0].0.as_str(), events[0].1.as_str()),
        ("Abandoned", "OidcFederation"),
        "recorded on a federation that is gone, too"
    );
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_that_is_taken_off_by_hand_keeps_no_role() {
    let (bench, binding) = bound(|_| ()).await;
    bench.aws.fail("GetRole", irsa_aws::Kind::Unavailable);
    let until_it_works = async {
        tokio::time::sleep(Duration::from_mins(20)).await;
        assert!(bench.aws.get(ROLE).is_some());
        bench.aws.recover();
    };
    let turns = Semaphore::new(1);
    tokio::join!(bench.controller.clean_up_after(&binding, &turns), until_it_works);
    assert!(bench.aws.get(ROLE).is_none());
    let events = bench.kubernetes.take_events();
    assert_eq!(
        (events[0].0.as_str(), events[0].1.as_str()),
        ("Deleted", "OidcFederation")
    );
    assert!(events[0].2.contains("ns/app"), "{}", events[0].2);
}

#[tokio::test(start_paused = true)]
async fn a_binding_that_was_let_go_or_is_followed_is_not_looked_after() {
    let (mut bench, binding) = bound(|_| ()).await;
    let mut again = binding.clone();
    again.metadata.uid = Some("b2".to_owned());
    bench.bindings.apply_watcher_event(&Event::Apply(decoded(&again)));
    bench.controller.clean_up_after(&binding, &Semaphore::new(1)).await;
    assert_eq!(
        bench.aws.take_calls(),
        Vec::<String>::new(),
        "the new object has the role"
    );

    // The same name, but for another role: nobody stands for the old one.
    again.spec.role.name = Some("p-ns.other".to_owned());
    bench.bindings.apply_watcher_event(&Event::Apply(decoded(&again)));
    bench.controller.clean_up_after(&binding, &Semaphore::new(1)).await;
    assert!(bench.aws.get(ROLE).is_none());
    bench.aws.take_calls();

    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    bench.aws.take_calls();
    bench.controller.clean_up_after(&binding, &Semaphore::new(1)).await;
    assert_eq!(bench.aws.take_calls(), Vec::<String>::new(), "let go");
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_judged_by_its_role_and_says_why() {
    let (bench, binding) = bound(|_| ()).await;
    let judge = || bench.controller.unreadable(&binding, "recursion limit exceeded");
    let report = judge().await.unwrap();
    assert_eq!(report.outcome.reason, Reason::InvalidSpec);
    assert!(
        report.outcome.message.contains("recursion limit"),
        "{}",
        report.outcome.message
    );
    assert!(!is_closed(&bench));
    bench.federate(leave_namespace);
    let report = judge().await.unwrap();
    assert!(
        report.outcome.message.contains("nobody can assume"),
        "{}",
        report.outcome.message
    );
    assert!(is_closed(&bench));
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert!(bench.aws.get(ROLE).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_hung_endpoint_holds_a_forced_deletion_for_a_while_and_not_for_ever() {
    let (bench, mut binding) = bound(|_| ()).await;
    bench.aws.hang();
    force(&mut binding);
    let deleted = |minutes| {
        let time = Timestamp::now() - SignedDuration::from_mins(minutes);
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(time))
    };
    binding.metadata.deletion_timestamp = deleted(0);
    let waits = bench.cleanup(&binding).await.unwrap_err();
    assert_eq!(waits.reason, Reason::AwsUnavailable);
    assert_eq!(bench.kubernetes.take_events(), []);
    binding.metadata.deletion_timestamp = deleted(6);
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert_eq!(bench.kubernetes.take_events()[0].0, "Abandoned");
    let text = bench.metrics();
    assert!(text.contains(r#"abandoned_total{kind="binding"} 1"#), "{text}");
    assert!(text.contains(r#"abandoned_total{kind="federation"} 0"#), "{text}");
}

#[tokio::test]
async fn a_name_that_only_somebody_elses_role_can_have_holds_no_deletion() {
    let bench = Bench::new();
    bench.aws.fail("GetRole", irsa_aws::Kind::AccessDenied);
    let mut binding = binding_with(|binding| binding["spec"]["role"] = json!({"name": "admin"}));
    bench.end(&mut binding, Reason::InvalidSpec, "must start with").await;
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    // One that may have been made is waited for.
    binding.spec.role.name = None;
    assert_eq!(bench.cleanup(&binding).await.unwrap_err().reason, Reason::AccessDenied);
    binding.spec.role.name = Some("admin".to_owned());
    binding.status.as_mut().unwrap().role_name = Some("admin".to_owned());
    assert_eq!(bench.cleanup(&binding).await.unwrap_err().reason, Reason::AccessDenied);
}

#[tokio::test(start_paused = true)]
async fn what_went_is_cleaned_up_in_turn() {
    let (bench, binding) = bound(|_| ()).await;
    bench.aws.take_calls();
    let turns = Semaphore::new(0);
    let waiting = bench.controller.clean_up_after(&binding, &turns);
    let waited = tokio::time::timeout(Duration::from_hours(1), waiting).await;
    assert!(waited.is_err());
    assert_eq!(bench.aws.take_calls(), Vec::<String>::new(), "no turn, no call");
    turns.add_permits(1);
    bench.controller.clean_up_after(&binding, &turns).await;
    assert!(bench.aws.get(ROLE).is_none());
}

#[tokio::test(start_paused = true)]
async fn what_has_to_be_removed_or_is_left_without_a_binding_is_not_forgotten_by_beginning_again() {
    let (bench, binding) = bound(|_| ()).await;
    let (cleanups, inventories) = (AtomicUsize::new(0), &bench.controller.inventories);
    assert!(can_begin_again(&cleanups, inventories));
    let (gone, went) = unbounded();
    cleanups.fetch_add(1, Ordering::Relaxed);
    // Of whose role no inventory is told.
    let mut unknown = binding.clone();
    unknown.status.as_mut().unwrap().role_id = None;
    gone.unbounded_send(unknown).unwrap();
    bench.aws.fail("DeleteRole", irsa_aws::Kind::AccessDenied);
    let (trigger, _asked) = Trigger::over(bench.controller.store.clone());
    let mut cleaning = pin!(clean_up_after(went, &cleanups, &bench.controller, &trigger));
    let an_hour = Duration::from_hours(1);
    assert!(tokio::time::timeout(an_hour, cleaning.as_mut()).await.is_err());
    assert!(bench.aws.get(ROLE).is_some() && !can_begin_again(&cleanups, inventories));
    bench.aws.recover();
    assert!(tokio::time::timeout(an_hour, cleaning).await.is_err());
    assert!(bench.aws.get(ROLE).is_none() && can_begin_again(&cleanups, inventories));

    bench.controller.note_left(&binding);
    assert!(!can_begin_again(&cleanups, inventories));
}

#[tokio::test]
async fn the_canary_is_never_bound() {
    let bench = Bench::new();
    let mut binding = binding_with(|binding| {
        binding["spec"]["serviceAccounts"] = json!([{"name": "app"}, {"name": "irsa-anywhere-canary"}]);
    });
    bench
        .end(&mut binding, Reason::InvalidSpec, "irsa-anywhere-canary")
        .await;
    assert!(bench.aws.get(ROLE).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_forged_name_does_not_let_go_of_a_role_that_iam_does_not_show_yet() {
    let (bench, mut binding) = bound(|_| ()).await;
    bench.aws.put_foreign("theirs", Tags::new());
    binding.status.as_mut().unwrap().role_name = Some("theirs".to_owned());
    let hidden = bench.aws.hide(ROLE);
    let waiting = bench.cleanup(&binding).await.unwrap_err();
    assert_eq!(waiting.reason, Reason::Propagating, "{}", waiting.message);
    bench.aws.show(hidden);
    bench.shown().await;
    bench.cleanup(&binding).await.unwrap();
    assert!(bench.aws.get(ROLE).is_none());
    assert!(bench.aws.get("theirs").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_retained_is_judged_again_once_iam_shows_what_was_last_made_of_it() {
    let (bench, mut binding) = bound(|_| ()).await;
    edit(&mut binding, |spec| spec["deletionPolicy"] = json!("Retain"));
    bench.federate(|federation| {
        federation["spec"]["bindings"]["allowRetain"] = json!(true);
        federation["spec"]["bindings"]["allowedManagedPolicies"] = json!([]);
    });
    let hidden = bench.aws.hide(ROLE);
    assert_eq!(bench.cleanup(&binding).await.unwrap_err().reason, Reason::Propagating);
    bench.aws.show(hidden);
    bench.shown().await;
    // What it is closed by must be shown, too.
    assert_eq!(bench.cleanup(&binding).await.unwrap_err().reason, Reason::Propagating);
    assert!(is_closed(&bench));
    bench.shown().await;
    bench.cleanup(&binding).await.unwrap();
    assert!(bench.aws.get(ROLE).is_some());
}
