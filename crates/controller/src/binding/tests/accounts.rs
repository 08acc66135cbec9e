//! ServiceAccounts: all are read before anything is written, and none waits for another.

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
async fn whoever_makes_one_while_its_role_is_made_keeps_it() {
    let bench = Bench::new();
    bench.kubernetes.appears_after_a_look("app");
    let mut binding = of(&["app"], "Create");
    bench
        .end(&mut binding, Reason::WriteConflict, "app was made by somebody else")
        .await;
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
    bench.succeed(&mut binding).await;
    let account = bench.kubernetes.account("app").unwrap();
    assert!(
        account["metadata"]["labels"].get("irsa-anywhere.dev/owner").is_none(),
        "{account}"
    );
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert!(bench.kubernetes.account("app").is_some(), "it is not ours to delete");
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
