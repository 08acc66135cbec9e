//! ServiceAccounts that were restored from another cluster.

use super::*;

const THEIRS: &str = "arn:aws:iam::123456789012:role/irsa/0a1b2c3d/irsa-0a1b2c3d-team.app";
const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
const CONFIRMED: &str = "irsa-anywhere.dev/confirmed-for";

/// A ServiceAccount as a restore tool writes it.
fn restored() -> Bench {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    bench.kubernetes.annotate("app", "velero-server", ROLE_ARN, THEIRS);
    bench
        .kubernetes
        .annotate("app", "velero-server", CONFIRMED, "its-uid-elsewhere");
    bench
}

#[tokio::test]
async fn a_restored_account_gets_this_bindings_role_by_one_write_and_is_told_of_once() {
    let bench = restored();
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    assert_eq!(bench.kubernetes.take_writes(), ["PATCH app"]);
    let annotations = &bench.kubernetes.account("app").unwrap()["metadata"]["annotations"];
    let role = bench.aws.get(ROLE).unwrap().role.arn;
    assert_eq!(annotations[ROLE_ARN], role);
    assert_eq!(annotations[CONFIRMED], "uid-app");
    let events = bench.kubernetes.take_events();
    let told: Vec<_> = events.iter().filter(|event| event.0 == "TakenOver").collect();
    assert!(told.len() == 1 && told[0].2.contains(THEIRS), "{events:?}");
    bench.succeed(&mut binding).await;
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
    assert_eq!(bench.kubernetes.take_events(), []);
}

#[tokio::test]
async fn what_was_taken_over_goes_with_the_binding_whoever_the_api_server_says_wrote_it() {
    let bench = restored();
    // A value that is ours too stays the restore tool's besides.
    bench.kubernetes.annotate(
        "app",
        "velero-server",
        "eks.amazonaws.com/audience",
        "sts.amazonaws.com",
    );
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    let account = bench.kubernetes.account("app").unwrap();
    assert_eq!(account["metadata"]["annotations"], json!({}));
    assert_eq!(account["metadata"]["labels"], json!({}));
}

#[tokio::test]
async fn whoever_puts_it_back_each_time_is_named_and_not_fought_for_ever() {
    let bench = restored();
    let mut binding = binding();
    for _ in 0..3 {
        bench.succeed(&mut binding).await;
        bench.kubernetes.annotate("app", "gitops", ROLE_ARN, THEIRS);
        bench
            .kubernetes
            .annotate("app", "gitops", CONFIRMED, "its-uid-elsewhere");
        bench.kubernetes.disown("app");
    }
    bench.kubernetes.take_writes();
    bench.end(&mut binding, Reason::AnnotationConflict, "puts").await;
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_created_account_is_confirmed_by_a_second_write_and_then_left_alone() {
    let bench = Bench::new();
    let mut binding = binding_with(|binding| binding["spec"]["serviceAccountMode"] = json!("Create"));
    bench.succeed(&mut binding).await;
    assert_eq!(bench.kubernetes.take_writes(), ["PATCH app", "PATCH app"]);
    let account = bench.kubernetes.account("app").unwrap();
    assert_eq!(account["metadata"]["annotations"][CONFIRMED], "made");
    bench.succeed(&mut binding).await;
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
}
