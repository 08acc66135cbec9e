//! kustomize-controller as a process, with the rights that Flux gives it, and what it needs in a cluster.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use irsa_testkit::controlplane::{
    ControlPlane,
    process::{Launch, Process},
};
use irsa_tests::world::{objects::says, repository};

/// The user that it is to the API server.
pub(crate) const USER: &str = "system:serviceaccount:flux-system:kustomize-controller";

const INSTALLATION: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: flux-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: kustomize-controller, namespace: flux-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: cluster-reconciler-flux-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
  - {kind: ServiceAccount, name: kustomize-controller, namespace: flux-system}
";

/// Installs the kinds of Flux and of Argo CD, and waits until all that there are can be used.
pub(crate) async fn install_kinds(cluster: &ControlPlane) {
    cluster.apply_file(&made_by("crds.sh"), false).await.unwrap();
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    for _ in 0..600 {
        let kinds = cluster.client().unwrap().get(path).await.unwrap().body;
        let kinds = kinds["items"].as_array().unwrap();
        if kinds.iter().all(|kind| says(kind, "Established", "True")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the kinds of Flux and Argo CD are not established");
}

/// Starts it, with its log in a directory.
pub(crate) async fn start(cluster: &ControlPlane, directory: &Path) -> Process {
    install_kinds(cluster).await;
    cluster.apply_yaml(INSTALLATION).await.unwrap();
    let kubeconfig = cluster
        .kubeconfig_for_service_account("flux-system", "kustomize-controller")
        .await
        .unwrap();
    let arguments = [
        "--metrics-addr=0",
        "--health-addr=0",
        // What takes 30 s by default: the time between two looks at a dependency that is not ready.
        "--requeue-dependency=1s",
    ];
    let environment = [
        ("KUBECONFIG", kubeconfig.display().to_string()),
        ("RUNTIME_NAMESPACE", "flux-system".to_owned()),
        ("TMPDIR", directory.display().to_string()),
    ];
    Process::spawn(&Launch {
        name: "kustomize-controller",
        directory,
        program: &made_by("build.sh"),
        arguments: &arguments.map(str::to_owned),
        environment: &environment.map(|(name, value)| (name.to_owned(), value)),
    })
    .unwrap()
}

/// What a script of the testkit makes once: the last line that it prints.
fn made_by(script: &str) -> PathBuf {
    let made = Command::new("bash")
        .arg(repository().join("crates/testkit/flux").join(script))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(made.status.success(), "{script} failed");
    String::from_utf8(made.stdout).unwrap().lines().last().unwrap().into()
}
