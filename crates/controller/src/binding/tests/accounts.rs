//! ServiceAccounts: all are read before anything is written, and none waits for another.

use std::time::Duration;

use super::*;

const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";

fn of(names: &[&str], mode: &str) -> IamRoleBinding {
    binding_with(|binding| {
        let named: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        binding["spec"]["serviceAccounts"] = json!(named);
        binding["spec"]["serviceAccountMode"] = json!(mode);
    })
}

fn role_of<L>(bench: &Bench<L>, name: &str) -> Value {
    bench.kubernetes.account(name).unwrap()["metadata"]["annotations"][ROLE_ARN].clone()
}

#[tokio::test]
async fn one_that_cannot_be_read_keeps_neither_the_role_nor_the_others_waiting() {
    let bench = Bench::new();
    for name in ["a", "b", "c"] {
        bench.kubernetes.put_account(name);
    }
    bench.kubernetes.hide(Some("b"));
    let mut binding = of(&["a", "b", "c"], "Annotate");
    bench
        .end(&mut binding, Reason::ApiServerUnavailable, "the ServiceAccount b")
        .await;
    assert!(bench.aws.get(ROLE).is_some());
    assert_eq!(bench.kubernetes.take_writes(), ["PATCH a", "PATCH c"]);
    assert_eq!(binding.status.as_ref().unwrap().subjects.len(), 3, "all are let in");

    bench.kubernetes.hide(None);
    bench.succeed(&mut binding).await;
    assert_eq!(bench.kubernetes.take_writes(), ["PATCH b"]);
    // And when it goes: two are cleared, the third holds the finalizer.
    bench.kubernetes.hide(Some("b"));
    let left = bench.cleanup(&binding).await.unwrap_err();
    assert!(left.message.contains("the ServiceAccount b"), "{}", left.message);
    assert_eq!(bench.kubernetes.take_writes(), ["PATCH a", "PATCH c"]);
    assert!(bench.aws.get(ROLE).is_none(), "the role goes all the same");
}

#[tokio::test]
async fn all_are_known_before_the_role_is_made() {
    let bench = Bench::new();
    bench.kubernetes.put_account("a");
    bench.aws.fail("CreateRole", irsa_aws::Kind::AccessDenied);
    bench
        .end(&mut of(&["a", "b"], "Create"), Reason::AccessDenied, "")
        .await;
    assert_eq!(bench.kubernetes.take_reads(), ["a", "b"]);
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn whoever_makes_one_while_its_role_is_made_keeps_it_and_it_is_bound_in_the_same_pass() {
    for mode in ["Create", "Annotate"] {
        let bench = Bench::new();
        bench.kubernetes.appears_after_a_look("app");
        let mut binding = of(&["app"], mode);
        bench.succeed(&mut binding).await;
        assert_eq!(bench.kubernetes.take_writes(), ["PATCH app"], "{mode}");
        let account = bench.kubernetes.account("app").unwrap();
        assert!(
            account["metadata"]["labels"].get("irsa-anywhere.dev/owner").is_none(),
            "{account}"
        );
        assert_eq!(bench.cleanup(&binding).await, Ok(()));
        assert!(bench.kubernetes.account("app").is_some(), "it is not ours to delete");
    }
}

/// A pass, and what somebody does while it waits for AWS.
async fn pass_while(bench: &Bench, binding: &mut IamRoleBinding, somebody: impl FnOnce()) -> Outcome {
    bench.aws.delay(Duration::from_millis(20));
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        somebody();
    };
    let (outcome, ()) = tokio::join!(bench.pass(binding), meanwhile);
    bench.aws.delay(Duration::ZERO);
    outcome
}

