//! What the ServiceAccounts carry that a binding creates.

use super::*;

fn with(template: Value) -> IamRoleBinding {
    binding_with(|binding| {
        binding["spec"]["serviceAccountMode"] = json!("Create");
        binding["spec"]["serviceAccountTemplate"] = template;
    })
}

fn whole() -> Value {
    json!({"labels": {"team": "payments"}, "annotations": {"example.com/owner": "x"}, "automountServiceAccountToken": false})
}

#[tokio::test]
async fn it_is_there_from_the_first_write_on_is_written_once_and_follows_the_spec() {
    let bench = Bench::new();
    let mut binding = with(whole());
    bench.succeed(&mut binding).await;
    let account = bench.kubernetes.account("app").unwrap();
    assert_eq!(account["metadata"]["labels"]["team"], "payments");
    assert_eq!(account["metadata"]["annotations"]["example.com/owner"], "x");
    assert_eq!(account["automountServiceAccountToken"], false);
    assert_eq!(bench.kubernetes.take_writes().len(), 2, "made, and confirmed");
    bench.succeed(&mut binding).await;
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());

    edit(&mut binding, |spec| {
        spec["serviceAccountTemplate"] = json!({"labels": {"team": "billing"}});
    });
    bench.succeed(&mut binding).await;
    let account = bench.kubernetes.account("app").unwrap();
    assert_eq!(account["metadata"]["labels"]["team"], "billing");
    assert!(account["metadata"]["annotations"].get("example.com/owner").is_none());
    assert!(account.get("automountServiceAccountToken").is_none());
    assert_eq!(bench.kubernetes.take_writes().len(), 1);
}

#[tokio::test]
async fn what_was_there_before_does_not_get_it() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    bench.succeed(&mut with(whole())).await;
    let account = bench.kubernetes.account("app").unwrap();
    assert!(account["metadata"]["labels"].get("team").is_none());
    assert!(account.get("automountServiceAccountToken").is_none());
}

#[tokio::test]
async fn somebody_elses_value_is_told_in_the_pass_that_finds_it_and_the_identity_is_put_right_in_the_same() {
    let bench = Bench::new();
    let mut binding = with(whole());
    bench.succeed(&mut binding).await;
    bench
        .kubernetes
        .annotate("app", "kubectl-annotate", "example.com/owner", "y");
    bench.kubernetes.take_writes();
    bench
        .end(
            &mut binding,
            Reason::AnnotationConflict,
            "kubectl-annotate keeps another value of the annotation example.com/owner",
        )
        .await;
    assert_eq!(
        bench.kubernetes.take_writes(),
        Vec::<String>::new(),
        "nothing to put right"
    );

    edit(&mut binding, |spec| spec["pods"] = json!({"region": "us-east-1"}));
    bench
        .end(&mut binding, Reason::AnnotationConflict, "example.com/owner")
        .await;
    let account = bench.kubernetes.account("app").unwrap();
    let annotations = &account["metadata"]["annotations"];
    assert_eq!(annotations["irsa-anywhere.dev/region"], "us-east-1");
    assert_eq!(annotations["example.com/owner"], "y");
    assert_eq!(account["automountServiceAccountToken"], false);
    assert_eq!(bench.kubernetes.take_writes().len(), 1);
    bench
        .end(&mut binding, Reason::AnnotationConflict, "example.com/owner")
        .await;
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn one_that_cannot_be_is_refused_before_anything_is_written() {
    let made = |template: Value, mode: &'static str| {
        binding_with(|binding| {
            binding["spec"]["serviceAccountMode"] = json!(mode);
            binding["spec"]["serviceAccountTemplate"] = template;
        })
    };
    for (mut binding, told) in [
        (made(whole(), "Annotate"), "spec.serviceAccountMode: Create"),
        (
            made(json!({"labels": {"eks.amazonaws.com/x": "y"}}), "Create"),
            "spec.serviceAccountTemplate: the label eks.amazonaws.com/x is reserved",
        ),
        (
            made(json!({"labels": {"team": "a b"}}), "Create"),
            "the value of the label team must be",
        ),
    ] {
        let bench = Bench::new();
        bench.end(&mut binding, Reason::InvalidSpec, told).await;
        assert!(bench.aws.get(ROLE).is_none());
        assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_admission_changes_back_is_told_and_not_written_again() {
    let bench = Bench::new();
    let mut binding = with(json!({"labels": {"team": "payments"}}));
    bench.succeed(&mut binding).await;
    bench.kubernetes.mutate("team", "ns");
    edit(&mut binding, |spec| spec["pods"] = json!({"region": "us-east-1"}));
    bench.kubernetes.take_writes();
    let told = "admission (a webhook or a MutatingAdmissionPolicy) does not let the label team";
    bench.end(&mut binding, Reason::AnnotationConflict, told).await;
    assert_eq!(bench.kubernetes.take_writes().len(), 1);
    for _ in 0..2 {
        bench.end(&mut binding, Reason::AnnotationConflict, told).await;
        assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
    }
    edit(&mut binding, |spec| {
        spec["serviceAccountTemplate"] = json!({"labels": {"team": "ns"}});
    });
    bench.succeed(&mut binding).await;
    let account = bench.kubernetes.account("app").unwrap();
    assert_eq!(
        account["metadata"]["annotations"]["irsa-anywhere.dev/region"],
        "us-east-1"
    );
}

#[tokio::test]
async fn a_conflict_that_stays_does_not_keep_the_names_of_those_who_were_let_go() {
    let bench = Bench::new();
    bench.kubernetes.put_account("job");
    let mut binding = with(whole());
    edit(&mut binding, |spec| {
        spec["serviceAccounts"] = json!([{"name": "app"}, {"name": "job"}]);
    });
    bench.succeed(&mut binding).await;
    bench
        .kubernetes
        .annotate("app", "kubectl-annotate", "example.com/owner", "y");
    edit(&mut binding, |spec| spec["serviceAccounts"] = json!([{"name": "app"}]));
    bench
        .end(&mut binding, Reason::AnnotationConflict, "example.com/owner")
        .await;
    assert_eq!(
        binding.status.as_ref().unwrap().subjects,
        ["system:serviceaccount:ns:app"]
    );
}
