//! Every file of `deploy/` but those for Argo CD, and what docs/gitops.md shows for Flux, as the CRDs take it.

use std::{fs, path::PathBuf};

use irsa_testkit::controlplane::{ControlPlane, SigningKey};
use irsa_tests::{
    gitops::{refusal, samples},
    world::repository,
};

use crate::controller::install_kinds;

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_is_taken_by_the_kinds_it_is_written_for() {
    let cluster = ControlPlane::builder()
        .signing_key(SigningKey::generate_ec_p256().unwrap())
        .start()
        .await
        .unwrap();
    cluster.apply_file(&repository().join("crds"), true).await.unwrap();
    install_kinds(&cluster).await;
    for namespace in ["flux-system", "irsa-anywhere-system", "shop"] {
        cluster.create_namespace(namespace).await.unwrap();
    }
    let samples: Vec<PathBuf> = ["flux", "irsa", "apps"]
        .iter()
        .flat_map(|below| samples(below).unwrap())
        .collect();
    for kind in ["GitRepository", "Kustomization", "HelmRelease", "IamRoleBinding"] {
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
    assert_eq!(refusal(&cluster, &texts.join("\n---\n")).await.unwrap(), None);

    // And a slip of the pen is seen.
    for (path, right, wrong) in [
        ("flux/cluster/irsa-bindings.yaml", "deletionPolicy:", "deletePolicy:"),
        ("flux/cluster/irsa-bindings.yaml", "WaitForTermination", "Wait"),
        ("flux/helm/release/helmrelease.yaml", "releaseName:", "release:"),
    ] {
        let text = fs::read_to_string(repository().join("deploy").join(path)).unwrap();
        assert!(text.contains(right), "{path}: {right}");
        let refusal = refusal(&cluster, &text.replace(right, wrong)).await.unwrap();
        assert!(refusal.is_some(), "{path}: {wrong}");
    }
}
