//! While another instance of the cluster may have the same bindings.

use super::*;
use crate::instances::Verdict;

fn doubtful(bench: &Bench) {
    let verdict = Verdict::Doubtful {
        message: "This cluster may be a copy.".to_owned(),
        contender: "mark".to_owned(),
    };
    bench.controller.instances.conclude("default", verdict);
}

#[tokio::test(start_paused = true)]
async fn no_role_is_changed_or_deleted_while_another_instance_may_have_it() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    doubtful(&bench);
    bench.succeed(&mut binding).await;
    edit(&mut binding, |spec| {
        spec["policies"]["managed"] = json!(["ViewOnlyAccess"]);
    });
    let before = bench.aws.get(ROLE).unwrap();
    bench
        .end(&mut binding, Reason::FederationNotReady, "may be a copy")
        .await;
    bench.shown().await;
    let refused = bench.cleanup(&binding).await.unwrap_err();
    assert_eq!(refused.reason, Reason::FederationNotReady);
    let after = bench.aws.get(ROLE).unwrap();
    assert_eq!(
        (after.role.trust_policy, after.attached),
        (before.role.trust_policy, before.attached)
    );

    bench.controller.instances.conclude("default", Verdict::Alone);
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert!(bench.aws.get(ROLE).is_none());
}

#[tokio::test]
async fn a_role_that_nobody_has_is_made_all_the_same() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    doubtful(&bench);
    bench.succeed(&mut binding()).await;
    assert!(bench.aws.get(ROLE).is_some());
}
