use irsa_testkit::controlplane::{ControlPlane, SigningKey};
use irsa_tests::{
    helm::{Helm, chart},
    world::{World, kubernetes_minor, pods::variable, serves_policies},
};
use serde_json::json;

use crate::bench::{Bench, Copy, RELEASE};

const CRD: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/iamrolebindings.irsa-anywhere.dev";

/// Three commands: the chart, a federation, a binding. The release's carrier is what this version of Kubernetes can take.
#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_a_pod_with_its_role_by_either_helm() {
    for helm in Helm::ALL {
        let mut world = World::start_empty(SigningKey::generate_ec_p256().unwrap())
            .await
            .unwrap();
        let bench = Bench {
            cluster: &world.cluster,
            helm,
        };
        let installed = bench.install(&[]).await;
        let policy = serves_policies(&world.cluster).await.unwrap();
        assert_eq!(policy, kubernetes_minor().unwrap() >= 36);
        let notes = if policy { "the API server itself" } else { "a webhook" };
        assert!(installed.stdout.contains(notes), "{}", installed.stdout);
        world.start_webhook_if_deployed().await.unwrap();
        world.start_operator().await.unwrap();
        world.apply_samples().await.unwrap();
        world.injected_pod("default", "app").await.unwrap();

        // helm test asks the federation, by the operator's own binary.
        let bench = Bench {
            cluster: &world.cluster,
            helm,
        };
        let path = "/api/v1/namespaces/irsa-anywhere-system/pods/irsa-anywhere-test";
        let test = bench.done(&["test", RELEASE]);
        let look = async {
            let pod = bench.appears(path).await;
            let (is_ready, said) = bench.look(&pod["spec"]).await;
            assert!(is_ready && said.contains("Ready: default."), "{said}");
            bench.set_status(path, &json!({"phase": "Succeeded"})).await;
        };
        let (test, ()) = tokio::join!(test, look);
        assert!(test.stdout.contains("Succeeded"), "{}", test.stdout);

        // What the operator and the webhook have written since is theirs: an upgrade finds no conflict and changes nothing of it.
        let chart = chart().display().to_string();
        bench
            .done(&["upgrade", RELEASE, &chart, "--set=operator.podLabels.next=release"])
            .await;
        let pod = world.create_pod("default", "app").await.unwrap();
        assert!(variable(&pod, "AWS_ROLE_ARN").is_some(), "{helm:?}: {pod:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_brings_a_new_field_of_the_kinds_and_a_rollback_takes_it_back() {
    for helm in Helm::ALL {
        let cluster = ControlPlane::builder().start().await.unwrap();
        let bench = Bench {
            cluster: &cluster,
            helm,
        };
        bench.install(&[]).await;
        let next = Copy::new("0.2.0");
        let file = "files/crds/iamrolebindings.irsa-anywhere.dev.yaml";
        let properties = "\n            properties:\n";
        let field = "              newField:\n                type: string\n";
        next.replace(file, properties, &format!("{properties}{field}"));
        let has_field = async || bench.get(CRD).await.unwrap().to_string().contains("newField");
        assert!(!has_field().await);
        bench
            .done(&["upgrade", RELEASE, &next.path().display().to_string()])
            .await;
        assert!(has_field().await, "{helm:?}");
        bench.done(&["rollback", RELEASE, "1"]).await;
        assert!(!has_field().await, "{helm:?}");
        assert_eq!(bench.status().await, "deployed");

        // Again and unchanged: no pod is restarted.
        bench.done(&["upgrade", RELEASE, &chart().display().to_string()]).await;
        assert_eq!(bench.deployment().await["metadata"]["generation"], 1, "{helm:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_replicas_that_somebody_set_is_his_or_the_charts() {
    let cluster = ControlPlane::builder().start().await.unwrap();
    let bench = Bench {
        cluster: &cluster,
        helm: Helm::V4,
    };
    bench.install(&[]).await;
    let scale = async |count: &str| {
        let arguments = [
            "-n",
            "irsa-anywhere-system",
            "scale",
            "deployment/irsa-anywhere",
            "--replicas",
            count,
        ];
        assert!(cluster.kubectl(&arguments).await.unwrap().success);
    };
    scale("3").await;
    let chart = chart().display().to_string();
    let refusal = bench.refused(&["upgrade", RELEASE, &chart]).await;
    assert!(
        refusal.contains(".spec.replicas") && refusal.contains("conflict"),
        "{refusal}"
    );
    bench
        .done(&["upgrade", RELEASE, &chart, "--set=operator.replicas=null"])
        .await;
    assert_eq!(bench.deployment().await["spec"]["replicas"], 3);
    scale("4").await;
    bench
        .done(&["upgrade", RELEASE, &chart, "--set=operator.replicas=null"])
        .await;
    assert_eq!(bench.deployment().await["spec"]["replicas"], 4);
}
