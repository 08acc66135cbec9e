use irsa_testkit::controlplane::ControlPlane;
use irsa_tests::{
    helm::{Helm, chart},
    world::{OPERATOR_NAMESPACE, repository, serves_policies},
};
use serde_json::Value;

use crate::bench::{Bench, RELEASE};

/// Every command is the one that the chart's README gives.
#[tokio::test(flavor = "multi_thread")]
async fn from_kustomize_to_helm_and_back_nothing_is_made_anew() {
    for helm in Helm::ALL {
        let cluster = ControlPlane::builder().start().await.unwrap();
        let policy = serves_policies(&cluster).await.unwrap();
        let overlay = repository().join(if policy {
            "config/with-policy"
        } else {
            "config/with-webhook"
        });
        cluster.apply_file(&repository().join("crds"), true).await.unwrap();
        cluster.apply_file(&overlay, true).await.unwrap();
        let bench = Bench {
            cluster: &cluster,
            helm,
        };
        let identity = async || {
            let deployment = bench.deployment().await;
            let crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/iamrolebindings.irsa-anywhere.dev";
            let crd = bench.get(crd).await.unwrap();
            [deployment, crd].map(|object: Value| object["metadata"]["uid"].clone())
        };
        let before = identity().await;

        let chart = chart().display().to_string();
        let refusal = bench.refused(&["upgrade", "--install", RELEASE, &chart]).await;
        assert!(refusal.contains("invalid ownership metadata"), "{helm:?}: {refusal}");
        let mut take = vec!["upgrade", "--install", RELEASE, &chart, "--take-ownership"];
        if helm == Helm::V4 {
            take.push("--force-conflicts");
        }
        bench.done(&take).await;
        assert_eq!(identity().await, before, "{helm:?}");
        assert_eq!(bench.status().await, "deployed");
        bench.done(&["upgrade", RELEASE, &chart]).await;

        let secrets = [
            "-n",
            OPERATOR_NAMESPACE,
            "delete",
            "secret",
            "-l",
            "owner=helm,name=aws",
        ];
        assert!(cluster.kubectl(&secrets).await.unwrap().success);
        cluster.apply_file(&overlay, true).await.unwrap();
        assert_eq!(identity().await, before, "{helm:?}");
        assert!(bench.status().await.contains("not found"));
    }
}
