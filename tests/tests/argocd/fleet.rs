//! A cluster that Argo CD keeps as `deploy/` says: a copy of it is the repository of the people whose cluster it is.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::{
    made::made_by,
    shell_blocks,
    world::{ISSUER, Kubelet, Operator, World, repository},
};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{argo::Argo, git::Repository};

/// The Applications of the samples, in their order. The one above them is [`ROOT`].
pub(crate) const STEPS: [&str; 4] = ["irsa-anywhere", "irsa-federation", "irsa-bindings", "apps"];

pub(crate) const ROOT: &str = "irsa";
pub(crate) const APPLICATIONS: &str = "applications.argoproj.io";

/// Addresses that people replace, and whose they are.
const FLEET: &str = "https://git.example.com/platform/fleet.git";
const OURS: &str = "https://github.com/irsa-anywhere/irsa-anywhere";

pub(crate) struct Fleet {
    argo: Argo,
    kubelet: Option<Kubelet>,
    repository: Repository,
    pub(crate) world: World,
    directory: tempfile::TempDir,
}

impl Fleet {
    /// Argo CD runs and has everything before it. No pod runs, as if all images were still being pulled.
    pub(crate) async fn start(issuers: &[&str], changed: impl FnOnce(&Self)) -> Self {
        let world = World::start_empty_with_controller_manager(issuers, SigningKey::generate_ec_p256().unwrap())
            .await
            .unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (fleet, ours) = (directory.path().join("fleet"), directory.path().join("irsa-anywhere"));
        copy(&["deploy/."], &fleet);
        copy(&["charts"], &ours);
        let ours = Repository::create(ours);
        ours.tag(concat!("v", env!("CARGO_PKG_VERSION")));
        let fleet = Self {
            argo: Argo::start(&world.cluster, directory.path()).await,
            kubelet: None,
            repository: Repository::create(fleet),
            world,
            directory,
        };
        fleet.edit("argocd/root.yaml", FLEET, &fleet.repository.url());
        fleet.edit("argocd/applications/irsa-anywhere.yaml", OURS, &ours.url());
        for step in ["irsa-federation", "irsa-bindings", "apps"] {
            let path = format!("argocd/applications/{step}.yaml");
            fleet.edit(&path, FLEET, &fleet.repository.url());
        }
        changed(&fleet);
        fleet.repository.commit();
        fleet.run(&documented("kubectl apply -f deploy/argocd/root.yaml")).await;
        fleet
    }

    /// Everything is applied and ready.
    pub(crate) async fn ready(changed: impl FnOnce(&Self)) -> Self {
        let mut fleet = Self::start(&[ISSUER], changed).await;
        fleet.run_pods();
        fleet.start_operator().await;
        for step in STEPS.into_iter().chain([ROOT]) {
            fleet.done(step).await;
        }
        fleet
    }

    /// Runs commands of deploy/README.md in a checkout whose `deploy/` is the fleet's.
    pub(crate) async fn run(&self, commands: &str) {
        let checkout = self.directory.path().join("checkout");
        if !checkout.exists() {
            fs::create_dir(&checkout).unwrap();
            symlink(
                fs::canonicalize(repository().join("config")).unwrap(),
                checkout.join("config"),
            )
            .unwrap();
            symlink(self.repository.path(), checkout.join("deploy")).unwrap();
        }
        let tools = made_by("controlplane/build.sh", &[]).unwrap();
        let path = format!("{}:{}", tools.display(), env::var("PATH").unwrap());
        let ended = tokio::process::Command::new("bash")
            .args(["-euxo", "pipefail", "-c", commands])
            .current_dir(&checkout)
            .env("PATH", path)
            .env("KUBECONFIG", self.world.cluster.kubeconfig())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let ended = tokio::time::timeout(Duration::from_mins(5), ended).await;
        let ended = ended
            .unwrap_or_else(|_| panic!("not done:\n{commands}\n{}", self.argo.tail()))
            .unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }

    /// Pods run from now on. What is in those of the operator is another thing: [`Self::start_operator`].
    pub(crate) fn run_pods(&mut self) {
        let client = self.world.cluster.client().unwrap().clone();
        self.kubelet.get_or_insert_with(|| Kubelet::start(client));
    }

