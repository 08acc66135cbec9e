//! Every file of `deploy/`, and what docs/gitops.md shows for Flux, as the CRDs of the tools take it.

use std::{fs, path::PathBuf};

use irsa_testkit::controlplane::{ControlPlane, SigningKey};
use irsa_tests::world::repository;

use crate::controller::install_kinds;

/// All YAML files below `deploy/` but those that kustomize reads itself.
fn samples() -> Vec<PathBuf> {
    let (mut samples, mut left) = (Vec::new(), vec![repository().join("deploy")]);
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") && name != "kustomization.yaml" {
                samples.push(path);
            }
        }
    }
    samples
}

async fn refusal(cluster: &ControlPlane, yaml: &str) -> Option<String> {
    let arguments = [
        "apply",
        "--server-side",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
    ];
    let taken = cluster
        .kubectl_as(&cluster.kubeconfig(), &arguments, Some(yaml))
        .await
        .unwrap();
    (!taken.success).then_some(taken.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_is_taken_by_the_kinds_it_is_written_for() {
    let cluster = ControlPlane::builder()
        .signing_key(SigningKey::generate_ec_p256().unwrap())
        .start()
        .await
        .unwrap();
    cluster.apply_file(&repository().join("crds"), true).await.unwrap();
    install_kinds(&cluster).await;
    for namespace in ["flux-system", "argocd", "irsa-anywhere-system", "shop"] {
        cluster.create_namespace(namespace).await.unwrap();
    }
    let samples = samples();
    for kind in [
        "GitRepository",
        "Kustomization",
        "HelmRelease",
        "Application",
        "IamRoleBinding",
    ] {
        let line = format!("\nkind: {kind}\n");
        let has_kind = |path: &&PathBuf| fs::read_to_string(path).unwrap().contains(&line);
        assert!(samples.iter().any(|path| has_kind(&path)), "there is no {kind}");
    }
    let mut texts: Vec<String> = samples.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let guide = fs::read_to_string(repository().join("docs/gitops.md")).unwrap();
    let shown = guide
        .split("```yaml")
        .skip(1)
        .filter_map(|block| block.split("```").next());
    let shown: Vec<&str> = shown
        .filter(|block| block.contains("kustomize.toolkit.fluxcd.io"))
        .collect();
    assert_eq!(shown.len(), 1, "the health checks of the guide");
    texts.extend(shown.iter().map(|block| (*block).to_owned()));
    assert_eq!(refusal(&cluster, &texts.join("\n---\n")).await, None);

    // And a slip of the pen is seen.
    for (path, right, wrong) in [
        ("flux/cluster/irsa-bindings.yaml", "deletionPolicy:", "deletePolicy:"),
        ("flux/cluster/irsa-bindings.yaml", "WaitForTermination", "Wait"),
        ("flux/helm/release/helmrelease.yaml", "releaseName:", "release:"),
        ("argocd/applications/irsa-bindings.yaml", "selfHeal:", "selfheal:"),
    ] {
        let text = fs::read_to_string(repository().join("deploy").join(path)).unwrap();
        assert!(text.contains(right), "{path}: {right}");
        let refusal = refusal(&cluster, &text.replace(right, wrong)).await;
        assert!(refusal.is_some(), "{path}: {wrong}");
    }
}
