//! `--wait`, with the Deployments' own controller: Helm ends when the pods are ready, and not before.

use irsa_testkit::controlplane::ControlPlane;
use irsa_tests::{
    helm::{Helm, chart},
    world::Kubelet,
};

use crate::bench::{Bench, RELEASE};

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_whose_pods_never_come_fails_and_the_same_command_mends_it() {
    for helm in Helm::ALL {
        let cluster = ControlPlane::builder().controller_manager(true).start().await.unwrap();
        let bench = Bench {
            cluster: &cluster,
            helm,
        };
        let chart = chart().display().to_string();
        let command = ["upgrade", "--install", RELEASE, &chart, "--create-namespace", "--wait"];
        let refusal = bench.refused(&[&command[..], &["--timeout=10s"]].concat()).await;
        assert!(
            refusal.contains("deadline exceeded") || refusal.contains("timed out"),
            "{helm:?}: {refusal}"
        );
        assert_eq!(bench.status().await, "failed", "{helm:?}");
        let ready = async || bench.deployment().await["status"]["readyReplicas"].as_u64();
        assert_eq!(ready().await, None, "{helm:?}");

        let _kubelet = Kubelet::start(cluster.client().unwrap().clone());
        bench.done(&[&command[..], &["--timeout=90s"]].concat()).await;
        assert_eq!(bench.status().await, "deployed", "{helm:?}");
        let wanted = bench.deployment().await["spec"]["replicas"].as_u64();
        assert_eq!(ready().await, wanted, "{helm:?}");
    }
}