    pub(crate) async fn start_operator(&mut self) {
        let applied = ("deployment", "irsa-anywhere-system", "irsa-anywhere");
        self.world
            .wait_for("Argo CD to apply it", applied, |_| true)
            .await
            .unwrap();
        self.world.start_operator().await.unwrap();
    }

    /// A file of the fleet's repository.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.repository.path().join(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.repository.path().join(path), text).unwrap();
    }

    /// Replaces what must be there.
    pub(crate) fn edit(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert!(text.contains(old), "{path}: {old}");
        self.write(path, &text.replace(old, new));
    }

    /// A commit, and an Application that has been brought to it.
    pub(crate) async fn push(&self, name: &str) {
        let commit = self.repository.commit();
        self.refresh(name).await;
        let synced = |application: &Value| {
            let sync = &application["status"]["sync"];
            sync["revision"] == commit.as_str() && sync["status"] == "Synced"
        };
        self.becomes(name, &format!("Synced to {commit}"), synced).await;
    }

    /// Has Argo CD compare an Application with Git and cluster, and waits until it has.
    pub(crate) async fn refresh(&self, name: &str) {
        let annotation = "argocd.argoproj.io/refresh";
        let now = format!("{annotation}=hard");
        let arguments = ["annotate", "--overwrite", APPLICATIONS, name, "-n", "argocd", &now];
        self.world.kubectl(&arguments).await.unwrap();
        let compared = |app: &Value| app["metadata"]["annotations"].get(annotation).is_none();
        self.becomes(name, "a comparison", compared).await;
    }

    pub(crate) async fn application(&self, name: &str) -> Option<Value> {
        self.world.get(APPLICATIONS, "argocd", name).await.unwrap()
    }

    /// Waits until an Application is Synced and Healthy.
    pub(crate) async fn done(&self, name: &str) -> Value {
        self.becomes(name, "Synced and Healthy", is_done).await
    }

    /// Waits until an Application is as wanted, for four minutes.
    pub(crate) async fn becomes(&self, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_mins(4);
        loop {
            let found = self.application(name).await;
            match found {
                Some(application) if wanted(&application) => return application,
                found if Instant::now() > deadline => panic!(
                    "{name}: waited for {what}\n{:#}\n\n{}\n\noperator:\n{}\n\n(in {})",
                    found.unwrap_or_default()["status"],
                    self.argo.tail(),
                    self.world
                        .operator()
                        .map_or_else(|problem| problem.to_string(), Operator::log_tail),
                    self.directory.path().display(),
                ),
                _ => sleep(Duration::from_millis(200)).await,
            }
        }
    }
}

/// The commands of deploy/README.md that this is among.
pub(crate) fn documented(command: &str) -> String {
    let page = "deploy/README.md";
    let text = fs::read_to_string(repository().join(page)).unwrap();
    let blocks = shell_blocks::of(page, &text);
    let block = blocks.iter().find(|block| block.commands().contains(command));
    block.unwrap_or_else(|| panic!("{page}: {command}")).commands()
}

fn copy(of_ours: &[&str], to: &Path) {
    fs::create_dir_all(to).unwrap();
    let copied = Command::new("cp")
        .arg("-R")
        .args(of_ours)
        .arg(to)
        .current_dir(repository())
        .status();
    assert!(copied.unwrap().success());
}

pub(crate) fn is_done(application: &Value) -> bool {
    let status = &application["status"];
    status["sync"]["status"] == "Synced"
        && has_health(application, "Healthy")
        && status["operationState"]["phase"] == "Succeeded"
}

pub(crate) fn has_health(application: &Value, health: &str) -> bool {
    application["status"]["health"]["status"] == health
}

/// What an Application says of an object of it.
pub(crate) fn of_object<'a>(application: &'a Value, kind: &str, name: &str) -> &'a Value {
    let objects = application["status"]["resources"].as_array();
    let found = objects
        .into_iter()
        .flatten()
        .find(|object| object["kind"] == kind && object["name"] == name);
    found.unwrap_or(&Value::Null)
}
