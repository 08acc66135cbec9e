use irsa_testkit::controlplane::SigningKey;
use irsa_tests::{
    helm::{Helm, chart},
    world::World,
};
use serde_json::json;

use crate::bench::{Bench, RELEASE};

const JOB: &str = "/apis/batch/v1/namespaces/irsa-anywhere-system/jobs/irsa-anywhere-uninstall-check";

/// Uninstalls, and does for the hook's Job what a node and the Job's controller would do. What Helm and the look said.
async fn uninstall(bench: &Bench<'_>) -> (bool, String, String) {
    let helm = bench.run(&["uninstall", RELEASE]);
    let look = async {
        // One of an earlier try is replaced first.
        let before = bench.get(JOB).await.map(|job| job["metadata"]["uid"].clone());
        let job = loop {
            let job = bench.appears(JOB).await;
            if Some(&job["metadata"]["uid"]) != before.as_ref() {
                break job;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        let (may_go, said) = bench.look(&job["spec"]["template"]["spec"]).await;
        let (begun, ended) = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z");
        let condition = |kind: &str| {
            json!({"type": kind, "status": "True", "reason": "Done", "message": "",
            "lastTransitionTime": ended, "lastProbeTime": ended})
        };
        let status = if may_go {
            json!({"startTime": begun, "completionTime": ended, "succeeded": 1, "uncountedTerminatedPods": {},
                   "conditions": [condition("SuccessCriteriaMet"), condition("Complete")]})
        } else {
            json!({"startTime": begun, "failed": 1, "uncountedTerminatedPods": {},
                   "conditions": [condition("FailureTarget"), condition("Failed")]})
        };
        bench.set_status(JOB, &status).await;
        said
    };
    let (ended, said) = tokio::join!(helm, look);
    (ended.success, ended.stderr, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_refused_while_anything_of_ours_is_left_and_then_leaves_only_the_kinds() {
    for helm in Helm::ALL {
        let mut world = World::start_empty(SigningKey::generate_ec_p256().unwrap())
            .await
            .unwrap();
        Bench {
            cluster: &world.cluster,
            helm,
        }
        .install(&[])
        .await;
        world.start_webhook_if_deployed().await.unwrap();
        world.start_operator().await.unwrap();
        world.apply_samples().await.unwrap();
        let roles = world.aws.account(irsa_tests::world::ACCOUNT).role_names().len();

        let bench = Bench {
            cluster: &world.cluster,
            helm,
        };
        let (is_gone, complaint, said) = uninstall(&bench).await;
        assert!(
            !is_gone && complaint.contains("irsa-anywhere-uninstall-check"),
            "{helm:?}: {complaint}"
        );
        assert!(
            said.contains("1 IamRoleBindings (default/app) and 1 OidcFederations (default)"),
            "{said}"
        );
        bench.deployment().await;
        assert_eq!(world.aws.account(irsa_tests::world::ACCOUNT).role_names().len(), roles);

        // Helm takes the release for one that is going; a rollback makes it one that is there.
        let chart = chart().display().to_string();
        let refusal = bench.refused(&["upgrade", RELEASE, &chart]).await;
        assert!(refusal.contains("has no deployed releases"), "{helm:?}: {refusal}");
        bench.done(&["rollback", RELEASE, "1"]).await;
        bench.done(&["upgrade", RELEASE, &chart]).await;
        assert_eq!(bench.status().await, "deployed");

        for kind in ["iamrolebindings", "oidcfederations"] {
            world
                .kubectl(&["delete", kind, "--all", "-A", "--timeout=60s"])
                .await
                .unwrap();
        }
        let (is_gone, complaint, said) = uninstall(&bench).await;
        assert!(is_gone, "{helm:?}: {complaint}");
        assert!(said.contains("neither"), "{said}");
        for path in [
            "/apis/apps/v1/namespaces/irsa-anywhere-system/deployments/irsa-anywhere",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/irsa-anywhere",
            "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/irsa-anywhere-own-token",
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/irsa-anywhere-webhook",
        ] {
            assert_eq!(bench.get(path).await, None, "{helm:?}: {path}");
        }
        let crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/oidcfederations.irsa-anywhere.dev";
        assert!(bench.get(crd).await.is_some(), "{helm:?}: the kinds are gone");
        // And in again: what stayed is no obstacle.
        bench.install(&[]).await;
    }
}
