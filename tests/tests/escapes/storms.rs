//! Work without end.

use serde_json::json;

use crate::stage::stage;

#[tokio::test]
async fn an_annotation_that_changes_all_the_time_costs_aws_little() {
    let stage = stage().await;
    // Alone: the calls are counted.
    let _alone = stage.alone().await;
    let tenant = stage.tenant("storm").await;
    tenant.bind("app", &json!({})).await.unwrap();
    tenant.ready("app").await;
    let mark = stage.world.mark().await.unwrap();
    for number in 0..100 {
        let value = number.to_string();
        let change = json!({"metadata": {"annotations": {"irsa-anywhere.dev/reconcile-requested-at": value}}});
        tenant.edit("app", &change).await.unwrap();
    }
    let last = |object: &serde_json::Value| object["status"]["lastHandledReconcileAt"] == "99";
    stage
        .world
        .wait_for("the last request to be handled", tenant.key("app"), last)
        .await
        .unwrap();
    let counts = stage.world.counts_since(&mark).await.unwrap();
    let (reads, writes) = (
        counts.aws_reads.values().sum::<usize>(),
        counts.aws_writes.values().sum::<usize>(),
    );
    assert!(reads < 100, "fewer calls than requests: {reads}\n{counts:#?}");
    assert_eq!(writes, 0);
    // The one who makes the storm waits, and others do not.
    let other = stage.tenant("calm").await;
    other.bind("app", &json!({})).await.unwrap();
    other.ready("app").await;
}