#[tokio::test(start_paused = true)]
async fn what_another_binding_was_given_meanwhile_is_not_taken_from_it() {
    const ANOTHERS: &str = "arn:aws:iam::123456789012:role/of-another-binding";
    let bench = Bench::new();
    bench.kubernetes.put_account("a");
    bench.kubernetes.put_account("x");
    let mut binding = of(&["a", "x"], "Annotate");
    bench.succeed(&mut binding).await;
    edit(&mut binding, |spec| spec["serviceAccounts"] = json!([{"name": "a"}]));
    let outcome = pass_while(&bench, &mut binding, || bench.kubernetes.rebind("x", ANOTHERS)).await;
    assert_eq!(outcome.reason, Reason::WriteConflict, "{}", outcome.message);
    assert_eq!(role_of(&bench, "x"), json!(ANOTHERS));
    assert_eq!(
        binding.status.as_ref().unwrap().subjects.len(),
        2,
        "it is not forgotten"
    );
    bench.succeed(&mut binding).await;
    assert_eq!(role_of(&bench, "x"), json!(ANOTHERS));
    assert_eq!(binding.status.as_ref().unwrap().subjects.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_changes_between_the_look_and_the_write_is_looked_at_again() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    // A process that has just started expects nothing of any ServiceAccount yet, and reads a role whose status was lost.
    let bench = bench.restarted();
    binding.status = None;
    bench.shown().await;
    bench.kubernetes.take_writes();
    let memory = &bench.controller.memory;
    let outcome = pass_while(&bench, &mut binding, || {
        bench.kubernetes.put_account("app");
        assert!(!memory.account_changed("ns", "app", None), "nobody is woken");
    })
    .await;
    assert_eq!(outcome.reason, Reason::Succeeded, "{}", outcome.message);
    assert_eq!(bench.kubernetes.take_writes(), ["PATCH app"]);
    assert!(role_of(&bench, "app").is_string());
    assert!(!memory.look_at("ns", ["app".to_owned()].iter()).has_changed("ns", "app"));
}

#[tokio::test(start_paused = true)]
async fn a_read_that_hangs_keeps_no_other_account_waiting() {
    let bench = Bench::new();
    for name in ["a", "b"] {
        bench.kubernetes.put_account(name);
    }
    bench.kubernetes.hang_reads_of("a");
    let mut binding = of(&["a", "b"], "Annotate");
    bench
        .end(&mut binding, Reason::ApiServerUnavailable, "within 10 s")
        .await;
    assert_eq!(bench.kubernetes.take_writes(), ["PATCH b"]);
}

#[tokio::test]
async fn what_admission_makes_of_the_last_write_is_told_in_the_same_pass() {
    let bench = Bench::new();
    let mut binding = of(&["app"], "Create");
    edit(&mut binding, |spec| {
        spec["serviceAccountTemplate"] = json!({"labels": {"team": "a"}});
    });
    bench.kubernetes.mutate("team", "b");
    bench
        .end(&mut binding, Reason::AnnotationConflict, "does not let the label team")
        .await;
    let writes = bench.kubernetes.take_writes();
    bench
        .end(&mut binding, Reason::AnnotationConflict, "does not let the label team")
        .await;
    assert_eq!((writes.len(), bench.kubernetes.take_writes().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_does_not_answer_holds_up_nothing_that_is_to_be_taken_from_a_role() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    assert_eq!(bench.aws.get(ROLE).unwrap().attached.len(), 1);
    edit(&mut binding, |spec| spec["policies"]["managed"] = json!([]));
    bench.kubernetes.hang_reads_of("app");
    bench
        .end(&mut binding, Reason::ApiServerUnavailable, "within 10 s")
        .await;
    assert!(bench.aws.get(ROLE).unwrap().attached.is_empty());
}

#[tokio::test]
async fn a_role_that_aws_calls_otherwise_is_never_announced_under_the_name_that_was_expected() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    bench.aws.move_roles_to("/elsewhere/");
    let mut binding = binding();
    bench.end(&mut binding, Reason::Progressing, "/elsewhere/").await;
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
    bench.succeed(&mut binding).await;
    let made = bench.aws.get(ROLE).unwrap().role.arn;
    assert_eq!(role_of(&bench, "app"), json!(made));
}

#[tokio::test]
async fn what_hinders_a_role_is_told_whatever_arn_the_status_has() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    bench.aws.hide(ROLE);
    let bench = bench.restarted();
    bench.kubernetes.take_writes();
    let status = binding.status.as_mut().unwrap();
    status.role_arn = Some("arn:aws:iam::123456789012:role/somebody-elses".to_owned());
    bench.aws.fail("CreateRole", irsa_aws::Kind::AccessDenied);
    bench.end(&mut binding, Reason::AccessDenied, "CreateRole").await;
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_role_that_iam_does_not_show_yet_keeps_its_arn_although_the_status_was_lost() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    let made = bench.aws.hide(ROLE);
    bench.kubernetes.take_writes();
    binding.status = None;
    bench.pass(&mut binding).await;
    assert_eq!(role_of(&bench, "app"), json!(made.role.arn));
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
}
