use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use irsa_testkit::controlplane::ControlPlane;
use irsa_tests::{
    helm::{Ended, Helm, chart},
    world::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, operator_binary},
};
use serde_json::{Value, json};

pub(crate) const RELEASE: &str = "aws";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/irsa-anywhere-system/deployments/irsa-anywhere";

/// A cluster, and Helm as its administrator.
pub(crate) struct Bench<'a> {
    pub(crate) cluster: &'a ControlPlane,
    pub(crate) helm: Helm,
}

impl Bench<'_> {
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        let namespace = format!("--namespace={OPERATOR_NAMESPACE}");
        let arguments = [arguments, &[namespace.as_str()]].concat();
        self.helm.run_on(&self.cluster.kubeconfig(), &arguments).await.unwrap()
    }

    /// Runs it, and it must end well.
    pub(crate) async fn done(&self, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments).await;
        assert!(
            ended.success,
            "{:?} {arguments:?}: {}{}",
            self.helm, ended.stdout, ended.stderr
        );
        ended
    }

    /// Runs it, and it must be refused. Why.
    pub(crate) async fn refused(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments).await;
        assert!(!ended.success, "{:?} {arguments:?}: {}", self.helm, ended.stdout);
        ended.stderr
    }

    pub(crate) async fn install(&self, more: &[&str]) -> Ended {
        let chart = chart().display().to_string();
        self.done(&[&["install", RELEASE, &chart, "--create-namespace"], more].concat())
            .await
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let reply = self.cluster.client().unwrap().get(path).await.unwrap();
        match reply.status {
            404 => None,
            _ => Some(reply.body),
        }
    }

    pub(crate) async fn deployment(&self) -> Value {
        self.get(DEPLOYMENT).await.unwrap()
    }

    pub(crate) async fn status(&self) -> String {
        let ended = self.run(&["status", RELEASE, "--output=json"]).await;
        if !ended.success {
            return ended.stderr;
        }
        let status: Value = serde_json::from_str(&ended.stdout).unwrap();
        status["info"]["status"].as_str().unwrap().to_owned()
    }

    /// What the container of a hook does, where no node runs pods: the binary of the image, with the arguments and as the ServiceAccount
    /// of the pod's template.
    pub(crate) async fn look(&self, pod: &Value) -> (bool, String) {
        assert_eq!(pod["serviceAccountName"], OPERATOR_ACCOUNT);
        let arguments = pod["containers"][0]["args"].as_array().unwrap().clone();
        let account = self
            .cluster
            .kubeconfig_for_service_account(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT)
            .await
            .unwrap();
        let output = Command::new(operator_binary().unwrap())
            .args(arguments.iter().map(|argument| argument.as_str().unwrap()))
            .env("KUBECONFIG", account)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    /// Waits until there is an object at the path, for a minute.
    pub(crate) async fn appears(&self, path: &str) -> Value {
        for _ in 0..600 {
            if let Some(object) = self.get(path).await {
                return object;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("there is no {path}");
    }

    pub(crate) async fn set_status(&self, path: &str, status: &Value) {
        let path = format!("{path}/status");
        let reply = self
            .cluster
            .client()
            .unwrap()
            .merge_patch(&path, &json!({"status": status}))
            .await
            .unwrap();
        assert!(reply.is_success(), "{}", reply.message());
    }
}

/// A copy of the chart, to be changed: the next release of it.
pub(crate) struct Copy {
    directory: tempfile::TempDir,
}

impl Copy {
    pub(crate) fn new(version: &str) -> Self {
        let copy = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        copy_all(&chart(), &copy.path());
        copy.replace(
            "Chart.yaml",
            &format!("version: {}", env!("CARGO_PKG_VERSION")),
            &format!("version: {version}"),
        );
        copy
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("irsa-anywhere")
    }

    pub(crate) fn replace(&self, file: &str, text: &str, by: &str) {
        let path = self.path().join(file);
        let before = std::fs::read_to_string(&path).unwrap();
        assert!(before.contains(text), "{file} has no {text}");
        std::fs::write(path, before.replacen(text, by, 1)).unwrap();
    }
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_all(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
