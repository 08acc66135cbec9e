//! kustomize-controller as a process, with the rights that Flux gives it, and what it needs in a cluster.

use std::path::Path;

use irsa_testkit::controlplane::{
    ControlPlane,
    process::{Launch, Process},
};
use irsa_tests::{gitops, made::made_by};

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

/// Installs the kinds of Flux.
pub(crate) async fn install_kinds(cluster: &ControlPlane) {
    let kinds = made_by("flux/crds.sh", &[]).unwrap();
    gitops::install_kinds(cluster, &kinds).await.unwrap();
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
        program: &made_by("flux/build.sh", &[]).unwrap(),
        arguments: &arguments.map(str::to_owned),
        environment: &environment.map(|(name, value)| (name.to_owned(), value)),
    })
    .unwrap()
}
