//! Argo CD as its processes, with the configuration and the rights that its own installation gives it.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use irsa_testkit::controlplane::{
    ControlPlane, free_port,
    process::{Launch, Process},
};
use irsa_tests::{gitops, helm::Helm, made::made_by};

/// The user that it is to the API server.
pub(crate) const USER: &str = "system:serviceaccount:argocd:argocd-application-controller";

/// What Argo CD's API server makes when it starts, which is no part of this. Without the key the controller takes no change of argocd-cm.
const MADE_BY_ITS_API_SERVER: &str = "
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default, namespace: argocd}
spec:
  sourceRepos: ['*']
  destinations: [{namespace: '*', server: '*'}]
  clusterResourceWhitelist: [{group: '*', kind: '*'}]
---
apiVersion: v1
kind: Secret
metadata: {name: argocd-secret, namespace: argocd}
stringData: {server.secretkey: a key of this test}
";

/// The parts that carry out Applications. Dropping them ends them.
pub(crate) struct Argo {
    controller: Process,
    repo_server: Process,
    _redis: Process,
}

impl Argo {
    /// Installs it, and starts its processes with their logs in a directory.
    pub(crate) async fn start(cluster: &ControlPlane, directory: &Path) -> Self {
        let built = made_by("argocd/build.sh", &[]).unwrap();
        install(cluster, &built.join("manifests")).await;
        let kubeconfig = cluster
            .kubeconfig_for_service_account("argocd", "argocd-application-controller")
            .await
            .unwrap();
        let programs = Programs::new(&built.join("bin"), directory, &kubeconfig);
        let [redis, repositories, probes, metrics] = [(); 4].map(|()| free_port().unwrap());
        let (redis, repositories) = (format!("127.0.0.1:{redis}"), format!("127.0.0.1:{repositories}"));
        let port = |address: &str| address.replace("127.0.0.1:", "");
        Self {
            _redis: programs.start("redis", &[&redis]),
            repo_server: programs.start(
                "argocd-repo-server",
                &[
                    "--address=127.0.0.1",
                    &format!("--port={}", port(&repositories)),
                    "--metrics-address=127.0.0.1",
                    &format!("--metrics-port={probes}"),
                    &format!("--redis={redis}"),
                    "--disable-tls",
                    "--logformat=text",
                ],
            ),
            controller: programs.start(
                "argocd-application-controller",
                &[
                    "--namespace=argocd",
                    &format!("--repo-server={repositories}"),
                    "--repo-server-plaintext",
                    &format!("--redis={redis}"),
                    &format!("--metrics-port={metrics}"),
                    // What takes two to five minutes by default: a comparison that nothing has asked for. On a busy machine it happens that
                    // Argo CD misses that something became healthy.
                    "--app-resync=15",
                    "--app-resync-jitter=0",
                    // So that the health of each object is in its Application, and not only in Redis.
                    "--persist-resource-health",
                    "--logformat=text",
                ],
            ),
        }
    }

    /// The ends of the logs.
    pub(crate) fn tail(&self) -> String {
        format!(
            "application-controller:\n{}\n\nrepo-server:\n{}",
            self.controller.tail(),
            self.repo_server.tail()
        )
    }
}

async fn install(cluster: &ControlPlane, manifests: &Path) {
    gitops::install_kinds(cluster, &manifests.join("crds")).await.unwrap();
    cluster.create_namespace("argocd").await.unwrap();
    for part in ["config", "application-controller-roles", "application-controller"] {
        let part = manifests.join(part).display().to_string();
        let applied = cluster
            .kubectl(&["apply", "--namespace", "argocd", "-k", &part])
            .await
            .unwrap();
        assert!(applied.success, "{}", applied.stderr);
    }
    cluster.apply_yaml(MADE_BY_ITS_API_SERVER).await.unwrap();
}

/// Where the programs are, and what they find when they look around.
struct Programs {
    directory: PathBuf,
    built: PathBuf,
    environment: Vec<(String, String)>,
}

impl Programs {
    fn new(built: &Path, directory: &Path, kubeconfig: &Path) -> Self {
        // It runs `helm`, `kustomize` and `git` by these names.
        let helm = directory.join("helm");
        fs::create_dir_all(&helm).unwrap();
        symlink(Helm::V3.binary().unwrap(), helm.join("helm")).unwrap();
        let own = env::var_os("PATH").unwrap();
        let path = [built.to_owned(), helm].into_iter().chain(env::split_paths(&own));
        let path = env::join_paths(path).unwrap().into_string().unwrap();
        let directory = directory.to_owned();
        let text = |path: &Path| path.display().to_string();
        let environment = [
            ("PATH", path),
            ("HOME", text(&directory)),
            ("TMPDIR", text(&directory)),
            ("KUBECONFIG", text(kubeconfig)),
            // https://kubernetes.default.svc is the cluster of the kubeconfig.
            ("ARGOCD_FAKE_IN_CLUSTER", "true".to_owned()),
            ("ARGOCD_GPG_ENABLED", "false".to_owned()),
            ("ARGOCD_ASK_PASS_SOCK", text(&directory.join("ask-pass.sock"))),
            ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
        ];
        Self {
            directory,
            built: built.to_owned(),
            environment: environment.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    fn start(&self, name: &'static str, arguments: &[&str]) -> Process {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Process::spawn(&Launch {
            name,
            directory: &self.directory,
            program: &self.built.join(name),
            arguments: &arguments,
            environment: &self.environment,
        })
        .unwrap()
    }
}
