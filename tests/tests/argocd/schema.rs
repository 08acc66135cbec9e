//! Every file of `deploy/argocd`, as the CRDs of Argo CD take it.

use std::fs;

use irsa_testkit::controlplane::{ControlPlane, SigningKey};
use irsa_tests::{
    gitops::{install_kinds, refusal, samples},
    made::made_by,
};

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_is_taken_by_the_kinds_it_is_written_for() {
    let cluster = ControlPlane::builder()
        .signing_key(SigningKey::generate_ec_p256().unwrap())
        .start()
        .await
        .unwrap();
    let kinds = made_by("argocd/build.sh", &[]).unwrap().join("manifests/crds");
    install_kinds(&cluster, &kinds).await.unwrap();
    cluster.create_namespace("argocd").await.unwrap();
    let samples = samples("argocd").unwrap();
    let texts: Vec<String> = samples.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let applications = texts.iter().filter(|text| text.contains("\nkind: Application\n"));
    assert_eq!(applications.count(), 5);
    assert_eq!(refusal(&cluster, &texts.join("\n---\n")).await.unwrap(), None);

    // And a slip of the pen is seen.
    let bindings = samples
        .iter()
        .find(|path| path.ends_with("irsa-bindings.yaml"))
        .unwrap();
    let bindings = fs::read_to_string(bindings).unwrap();
    for (right, wrong) in [("selfHeal:", "selfheal:"), ("syncOptions:", "syncoptions:")] {
        assert!(bindings.contains(right), "{right}");
        let refusal = refusal(&cluster, &bindings.replace(right, wrong)).await.unwrap();
        assert!(refusal.is_some(), "{wrong}");
    }
}
