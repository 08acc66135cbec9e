//! More roles than a namespace may have.

use futures::future::join_all;
use irsa_testkit::aws::{AwsError, Fault, FaultRule};
use irsa_tests::world::objects::{is_ready, says};
use serde_json::{Value, json};

use crate::stage::{Tenant, stage};

/// Bindings, each of a ServiceAccount of its own, made at the same moment.
async fn bind_all(tenant: &Tenant<'_>, names: &[String]) {
    let made = names.iter().map(async |name| {
        tenant
            .world
            .cluster
            .ensure_service_account(&tenant.namespace, name)
            .await
            .unwrap();
        tenant
            .bind(name, &json!({"serviceAccounts": [{"name": name}]}))
            .await
            .unwrap();
    });
    join_all(made).await;
}

async fn open_roles(tenant: &Tenant<'_>) -> Vec<String> {
    let roles = tenant.roles().await;
    let open = roles.into_iter().filter(|(_, role)| role.is_open());
    open.map(|(name, _)| name).collect()
}

/// Waits until exactly so many are ready and the rest have been told that there are too many.
async fn settle(tenant: &Tenant<'_>, names: &[String], ready: usize) {
    for _ in 0..240 {
        let mut states = Vec::new();
        for name in names {
            let object = tenant
                .world
                .get("iamrolebinding", &tenant.namespace, name)
                .await
                .unwrap()
                .unwrap();
            states.push((is_ready(&object), says(&object, "Ready", "QuotaExceeded")));
        }
        let (are, wait) = (
            states.iter().filter(|state| state.0),
            states.iter().filter(|state| state.1),
        );
        if are.count() == ready && wait.count() == names.len() - ready {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    panic!("not {ready} of {names:?}: {:#?}", tenant.roles().await);
}

#[tokio::test]
async fn bindings_made_at_once_have_no_more_roles_than_one_after_the_other() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("atonce").await;
    // The last by name first: within a second the first by name goes before all of them.
    let names: Vec<String> = ('a'..='l').rev().map(|letter| format!("b-{letter}")).collect();
    bind_all(&tenant, &names).await;
    settle(&tenant, &names, 3).await;
    let open = open_roles(&tenant).await;
    assert_eq!(open.len(), 3, "{open:?}");
    // A place that becomes free goes to the next.
    let ready = open.first().unwrap().rsplit_once('.').unwrap().1.to_owned();
    tenant.delete_and_wait(&ready).await;
    let left: Vec<String> = names.into_iter().filter(|name| *name != ready).collect();
    settle(&tenant, &left, 3).await;
    assert_eq!(open_roles(&tenant).await.len(), 3);
}

#[tokio::test]
async fn deleting_and_creating_faster_than_aws_answers_gives_no_more_roles() {
    let stage = stage().await;
    let _shared = stage.shared().await;
    let tenant = stage.tenant("faster").await;
    let old: Vec<String> = (0..3).map(|number| format!("old-{number}")).collect();
    bind_all(&tenant, &old).await;
    settle(&tenant, &old, 3).await;
    let denied = Fault::ErrorBefore(AwsError::new(403, "AccessDenied", "not now"));
    let own = format!("{}.old-", tenant.namespace);
    stage
        .world
        .aws
        .add_fault(FaultRule::new("iam:UpdateAssumeRolePolicy", 1_000_000, denied).on(&own));
    for name in &old {
        tenant.delete(name).await;
    }
    let new: Vec<String> = (0..3).map(|number| format!("new-{number}")).collect();
    bind_all(&tenant, &new).await;
    settle(&tenant, &new, 0).await;
    let refused = |object: &Value| says(object, "Ready", "AccessDenied");
    for name in &old {
        stage
            .world
            .wait_for("the cleanup to be refused", tenant.key(name), refused)
            .await
            .unwrap();
    }
    assert_eq!(
        open_roles(&tenant).await.len(),
        3,
        "the old ones, which nothing can close now"
    );
    stage.world.aws.clear_faults();
    for name in &old {
        // Look now, unless it is gone already.
        let change = json!({"metadata": {"annotations": {"irsa-anywhere.dev/reconcile-requested-at": "now"}}});
        let _ = tenant.edit(name, &change).await;
    }
    settle(&tenant, &new, 3).await;
    assert_eq!(open_roles(&tenant).await.len(), 3);
}
