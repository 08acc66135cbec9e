//! STS and the API server fail in the middle of a proof: before a call, after it, by hanging, by the operator's death; and the pass after.

use std::time::Duration;

use irsa_testkit::{
    aws::{AwsError, Fault, FaultRule},
    controlplane::SigningKey,
};
use irsa_tests::world::{World, objects::condition};
use serde_json::json;

use crate::{ASSUME, binding, is_shown, is_verified, says};

#[tokio::test]
async fn whatever_sts_does_in_the_middle_of_a_proof_the_next_pass_ends_it_and_writes_nothing_else() {
    let world = World::with_samples(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    let error = |status, code: &str| AwsError::new(status, code, "provoked by a test");
    for (number, (call, skip, fault)) in [
        (ASSUME, 0, Fault::ErrorBefore(error(500, "InternalFailure"))),
        (ASSUME, 0, Fault::ErrorAfter(error(500, "InternalFailure"))),
        (ASSUME, 0, Fault::ErrorBefore(error(400, "Throttling"))),
        (ASSUME, 0, Fault::CutAfter),
        (ASSUME, 0, Fault::Hang),
        (
            "sts:GetCallerIdentity",
            0,
            Fault::ErrorBefore(error(500, "InternalFailure")),
        ),
        // What is not the trust policy's refusal proves nothing of it.
        (ASSUME, 1, Fault::ErrorBefore(error(500, "InternalFailure"))),
        (ASSUME, 1, Fault::ErrorBefore(error(400, "InvalidIdentityToken"))),
        (ASSUME, 1, Fault::ErrorAfter(error(400, "Throttling"))),
        (ASSUME, 1, Fault::HangAfter),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("app{number}");
        let described = format!("{call} after {skip}: {fault:?}");
        // The SDK tries three times.
        world.aws.add_fault(FaultRule::new(call, 3, fault).after(skip));
        let mark = world.aws.mark();
        world.cluster.apply_yaml(&binding(&name).to_string()).await.unwrap();
        let proven = world
            .wait_for(&described, ("iamrolebinding", "default", &name), is_verified)
            .await
            .unwrap();
        let log = world.aws.since(mark);
        assert_eq!(
            log.iter().filter(|call| call.operation == "iam:CreateRole").count(),
            1,
            "{described}"
        );
        let last: Vec<_> = log
            .iter()
            .filter(|call| is_shown(call))
            .map(|call| call.error.clone())
            .collect();
        assert!(
            last.ends_with(&[None, Some("AccessDenied".to_owned())]),
            "{described}: {last:?}"
        );
        assert!(proven["status"]["verifiedDigest"].is_string());
        world.aws.clear_faults();
    }
}

#[tokio::test]
async fn an_operator_that_dies_in_the_middle_of_a_proof_leaves_nothing_and_the_next_one_ends_it() {
    let mut world = World::with_samples(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    for (number, fault) in [Fault::Hang, Fault::HangAfter].into_iter().enumerate() {
        for skip in [0, 1] {
            let name = format!("app{number}{skip}");
            world
                .aws
                .add_fault(FaultRule::new(ASSUME, usize::MAX, fault.clone()).after(skip));
            let mark = world.aws.mark();
            world.cluster.apply_yaml(&binding(&name).to_string()).await.unwrap();
            let hangs = move |world: &World| {
                let calls = world.aws.since(mark).into_iter();
                calls.filter(|call| is_shown(call) && call.status.is_none()).count() > 0
            };
            world.wait_until("STS to hang", hangs).await.unwrap();
            world.kill_operator().await.unwrap();
            world.aws.clear_faults();
            let found = world.get("iamrolebinding", "default", &name).await.unwrap().unwrap();
            assert!(
                !is_verified(&found) && found["status"]["verifiedDigest"].is_null(),
                "{found:#}"
            );
            world.start_operator().await.unwrap();
            let object = ("iamrolebinding", "default", name.as_str());
            world.wait_for("Verified=True", object, is_verified).await.unwrap();
            let log = world.aws.since(mark);
            assert_eq!(log.iter().filter(|call| call.operation == "iam:CreateRole").count(), 1);
        }
    }
}

#[tokio::test]
async fn a_proof_that_cannot_be_made_for_a_while_leaves_ready_as_it_was() {
    let world = World::with_samples(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    let error = AwsError::new(500, "InternalFailure", "provoked by a test");
    world
        .aws
        .add_fault(FaultRule::new(ASSUME, usize::MAX, Fault::ErrorBefore(error)));
    let wider =
        json!({"spec": {"serviceAccounts": [{"name": "app"}, {"name": "more"}], "serviceAccountMode": "Create"}});
    world
        .kubectl(&["patch", "irb", "app", "--type", "merge", "-p", &wider.to_string()])
        .await
        .unwrap();
    let app = crate::APP;
    let waiting = world
        .wait_for("AwsUnavailable", app, says("AwsUnavailable"))
        .await
        .unwrap();
    assert_eq!(condition(&waiting, "Ready").unwrap()["status"], "True", "{waiting:#}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.aws.clear_faults();
    let proven = world.wait_for("Verified=True", app, is_verified).await.unwrap();
    assert!(irsa_tests::world::objects::is_ready(&proven));
}
