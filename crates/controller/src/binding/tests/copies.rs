//! While another instance of the cluster may have the same bindings.

use super::*;
use crate::instances::InstanceVerdict;

fn doubtful(bench: &Bench) {
    let verdict = InstanceVerdict::Doubtful {
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

    bench.controller.instances.conclude("default", InstanceVerdict::Alone);
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

#[tokio::test(start_paused = true)]
async fn a_role_that_a_binding_had_is_not_made_again_by_one_that_may_be_a_copy() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    bench.aws.hide(ROLE);
    bench.shown().await;
    doubtful(&bench);
    bench
        .end(&mut binding, Reason::FederationNotReady, "may be a copy")
        .await;
    assert!(bench.aws.get(ROLE).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_claim_is_heard_though_the_federation_itself_looks_no_more() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    bench.shown().await;
    doubtful(&bench);
    let refused = bench.cleanup(&binding).await.unwrap_err();
    assert_eq!(refused.reason, Reason::FederationNotReady);
    bench.federate(|federation| {
        federation["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        federation["metadata"]["annotations"] = json!({"irsa-anywhere.dev/claim": "mark"});
    });
    assert_eq!(bench.cleanup(&binding).await, Ok(()));
    assert!(bench.aws.get(ROLE).is_none());
}

#[tokio::test(start_paused = true)]
async fn force_leaves_no_open_role_behind_while_it_is_not_known_whose_it_is() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    bench.shown().await;
    doubtful(&bench);
    let deleted = |ago: SignedDuration| {
        let mut binding = binding.clone();
        binding.metadata.annotations = Some([("irsa-anywhere.dev/force-delete".to_owned(), String::new())].into());
        binding.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
            Timestamp::now() - ago,
        ));
        binding
    };
    let refused = bench.cleanup(&deleted(SignedDuration::from_mins(1))).await.unwrap_err();
    assert!(
        refused.message.contains("force-delete counts only after"),
        "{}",
        refused.message
    );
    assert_eq!(bench.cleanup(&deleted(SignedDuration::from_hours(1))).await, Ok(()));
}
